"""Need less use of an analyst's table: by place, or by deprivation of the places it is of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rounds.analyst.columns import Columns, Guess, Reading, Wants, understand
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.names import best
from rounds.analyst.shown import charts_as_html
from rounds.analyst.sums import BETWEEN, SHOWN, Summed, summed
from rounds.learning.variation.between_groups.gaps import GroupBounds, UnmetNeed, unmet_need
from rounds.learning.variation.between_groups.priority import Priority
from rounds.learning.variation.between_groups.slope_bounds import SlopeWithin, slope_within
from rounds.learning.variation.between_groups.unmet import unmet_priority
from rounds.measures.definitions import Better
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.charts.theme import Spec
from rounds.reports.content.wording import listing, number, plural
from rounds.storage.deprivation_files import deprivation_groups

UNKNOWN = "not in the index"
_FIFTHS = ("1 most deprived", "2", "3", "4", "5 least deprived")
_PEOPLE = ("people", "population", "list_size", "registered", "patients", "residents")
_MOST_DRAWN = 40
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedResult:
    """Need less use of groups. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    groups: tuple[str, ...]
    need: GroupBounds
    use: GroupBounds
    unmet: UnmetNeed
    first: Priority | None
    """where to look first; of deprivation without the places that the index does not name"""
    top: int
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    spec: Spec

    @property
    def alt_text(self) -> str:
        """What the picture shows, for who does not see it."""
        return f"Need less use in per cent of people, with 95% intervals. {self.sentences[0]}"

    def table(self) -> pl.DataFrame:
        """Return every group: need, use, need less use with its interval, people, and how sure its place is."""
        per, first = 100.0, self.first
        sizes = self.need.size_lower

        def ranked(values: Any) -> pl.Series:
            known = [] if first is None else values.tolist()
            return pl.Series([*known, *[None] * (len(self.groups) - len(known))], strict=False)

        return pl.DataFrame(
            {
                "group": list(self.groups),
                "people": sizes,
                "need_percent_lowest": per * self.need.events_lower / sizes,
                "need_percent_highest": per * self.need.events_upper / sizes,
                "use_percent_lowest": per * self.use.events_lower / sizes,
                "use_percent_highest": per * self.use.events_upper / sizes,
                "unmet_percent_lower_95": per * self.unmet.lower,
                "unmet_percent_upper_95": per * self.unmet.upper,
                "people_without_lower": self.unmet.people_lower,
                "people_without_upper": self.unmet.people_upper,
                f"chance_of_first_{self.top}": ranked(None if first is None else first.chance_of_top),
                "rank_best": ranked(None if first is None else first.rank_lower),
                "rank_worst": ranked(None if first is None else first.rank_upper),
            }
        )

    def write(
        self, folder: str | Path, *, pictures: int = 1, done: Callable[[], None] = lambda: None
    ) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of the picture; arguments as of `SpcResult.write`."""
        from rounds.analyst.files import write_needs

        return write_needs(self, Path(folder), pictures=pictures, done=done)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the picture with its sentences, for a notebook."""
        return charts_as_html([("need", str(self), self.spec, self.alt_text, ())], Better.LOWER)


