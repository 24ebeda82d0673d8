"""How fast NEWS2 is scored: ten million sets of observations, beside pandas; same totals.

Both score the same columns by the library's own table, in turn, and no time is printed unless every total is equal.
Read the ratio; seconds are of the processor, not of the clock.

    .venv/bin/python benchmarks/news2.py [SETS]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rounds.measures.score_sets import NO_TOTAL, score_sets
from rounds.measures.scores import Component, Score
from rounds.storage.library import read_library, shipped_library_folder

TIMES = 3
ANSWERS = (2_000_400_011, 2_000_400_012, 2_000_400_013, 2_000_400_014, 2_000_400_015)
SIGNS = {
    "respiratory-rate": (17.0, 5.0),
    "oxygen-saturation": (95.0, 4.0),
    "systolic-blood-pressure": (125.0, 25.0),
    "heart-rate": (85.0, 22.0),
    "body-temperature": (37.0, 0.9),
}
"""Mean and spread of invented observations: wide, so that every step of the table is met."""


def main() -> None:
    """Score and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("sets", type=int, nargs="?", default=10_000_000, help="how many sets")
    given = options.parse_args()
    columns = _invented(given.sets)
    table = pd.DataFrame(columns)
    for score in read_library(shipped_library_folder()).scores:
        if score.id not in ("news2", "news2-scale-2"):
            continue
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(TIMES):
            seconds, found = _timed(partial(_by_us, score, columns))
            peer, expected = _timed(partial(_by_pandas, score, table))
            np.testing.assert_array_equal(found, expected)
            ours.append(seconds)
            theirs.append(peer)
        middle, beside = statistics.median(ours), statistics.median(theirs)
        print(
            f"{score.id:14} {given.sets:,} sets, {int((found == NO_TOTAL).sum()):,} partial: {middle:.2f} s "
            f"({min(ours):.2f} to {max(ours):.2f}); pandas {beside:.2f} s, {beside / middle:.1f} times as long"
        )


def _invented(sets: int) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(1)
    columns: dict[str, NDArray[Any]] = {}
    for name, (middle, spread) in SIGNS.items():
        values = generator.standard_normal(sets, dtype=np.float32) * np.float32(spread) + np.float32(middle)
        columns[name] = np.round(values, 1 if name == "body-temperature" else 0)
        columns[name][generator.integers(0, sets, sets // 100)] = np.nan
    columns["oxygen-flow"] = (generator.random(sets, dtype=np.float32) < 0.2).astype(np.float32) * 2
    columns["consciousness"] = generator.choice(np.array(ANSWERS), sets, p=(0.9, 0.04, 0.03, 0.02, 0.01))
    return columns


def _by_us(score: Score, columns: dict[str, NDArray[Any]]) -> NDArray[Any]:
    return score_sets(score, columns).totals


def _by_pandas(score: Score, table: pd.DataFrame) -> NDArray[Any]:
    """Return totals as somebody would reckon them in pandas: a cut of each column, and a sum by row."""
    points = {one.id: _cut(one, table[one.codes.id]) for one in score.components}
    total = pd.Series(0.0, index=table.index)
    for one in score.components:
        its = points[one.id]
        for other, wanted in one.only_if:
            its = its.where(points[other] == wanted, 0.0)
        total += its
    return np.asarray(total.fillna(NO_TOTAL).to_numpy().astype(np.int16))


def _cut(component: Component, values: Any) -> Any:
    if component.steps:
        limits = [np.float32(step.up_to) for step in component.steps if step.up_to is not None]
        place = pd.cut(values, [-np.inf, *limits, np.inf], labels=False)
        return place.map(dict(enumerate(float(step.points) for step in component.steps)))
    answers = {concept: float(points) for codes, points in component.answers for concept in codes.concept_ids}
    return values.map(answers)


def _timed(call: Callable[[], NDArray[Any]]) -> tuple[float, NDArray[Any]]:
    begin = time.process_time()
    found = call()
    return time.process_time() - begin, found


if __name__ == "__main__":
    main()
