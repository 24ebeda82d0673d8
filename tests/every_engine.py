"""The engines that must agree on what every measure means. Another engine is one line more."""

from collections.abc import Callable

from rounds.engines import duck, pack, reference
from rounds.engines.asked import Asked
from rounds.engines.pack.layout import MEANS_IN_SQL, VALUES_IN_SQL
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period
from rounds.records.omop import Records

Engine = Callable[..., Count]
"""Counts a measure: `engine(measure, records, member=..., periods=...)`."""

LEFT_TO_SQL = frozenset(
    {
        MEANS_IN_SQL,
        VALUES_IN_SQL,
        "what a row says of itself beside its code and value is looked up in SQL",
        "rows that go on without an end are found in SQL",
    }
)
"""What the pack cannot tell; all else it counts itself."""


def packed(measure: Measure, records: Records, *, member: str, periods: tuple[Period, ...]) -> Count:
    """Count from a pack, and make sure that it was not SQL that counted, except where it must."""
    found = pack.count_saying_how((Asked(measure=measure, periods=periods),), records, member=member)
    assert {one.reason for one in found.fell_back} <= LEFT_TO_SQL
    return found.counts[0]


ENGINES: dict[str, Engine] = {
    "reference": reference.count,
    "duckdb": duck.count,
    "pack": packed,
}
