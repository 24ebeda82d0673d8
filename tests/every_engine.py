"""The engines that must agree on what every measure means. Another engine is one line more."""

from collections.abc import Callable

from rounds.engines import duck, pack, reference
from rounds.measures.counts import Count

Engine = Callable[..., Count]
"""Counts a measure: `engine(measure, records, member=..., periods=...)`."""

ENGINES: dict[str, Engine] = {
    "reference": reference.count,
    "duckdb": duck.count,
    "pack": pack.count,
}
