"""What one organisation's change did to a mean, in words and in a table."""

from rounds.learning.impact.effect import Interval
from rounds.learning.impact.single_site.means import InterruptedMean
from rounds.reports.content.wording import number


def mean_sentences(name: str, label: str, found: InterruptedMean, *, shown_in: str, grain: str) -> tuple[str, ...]:
    """Return what changed from a period on, at once and in trend.

    Args:
        name: of the organisation.
        label: of the first period with the change.
        found: what was found.
        shown_in: what the mean is in.
        grain: what a period is called.
    """
    others = f" and {len(found.controls)} others" if found.controls else ""
    against = f"expected from its own past{others}"
    change = found.difference
    first = (
        f"{name}: from {label} on the mean was {_way(change.estimate, shown_in)} than the {number(found.expected)} "
        f"{against} (95% confidence interval {_ends(change, shown_in)})."
    )
    if change.lower <= 0.0 <= change.upper:
        first = (
            f"{name}: from {label} on no change can be told from the {number(found.expected)} {shown_in} {against}: "
            f"anything from {_ends(change, shown_in)}."
        )
    second = f"At once the level changed by {_signed(found.level, shown_in)}."
    if found.slope is not None:
        second += f" The trend changed by {_signed(found.slope, shown_in)} a {grain}."
    return first, second


def mean_notes_of(found: InterruptedMean, *, shown_in: str) -> tuple[str, ...]:
    """Return how it was worked out, and what rounding leaves open."""
    notes = []
    if found.rounding > 0:
        notes.append(
            f"Means were rounded. The interval takes that for scatter; if every one of them were off the same wrong "
            f"way, the difference would be {number(found.rounding)} {shown_in} lower or higher."
        )
    notes.append(
        f"Least squares weighted by how many each mean is of; one of them varies by {number(found.spread)} {shown_in} "
        f"(standard deviation); errors look back {found.lag} periods (Newey and West), and are never smaller than "
        f"those of independent means. {found.method}."
    )
    return tuple(notes)


def _way(value: float, shown_in: str) -> str:
    return f"{number(abs(value))} {shown_in} {'lower' if value < 0 else 'higher'}"


def _ends(interval: Interval, shown_in: str) -> str:
    ends = sorted((interval.lower, interval.upper), key=abs)
    return f"{_way(ends[0], shown_in)} to {_way(ends[1], shown_in)}"


def _signed(interval: Interval, shown_in: str) -> str:
    return (
        f"{interval.estimate:+.2g} {shown_in} (95% confidence interval {interval.lower:+.2g} to {interval.upper:+.2g})"
    )
