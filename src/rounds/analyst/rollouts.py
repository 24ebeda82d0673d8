"""Power before you start: what a planned rollout could find, from any table of past counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from rounds.analyst.columns import Columns, Guess, Reading, Understood, Wants, understand
from rounds.analyst.counted import Counted, counted
from rounds.analyst.dates import dates_in
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.mean_columns import means_over_time
from rounds.learning.impact.baseline import learn_baseline
from rounds.learning.impact.coarse import Coarse
from rounds.learning.impact.effect import NoEffect
from rounds.learning.impact.mean_power import MeanPower, learn_mean_baseline, mean_needed, mean_rollout_power
from rounds.learning.impact.power import Power, needed, rollout_power
from rounds.learning.impact.rollout_plan import WANTED, Needed
from rounds.reports.content.wording import number, plural

MOST_AHEAD = 120
_MOST_LOOKED_FOR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerResult:
    """What a rollout could find."""

    source: str
    guesses: tuple[Guess, ...]
    found: Power | MeanPower | NoEffect
    enough: Needed | None
    sentences: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def table(self) -> pl.DataFrame:
        """Return the numbers, one row."""
        if isinstance(self.found, NoEffect) or self.enough is None:
            return pl.DataFrame()
        found, enough = self.found, {"periods_needed": self.enough.periods, "sites_needed": self.enough.sites}
        sites = {"sites_with": found.treated_sites, "sites_to_compare": found.comparison_sites}
        if isinstance(found, MeanPower):
            told = {
                "power": found.power,
                "standard_error": found.standard_error,
                "smallest_difference": found.smallest,
                "number_with": found.number,
            }
            return pl.DataFrame([told | sites | enough])
        return pl.DataFrame(
            [
                {
                    "power": found.power,
                    "standard_error": found.standard_error,
                    "smallest_ratio": found.smallest,
                    "events_with": found.events,
                    "information_kept": found.kept,
                }
                | sites
                | enough
            ]
        )


def power(  # noqa: PLR0913 - an analyst's own names for columns, all optional
    data: Any,
    plan: Mapping[str, str | date] | str | Path,
    *,
    ahead: int,
    ratio: float | None = None,
    difference: float | None = None,
    withheld: tuple[int, int] | None = None,
    rounded_to: int = 1,
    when: str | None = None,
    series: str | Sequence[str] = (),
    numerator: str | None = None,
    denominator: str | None = None,
    value: str | None = None,
    shown_in: str | None = None,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    today: date | None = None,
) -> PowerResult:
    """Return how likely a planned rollout is to find an effect, and what would be enough.

    Args:
        data: past counts of every organisation, as in `its`, before anybody has the innovation.
        plan: by organisation, the first day on which it will have it; or the path of a CSV file with a column of
            organisations and one of dates. Who is not in it stays without.
        ahead: how many periods after the last of the table will be counted.
        ratio: the rate ratio to look for: 0.8 is a fifth fewer events.
        difference: of means, the difference to look for, in their units: -0.5 is half a night less.
        withheld: smallest and largest count that will be withheld, if any.
        rounded_to: to a multiple of what other counts will be rounded.
        when: as in `spc`.
        series: as in `spc`.
        numerator: as in `spc`.
        denominator: as in `spc`; of means how many each is of.
        value: the column of means, in place of events.
        shown_in: what means are in, such as nights.
        where: as in `spc`.
        reading: as in `spc`.
        today: as in `spc`.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.impact.power`.
    """
    if not 1 <= ahead <= MOST_AHEAD:
        raise TableError(f"ahead is 1 to {MOST_AHEAD} periods, not {ahead}")
    given = Columns(
        when=when,
        series=(series,) if isinstance(series, str) else tuple(series),
        numerator=numerator if denominator is not None or numerator is None else None,
        denominator=denominator,
        value=value if value is not None else numerator if denominator is None else None,
    )
    understood = understand(table_of(data, where=where), given, reading=reading or Reading(), wants=Wants(dates=True))
    day = today or datetime.now(tz=UTC).date()
    planned = _planned(plan, reading or Reading())
    if value is not None:
        if difference is None or ratio is not None or numerator is not None:
            raise TableError(
                "of means, say with --difference what to look for; --ratio and --numerator are about events"
            )
        if withheld is not None or rounded_to != 1:
            raise TableError(
                "--withheld and --rounded-to are about counts; what rounding does to means is in their scatter"
            )
        means = means_over_time(understood, shown_in=shown_in, today=day, rounded_to=0.0)
        return _of_means(understood, means, planned, difference=difference, ahead=ahead)
    if ratio is None or difference is not None or shown_in is not None:
        raise TableError("of events, say with --ratio what to look for; of means name their column with --value")
    counts = counted(understood, per=None, today=day)
    starts = _starts(counts, planned, ahead)
    try:
        coarse = Coarse(withheld=withheld, base=rounded_to)
        baseline = learn_baseline(counts.panel)
        if isinstance(baseline, NoEffect):
            return _refused(understood.table.name, understood.guesses, baseline)
        found = rollout_power(baseline, starts=starts, ahead=ahead, rate_ratio=ratio, coarse=coarse)
    except ValueError as error:
        raise TableError(f"{understood.table.name}: {error}") from error
    if isinstance(found, NoEffect):
        return _refused(understood.table.name, understood.guesses, found)
    enough = needed(
        baseline, starts=starts, ahead=ahead, rate_ratio=ratio, coarse=coarse, most_periods=_MOST_LOOKED_FOR
    )
    return PowerResult(
        source=understood.table.name,
        guesses=understood.guesses,
        found=found,
        enough=enough,
        sentences=_sentences(found, enough, counts, ratio=ratio, ahead=ahead),
        notes=(
            *found.notes,
            "By the estimator of a round, at a 5% level and 80% power. It holds if rates go on as they were.",
        ),
    )


def _of_means(
    understood: Understood, means: Counted, planned: dict[str, date], *, difference: float, ahead: int
) -> PowerResult:
    name, starts = understood.table.name, _starts(means, planned, ahead)
    try:
        baseline = learn_mean_baseline(means.panel)
        if isinstance(baseline, NoEffect):
            return _refused(name, understood.guesses, baseline)
        found = mean_rollout_power(baseline, starts=starts, ahead=ahead, difference=difference)
    except ValueError as error:
        raise TableError(f"{name}: {error}") from error
    if isinstance(found, NoEffect):
        return _refused(name, understood.guesses, found)
    enough = mean_needed(baseline, starts=starts, ahead=ahead, difference=difference, most_periods=_MOST_LOOKED_FOR)
    grain, way = str(means.spacing.grain), "lower" if difference < 0 else "higher"
    return PowerResult(
        source=name,
        guesses=understood.guesses,
        found=found,
        enough=enough,
        sentences=(
            f"If the innovation makes the mean {number(abs(difference))} {means.unit} {way}, "
            f"{plural(found.treated_sites, 'site')} and {ahead} {grain}s will show it with a chance of "
            f"{100 * found.power:.0f}%.",
            f"With a chance of 80% the smallest effect that shows is {number(found.smallest)} {means.unit}.",
            _enough(found, enough, grain),
        ),
        notes=(
            *means.panel.notes,
            *found.notes,
            "By the estimator of a round, at a 5% level and 80% power. It holds if means go on scattering as they did.",
        ),
    )


def _refused(source: str, guesses: tuple[Guess, ...], why: NoEffect) -> PowerResult:
    return PowerResult(source=source, guesses=guesses, found=why, enough=None, sentences=(why.reason,), notes=())


def _planned(plan: Mapping[str, str | date] | str | Path, reading: Reading) -> dict[str, date]:
    """Return the first day of each organisation that the plan names.

    Raises:
        TableError: if the file has no column of dates or of names, or names an organisation twice.
    """
    if isinstance(plan, Mapping):
        return {name: day if isinstance(day, date) else _day(name, day) for name, day in plan.items()}
    table = table_of(plan)
    found = {
        name: dates
        for name in table.frame.columns
        if (dates := dates_in(table.frame[name], named_so=True, written=reading.dates, of_periods=False)) is not None
    }
    rest = [name for name in table.frame.columns if name not in found]
    if len(found) != 1 or not rest:
        raise TableError(
            f"{table.name}: a plan has one column of organisations and one of dates; {len(found)} of its "
            f"{plural(len(table.frame.columns), 'column')} read as dates"
        )
    names, days = table.frame[rest[0]].cast(pl.String), next(iter(found.values())).days
    planned: dict[str, date] = {}
    for at, (name, day) in enumerate(zip(names, days, strict=True)):
        if name is None or day is None:
            raise TableError(f"{table.name}, {table.place(at)}: an organisation or a date is missing; fill it in")
        if name in planned:
            raise TableError(f"{table.name}, {table.place(at)}: {name} stands twice; keep its first day alone")
        planned[name] = day
    return planned


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text if len(text) > 7 else f"{text}-01")
    except ValueError:
        raise TableError(f"the plan says {text} of {name}; give a date such as 2026-04-01") from None


def _starts(counts: Counted, planned: dict[str, date], ahead: int) -> dict[str, int]:
    """Return the future period from which each has it throughout; who begins after the last is left out."""
    future = [counts.spacing.after(counts.days[-1])]
    while len(future) <= ahead:
        future.append(counts.spacing.after(future[-1]))
    starts = {}
    for name, day in planned.items():
        site = counts.site_of(name)
        if day < future[0]:
            raise TableError(
                f"{name} begins on {day}, but the table goes on to {counts.labels[-1]}: give counts from before "
                "anybody begins, and a plan from then on"
            )
        place = next((at for at, start in enumerate(future[:ahead]) if day <= start), None)
        if place is not None:
            starts[site] = place
    return starts


def _sentences(found: Power, enough: Needed, counts: Counted, *, ratio: float, ahead: int) -> tuple[str, ...]:
    grain = str(counts.spacing.grain)
    change = f"{number(100 * abs(1 - ratio))}% {'fewer' if ratio < 1 else 'more'} events"
    lines = [
        f"If the innovation brings {change}, {plural(found.treated_sites, 'site')} and {ahead} {grain}s will show it "
        f"with a chance of {100 * found.power:.0f}%."
    ]
    if found.smallest is None:
        lines.append("No effect at all would be found with a chance of 80%.")
    else:
        lines.append(
            f"With a chance of 80% the smallest effect that shows is {number(100 * (1 - found.smallest))}% fewer "
            "events."
        )
    return (*lines, _enough(found, enough, grain))


def _enough(found: Power | MeanPower, enough: Needed, grain: str) -> str:
    """Return what would be enough to find the effect, in a sentence."""
    if found.power >= WANTED:
        few = [
            f"{enough.sites} of the sites planned" if enough.sites else "",
            f"{enough.periods} {grain}s" if enough.periods else "",
        ]
        return f"Enough for 80%: {' or '.join(part for part in few if part)}."
    if enough.periods is not None:
        return f"For 80% with the same plan, count for {enough.periods} {grain}s."
    return (
        f"Not even {_MOST_LOOKED_FOR} {grain}s with this plan are enough for 80%; let sites begin at more different "
        "times, keep more of them for comparison, or look for a larger effect."
    )
