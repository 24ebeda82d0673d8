"""What a careful reader of a funnel plot must know: its limits, what chance alone does, and where they are rough."""

from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.funnel import Funnel

SPARSE = 10
"""With fewer expected events than this, the arcsine's lower limits flag chance too often."""


def funnel_notes(funnel: Funnel) -> tuple[str, ...]:
    """Return the notes that belong beside a funnel plot, whole sentences in the order to read them.

    Args:
        funnel: the funnel.
    """
    count = len(funnel.values)
    widened = (
        "widened for over-dispersion, the differences that organisations have anyway (they vary "
        f"{funnel.phi:.1f} times as much as chance alone would make them: phi; tau squared {funnel.tau2:.2g})"
        if funnel.tau2 > 0
        else f"not widened, as no over-dispersion was found (phi {funnel.phi:.1f})"
    )
    notes = [
        f"Limits: 95% and 99.8%; {widened}.",
        f"Without any real difference about {count * 0.05:.1f} of {count} organisations would lie beyond the 95% "
        f"limits and {count * 0.002:.1f} beyond the 99.8% limits. A place outside is a prompt to ask why, not a "
        "verdict: case mix, coding and how services are organised all play a part.",
    ]
    rarer = funnel.centre if funnel.kind is not FunnelKind.PROPORTION else min(funnel.centre, 1 - funnel.centre)
    sparse = int((rarer * funnel.denominators < SPARSE).sum())
    if sparse:
        notes.append(
            f"Fewer than {SPARSE} events are expected at {sparse} of {count} organisations; there the limits are "
            "rough and flag chance too often."
        )
    if funnel.kind.ratio:
        notes.append(_RATIO_NOTES[funnel.kind])
    return tuple(notes)


def withheld_words(funnel: Funnel, withheld: int, of: int) -> str:
    """Return what a reader must know of a funnel in which some organisations' counts are withheld.

    Args:
        funnel: the funnel.
        withheld: how many have no value in it; 1 or more.
        of: all organisations.
    """
    how = (
        "The network's rate and the width of the limits rest on what their counts are expected to be, by the "
        "likelihood of the bounds of all counts received; no value is written in for them"
        if funnel.estimated
        else "The network's rate and the width of the limits rest on the others"
    )
    return (
        f"{withheld} {'organisation' if withheld == 1 else 'organisations'} of {of} "
        f"{'has' if withheld == 1 else 'have'} withheld counts. {how}. Outside the limits is “certain” if every value "
        "within the bounds is, “possible” if some are, and “no” if none is."
    )


_COMPARED = (
    "Ratios compare each organisation with what is expected of its own patients, not with one another, and allow only "
    "for what the expected events are made from. "
)
_RATIO_NOTES = {
    FunnelKind.RATIO_SHMI: f"{_COMPARED}Over-dispersion is judged on logarithms without the extreme tenths (SHMI).",
    FunnelKind.RATIO_CQC: f"{_COMPARED}Over-dispersion is judged on roots, with the extreme tenths pulled in (CQC).",
}
