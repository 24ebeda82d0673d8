"""The columns that every table of observed rates shares, and what is said about withheld numbers."""

from rounds.measures.definitions import Measure
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import plural, rate_noun, rate_unit
from rounds.reports.insight import Cell, Mark


def rate_columns(measure: Measure) -> tuple[str, ...]:
    """Return the headings of `rate_cells`."""
    unit = measure.denominator_unit.capitalize()
    rate, events = rate_noun(measure).capitalize(), _numerator(measure)
    return (
        f"{rate} ({rate_unit(measure)})",
        f"{rate}, lowest possible",
        f"{rate}, highest possible",
        events,
        f"{events}, lowest possible",
        f"{events}, highest possible",
        unit,
        f"{unit}, lowest possible",
        f"{unit}, highest possible",
    )


def rate_cells(observed: Observed | None, measure: Measure) -> tuple[Cell, ...]:
    """Return one row of numbers: withheld ones as `[c]` beside their bounds, absent ones as `[x]`."""
    if observed is None:
        return (Mark.NOT_AVAILABLE,) * 9
    top, bottom = observed.numerator, observed.denominator
    lower, upper = observed.rate_bounds(measure.scale)
    rate = observed.rate(measure.scale)
    empty = bottom.upper == 0
    shown: Cell = Mark.NOT_APPLICABLE if empty else Mark.WITHHELD if rate is None else tidy(rate)
    bounds: tuple[Cell, Cell] = (Mark.NOT_APPLICABLE,) * 2 if empty else (tidy(lower), tidy(upper))
    events: tuple[Cell, ...] = (top.cell, top.lower, top.upper)
    if measure.amount is not None:
        events = tuple(tidy(measure.scale * one) if isinstance(one, int) else one for one in events)
    return (shown, *bounds, *events, bottom.cell, bottom.lower, bottom.upper)


def _numerator(measure: Measure) -> str:
    if measure.amount is None:
        return "Events"
    above = f" above {measure.amount.low:g} each" if measure.amount.low else ""
    return f"Sum{above} ({measure.shown_in})"


def tidy(value: float) -> float:
    """Return a number without the noise of its last binary digits: the same input makes the same file."""
    return float(f"{value:.6g}")


def withheld_note(observed: tuple[Observed | None, ...], noun: str) -> tuple[str, ...]:
    """Return what a reader must know about numbers that are not shown, if there are any."""
    withheld = sum(item is not None and item.withheld for item in observed)
    missing = sum(item is None for item in observed)
    notes = []
    if withheld:
        notes.append(
            f"{plural(withheld, noun)} of {len(observed)} withheld to protect patients. Withheld is not "
            f"zero: the chart draws a bar "
            "from the lowest to the highest possible value, and the table gives both."
        )
    if missing:
        notes.append(f"No number was received for {plural(missing, noun)} of {len(observed)}.")
    shown = [
        known
        for item in observed
        if item is not None
        for known in (item.numerator, item.denominator)
        if known.value is not None and known.lower < known.upper
    ]
    if any(item is not None and item.noisy for item in observed):
        notes.append(
            "Noise was added to counts before they left a site. The lowest and the highest possible value lie four "
            "standard deviations of the noise away: the true one lies outside once in some 15,000 numbers. A number "
            "that the noise has made impossible, as below 0, is shown as the nearest that there can be; sums are of "
            "the numbers as they were sent."
        )
    if any(not known.has_noise for known in shown):
        notes.append(
            "Counts are rounded before they leave a site; the table gives the lowest and highest possible true value."
        )
    return tuple(notes)