def need_less_use(  # noqa: PLR0913 - an analyst's own names for columns
    data: Any,
    *,
    need: str,
    use: str,
    people: str | None = None,
    place: str | None = None,
    when: str | None = None,
    imd: str | Path | None = None,
    top: int = 3,
    where: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
) -> NeedResult:
    """Return how much more places need something than have it, or fifths of places by deprivation.

    Args:
        data: as in `spc`; one row a place, or a place and date, which are added up.
        need: the column of people who need it.
        use: the column of those, of the same people, who have it.
        people: the column of all people.
        place: the column of places.
        when: the column of dates, if there is one.
        imd: a file of the index of multiple deprivation by small area: places are then fifths of these.
        top: how many can be looked at first; no more than half of the groups.
        where: as in `spc`.
        reading: as in `spc`.

    Raises:
        TableError: names file, line and column, and what to do.

    Source: see `rounds.learning.variation.between_groups`.

    >>> table = pl.DataFrame({"gp": ["A", "B"], "ill": [200, 180], "treated": [80, 170], "people": [1000, 1000]})
    >>> print(str(need_less_use(table, need="ill", use="treated", place="gp")).splitlines()[0])
    2 groups: ill less treated is largest at A (9.00% to 15.0%) and smallest at B (-2.33% to 4.33%).
    """
    table = table_of(data, where=where)
    how = reading or Reading()
    everybody = people or best([name for name in table.frame.columns if name not in (need, use)], _PEOPLE)
    if everybody is None:
        raise TableError(f"{table.name}: no column is called people, population or patients; name it with --people")
    given = Columns(when=when, series=(place,) if place else (), numerator=need, denominator=everybody)
    understood = understand(table, given, reading=how, wants=Wants())
    needed = summed(understood, what="place", part=False)
    columns = understood.columns
    again = Columns(when=columns.when, series=columns.series, numerator=use, denominator=columns.denominator)
    used = summed(understand(table, again, reading=how, wants=Wants()), what="place", part=False)
    rows = _both(needed, used, table.name)
    unknown = 0
    if imd is not None:
        rows, unknown = _by_deprivation(rows, Path(imd), table.name)
    groups = tuple(rows["place"].to_list())
    bounds = [_bounds(rows, ends) for ends in (("need_lower", "need_upper"), ("use_lower", "use_upper"))]
    if len(groups) < 2:
        raise TableError(f"{table.name}: there is one group, and need less use is compared between two or more")
    known = np.arange(len(groups)) < len(groups) - (UNKNOWN in groups)
    chosen = [_some(one, known) for one in bounds]
    first_of = max(1, min(top, int(known.sum()) // 2))
    first = unmet_priority(*chosen, top=first_of, generator=np.random.default_rng(_SEED))
    unmet = unmet_need(*bounds)
    slopes = [slope_within(one) for one in chosen] if imd is not None else []
    return NeedResult(
        source=table.name,
        guesses=(
            *understood.guesses,
            *(() if people else (Guess(role="people", column=everybody, because="its name"),)),
        ),
        groups=groups,
        need=bounds[0],
        use=bounds[1],
        unmet=unmet,
        first=first,
        top=first_of,
        sentences=_sentences(groups, unmet, (need, use), first, first_of, slopes),
        notes=(
            "Intervals are 95% (Newcombe's hybrid score) and hold for every count within the bounds of what is "
            "withheld; need and use are taken as independent. Where use is above need the difference is below 0: those "
            "who use need not be those who need.",
            *(first.notes if first is not None else ()),
            *(
                (f"{plural(unknown, 'place')} of the table {'is' if unknown == 1 else 'are'} not in the index.",)
                if unknown
                else ()
            ),
        ),
        spec=_spec(groups, bounds, unmet, f"{need} less {use}"),
    )


def _both(needed: Summed, used: Summed, source: str) -> pl.DataFrame:
    if needed.rows["group"].n_unique() > 1:
        raise TableError(f"{source}: there is more than one number a place; choose with --where, or name --place")
    both = needed.rows.join(used.rows, on="place", suffix="_use", maintain_order="left")
    both = both.filter(pl.col("state").is_in([SHOWN, BETWEEN]) & pl.col("state_use").is_in([SHOWN, BETWEEN]))
    if not both.height:
        raise TableError(
            f"{source}: no place has people and counts of both; if they are withheld, say what they can be with "
            "--withheld-range"
        )
    over = both.filter((pl.col("lower") > pl.col("denominator")) | (pl.col("lower_use") > pl.col("denominator")))
    if over.height:
        raise TableError(f"{source}: {over['place'][0]} has more counted than people; name other columns")
    return both.select(
        "place",
        people=pl.col("denominator"),
        need_lower=pl.col("lower"),
        need_upper=pl.min_horizontal("upper", "denominator"),
        use_lower=pl.col("lower_use"),
        use_upper=pl.min_horizontal("upper_use", "denominator"),
    )


def _by_deprivation(rows: pl.DataFrame, imd: Path, source: str) -> tuple[pl.DataFrame, int]:
    """Return the fifths, those that are not in the index last, and how many places are not."""
    groups = deprivation_groups(imd, groups=len(_FIFTHS), error=TableError)
    found = [groups.get(place.strip()) for place in rows["place"].to_list()]
    unknown = sum(one is None for one in found)
    if unknown == rows.height:
        raise TableError(f"{source}: none of its places is in {imd.name}; name the column of area codes with --place")
    order = pl.Series([len(_FIFTHS) + 1 if one is None else one for one in found])
    names = pl.Series([UNKNOWN if one is None else _FIFTHS[one - 1] for one in found], dtype=pl.String)
    fifths = rows.with_columns(place=names, order=order).group_by("order", "place").agg(pl.exclude("order").sum())
    return fifths.sort("order").drop("order"), unknown


def _bounds(rows: pl.DataFrame, ends: tuple[str, str]) -> GroupBounds:
    lower, upper = (rows[name].to_numpy().astype(float) for name in ends)
    sizes = rows["people"].to_numpy().astype(float)
    return GroupBounds(events_lower=lower, events_upper=upper, size_lower=sizes, size_upper=sizes)


def _some(bounds: GroupBounds, chosen: np.ndarray) -> GroupBounds:
    return GroupBounds(
        events_lower=bounds.events_lower[chosen],
        events_upper=bounds.events_upper[chosen],
        size_lower=bounds.size_lower[chosen],
        size_upper=bounds.size_upper[chosen],
    )


def _sentences(
    groups: tuple[str, ...],
    unmet: UnmetNeed,
    names: tuple[str, str],
    first: Priority | None,
    top: int,
    slopes: list[SlopeWithin | str],
) -> tuple[str, ...]:
    most, least = int(np.argmax(unmet.lower)), int(np.argmin(unmet.upper))
    ends = [
        f"{groups[at]} ({number(100 * unmet.lower[at])}% to {number(100 * unmet.upper[at])}%)" for at in (most, least)
    ]
    clear = unmet.lower[most] > unmet.upper[least]
    said = [
        f"{len(groups):,} groups: {names[0]} less {names[1]} is largest at {ends[0]} and smallest at {ends[1]}"
        + ("." if clear else "; the intervals overlap.")
    ]
    for name, slope in zip(names, slopes, strict=False):
        if isinstance(slope, SlopeWithin):
            said.append(
                f"From the most to the least deprived {name} changes by the factor {number(slope.rii.least)} "
                + (f"to {number(slope.rii.most)} " if number(slope.rii.least) != number(slope.rii.most) else "")
                + f"(95% interval {number(slope.rii.lower)} to {number(slope.rii.upper)})."
            )
        else:
            said.append(f"No gradient of {name} over deprivation: {slope}.")
    if first is not None:
        gains = first.expected.tolist()
        chosen = [at for at in first.order.tolist()[:top] if gains[at] > 0]
        listed = [
            f"{groups[at]} ({number(gains[at])} people; {100 * float(first.chance_of_top[at]):.0f}% sure)"
            for at in chosen
        ]
        if listed:
            said.append(f"Where most people may go without, the first {top}: {listing(listed)}.")
    return tuple(said)


def _spec(groups: tuple[str, ...], bounds: list[GroupBounds], unmet: UnmetNeed, title: str) -> Spec:
    need, use = bounds
    exact = (need.events_lower == need.events_upper) & (use.events_lower == use.events_upper)
    order = np.argsort(-unmet.lower, kind="stable").tolist() if len(groups) > _MOST_DRAWN else range(len(groups))
    chosen = list(order)[:_MOST_DRAWN]
    rows = tuple(
        IntervalRow(
            label=groups[at],
            value=100 * float(unmet.lowest[at]) if exact[at] else None,
            lower=100 * float(unmet.lower[at]),
            upper=100 * float(unmet.upper[at]),
            withheld=not exact[at],
        )
        for at in chosen
    )
    only = f", the {_MOST_DRAWN} largest" if len(groups) > _MOST_DRAWN else ""
    return interval_chart(rows=rows, title=f"{title}, % of people{only}")
