"""A site's memory of what it has counted: a period is counted again only if something it depends on has changed.

Each count is remembered under a key: the digest of the measure, of the program that counted, and of the fingerprints of
all records that the period's windows reach. Under another key it is not found, so nothing has to be forgotten in time.
The numbers are exact. They stay in the site's folder, for its owner's eyes, and may be deleted at any time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rounds.engines.asked import Asked
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import Period
from rounds.records.omop import Records
from rounds.site.count_keys import Fingerprints, keys_of, needed_days, read_fingerprints, unchanged
from rounds.storage.count_store import CountStore, Rows

Engine = Callable[[Sequence[Asked], Records], tuple[Count, ...]]
"""Counts a batch, in its order. The records it is given have every row that the batch depends on, and few others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """Counts of a batch, and how much of it had to be counted."""

    counts: tuple[Count, ...]
    periods: int
    """How many periods were asked for, over all measures."""
    counted: int
    """How many of them were counted now; the others are as they were before."""

    def __str__(self) -> str:
        return f"{self.counted:,} of {self.periods:,} periods counted; the records of the others have not changed"


def count_changed(
    asked: Sequence[Asked], records: Records, *, member: str, folder: Path, engine: Engine, keep: bool = True
) -> Recounted:
    """Return the counts that `engine` would give of a batch, counting only what is not remembered.

    Args:
        asked: measures that are counted from records.
        records: the site's.
        member: the ODS code the counts belong to.
        folder: where the memory lies; made if need be.
        engine: counts what is not remembered.
        keep: whether to remember what was counted; else nothing is written.

    Raises:
        RecordsError: as the engine's.
    """
    store = CountStore(folder / "counts.sqlite")
    seen = read_fingerprints([one.measure for one in asked], records, folder=folder, keep=keep)
    batches = [_known(one, seen, store, member=member) for one in asked]
    missing = [
        replace(one, periods=tuple(period for period in one.periods if period not in known))
        for one, (_, known) in zip(asked, batches, strict=True)
    ]
    wanted = [one for one in missing if one.periods]
    fresh = iter(engine(wanted, records.within(needed_days(wanted, seen))) if wanted else ())
    counts = []
    kept: list[tuple[str, str, Period, str, Rows]] = []
    for one, rest, (keys, known) in zip(asked, missing, batches, strict=True):
        new = _by_period(next(fresh), rest.periods) if rest.periods else {}
        counts.append(_count(one, known | new, member=member))
        kept += [(one.measure.digest, member, period, keys[period], rows) for period, rows in new.items()]
    if keep and kept and unchanged(seen, records):
        store.put(kept)
    return Recounted(
        counts=tuple(counts),
        periods=sum(len(one.periods) for one in asked),
        counted=sum(len(one.periods) for one in wanted),
    )


def _known(
    asked: Asked, seen: Fingerprints, store: CountStore, *, member: str
) -> tuple[Mapping[Period, str], dict[Period, Rows]]:
    keys = keys_of(asked, seen, member=member)
    return keys, store.get(asked.measure.digest, member, keys)


def _by_period(count: Count, periods: tuple[Period, ...]) -> dict[Period, Rows]:
    """Return the rows of each period without their member and period."""
    found: dict[Period, Rows] = {period: [] for period in periods}
    starts = {period.start: period for period in periods}
    for _, start, *rest in count.cells.rows():
        found[starts[start]].append(list(rest))
    return found


def _count(asked: Asked, rows: Mapping[Period, Rows], *, member: str) -> Count:
    strata = asked.measure.strata
    whole = [(member, period.start, *row) for period in asked.periods for row in rows[period]]
    cells = pl.DataFrame(whole, schema=count_schema(strata, asked.measure.kind), orient="row")
    return Count(
        measure=asked.measure.ref,
        strata=strata,
        kind=asked.measure.kind,
        cells=cells.sort(["member", "period", *map(str, strata)]),
    )
