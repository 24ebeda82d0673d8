"""How numbers, names and measures are written in a sentence."""

import re
from collections.abc import Sequence
from datetime import date

from rounds.errors import RoundsError
from rounds.measures.definitions import Better, Measure
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain, period_label
from rounds.network.members import Membership
from rounds.reports.insight import Provenance

NETWORK = "network"
"""The scope of a statement about everybody."""
_MOST_DECIMALS = 6


def number(value: float) -> str:
    """Return a number with as many decimals as a reader can use.

    >>> number(0.1234), number(1.934), number(45.67), number(12345.6)
    ('0.12', '1.93', '45.7', '12,346')
    """
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.1:
        return f"{value:.2f}"
    return f"{value:.2g}"


def numbers_apart(value: float | None, ends: tuple[float, float]) -> tuple[str | None, str, str]:
    """Return a number and two ends as readers see them; one that lies just outside is not rounded onto an end.

    >>> numbers_apart(3.52, (3.39, 3.648)), numbers_apart(3.65, (3.39, 3.648))
    (('3.52', '3.39', '3.65'), ('3.650', '3.390', '3.648'))
    """
    lower, upper = (number(end) for end in ends)
    if value is None:
        return None, lower, upper
    said = number(value)
    near = [end for end in ends if number(end) == said]
    if ends[0] <= value <= ends[1] or not near:
        return said, lower, upper
    decimals = len(said.partition(".")[2])
    while decimals < _MOST_DECIMALS and any(f"{end:.{decimals}f}" == f"{value:.{decimals}f}" for end in near):
        decimals += 1
    said, lower, upper = (f"{one:,.{decimals}f}" for one in (value, *ends))
    return said, lower, upper


def rate_text(value: float, measure: Measure) -> str:
    """Return a rate with its unit: "93.4%" or "1.93 per 1,000 admissions"."""
    return f"{number(value)}{rate_suffix(measure)}"


def rate_range(lower: float, upper: float, measure: Measure) -> str:
    """Return two rates and their unit: "91% to 93%" or "1.2 to 1.9 per 1,000 admissions"."""
    return f"{rate_span(lower, upper, measure)}{'' if _is_percent(measure) else rate_suffix(measure)}"


def rate_span(lower: float, upper: float, measure: Measure) -> str:
    """Return two bounds beside a rate whose unit is said already: "1.2 to 1.9" or "91% to 93%"."""
    percent = "%" if _is_percent(measure) else ""
    return f"{number(lower)}{percent} to {number(upper)}{percent}"


def rate_between(lower: float, upper: float, measure: Measure) -> str:
    """Return two bounds in a sentence: "between 1.2 and 1.9 per 1,000 admissions", or one that they agree on."""
    if number(lower) == number(upper):
        return rate_text(lower, measure)
    percent = "%" if _is_percent(measure) else ""
    return f"between {number(lower)}{percent} and {number(upper)}{rate_suffix(measure)}"


def quoted(title: str) -> str:
    """Return an innovation's title as it stands in a sentence: titles are often sentences themselves."""
    return f"“{title}”"


def rate_suffix(measure: Measure) -> str:
    return "%" if _is_percent(measure) else f" {rate_unit(measure)}"


def rate_unit(measure: Measure) -> str:
    """Return the unit of a measure's rate: "% of admissions", "per 1,000 admissions", of a mean "nights"."""
    if measure.shown_in is not None:
        return measure.shown_in
    return f"% of {measure.unit}" if _is_percent(measure) else f"per {measure.per:,} {measure.unit}"


def rate_noun(measure: Measure) -> str:
    """Return what a measure's numbers are called: a rate, or a mean."""
    return "mean" if measure.kind is CountKind.MEAN else "rate"


def _is_percent(measure: Measure) -> bool:
    return measure.per == 100 and measure.kind.is_proportion


def interval_name(measure: Measure) -> str:
    """Return whose intervals a measure's are."""
    return _INTERVALS[measure.kind][0]


def interval_method(measure: Measure) -> str:
    return _INTERVALS[measure.kind][1]


_WILSON = ("Wilson", "wilson-bounds@1")
_INTERVALS = {
    CountKind.PROPORTION: _WILSON,
    CountKind.PROPORTION_OF_ROWS: _WILSON,
    CountKind.RATE: ("Rao's for events over time", "poisson-bounds@1"),
    CountKind.MEAN: ("Wilson's, as wide as values between the lowest and the highest can make it", "mean-bounds@1"),
}


def better_words(better: Better) -> str:
    """Return which way is better, in words."""
    match better:
        case Better.HIGHER:
            return "higher is better"
        case Better.LOWER:
            return "lower is better"
        case Better.NEITHER:
            return "neither higher nor lower is better"


def inline(title: str) -> str:
    """Return a title as it stands inside a sentence; names that start with two capitals or a sign keep theirs.

    >>> inline("Cardiac arrests"), inline("A&E waits"), inline("NEWS2 scores")
    ('cardiac arrests', 'A&E waits', 'NEWS2 scores')
    """
    return title[0].lower() + title[1:] if re.match(r"[A-Z][a-z]", title) else title


def listing(names: Sequence[str], *, limit: int = 5) -> str:
    """Return names as a reader expects them: "A, B and C", or the first few "and 4 more".

    >>> listing(["A", "B", "C"]), listing(["A", "B", "C", "D"], limit=2)
    ('A, B and C', 'A, B and 2 more')
    """
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def slug(*parts: str) -> str:
    """Return a stable identifier made of lower-case letters, digits and hyphens.

    >>> slug("over time", "cardiac_arrests", "RX1")
    'over-time-cardiac-arrests-rx1'
    """
    found = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
    if not found:
        raise RoundsError(f"{parts!r} has no letter or digit to make an identifier of")
    return found


def period_noun(measure: Measure) -> str:
    return "period" if measure.grain is Grain.ALL or measure.span > 1 else str(measure.grain)


def dated(label: str) -> str:
    """Return a period as it stands in a sentence.

    >>> dated("Mar 2024"), dated("all dates")
    ('in Mar 2024', 'over all dates')
    """
    if label == period_label(date.min, Grain.ALL):
        return f"over {label}"
    if " from " in label:
        return f"over the {label}"
    if label.startswith("week"):
        return f"in the {label}"
    return f"on {label}" if label.count(" ") == 2 else f"in {label}"


def plural(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "month"), plural(3, "month")
    ('1 month', '3 months')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def scope_name(member: str, membership: Membership) -> str:
    return "the network" if member == NETWORK else membership.name_of(member)


def across(provenance: Provenance) -> str:
    """Return whose numbers a statement about everybody rests on: the network, or the sites that answered."""
    if not provenance.sites_out:
        return "across the network"
    answered, missing = len(provenance.sites_in), len(provenance.sites_out)
    return f"across {answered} of {plural(answered + missing, 'site')} asked"


def sites_out_words(provenance: Provenance) -> str:
    """Return how many of the sites asked are not in a statement; empty if all are."""
    missing = len(provenance.sites_out)
    return f"{missing} of {plural(len(provenance.sites_in) + missing, 'site')} asked did not answer" if missing else ""


def where(member: str, membership: Membership) -> str:
    """Return "at Northfield Hospital" or "across the network"."""
    return "across the network" if member == NETWORK else f"at {membership.name_of(member)}"
