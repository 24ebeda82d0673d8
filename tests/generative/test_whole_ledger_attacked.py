"""Rounds of random measures on random days, released one after the other, against whoever tries all worlds."""

import os
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from ledger_rounds import EVERYBODY, FALLS, FEWER, answer_in, counted_of, one_cell

from rounds.disclosure.bounded import State

MOST = 14
"""Of women and men who fell on a visit, and of those who fell otherwise, there are fewer than this."""
POSSIBLE = 2 * MOST + 3
"""So many of any of these are possible for whoever knows only sums."""
WORLDS = np.stack(np.meshgrid(*[np.arange(POSSIBLE, dtype=np.int16)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
SUMS = {
    ("fell-on-a-visit", "female"): (1, 0, 0, 0),
    ("fell-on-a-visit", "male"): (0, 0, 1, 0),
    ("falls", "female"): (1, 1, 0, 0),
    ("falls", "male"): (0, 0, 1, 1),
    ("falls-of-everybody", None): (1, 1, 1, 1),
}
NESTED = [(("fell-on-a-visit", sex), ("falls", sex)) for sex in ("female", "male")]
FEW = 7

atoms = st.tuples(*[st.integers(0, MOST - 1)] * 4)
changes = st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 12)), max_size=2)
rounds_asked = st.lists(st.tuples(st.sampled_from((FALLS, FEWER, EVERYBODY)), st.booleans()), min_size=2, max_size=4)


def counted(measure: object, world: np.ndarray) -> tuple[object, ...]:
    values = {key: int(world @ np.array(sum_of)) for key, sum_of in SUMS.items()}
    if measure is EVERYBODY:
        return (one_cell(EVERYBODY, values["falls-of-everybody", None], 1000),)
    name = measure.id  # type: ignore[attr-defined]
    return counted_of(values[name, "female"], values[name, "male"], measure=measure)  # type: ignore[arg-type]


def released(asked: list[tuple[object, bool]], world: np.ndarray, later: list[tuple[int, int]], folder: Path) -> dict:
    """Return the bounds of every number that has left, and whether its rule withholds it."""
    as_of, shown = date(2026, 1, 1), {}
    now = world.copy()
    for number, (measure, another_day) in enumerate(asked):
        if another_day and number:
            as_of += timedelta(days=30)
            for atom, by in later:
                now[atom] = np.clip(now[atom] + by, 0, MOST - 1)
        known = (FALLS, FEWER, EVERYBODY)
        (one,) = answer_in(folder / "ledger.db", counted(measure, now), as_of=as_of, round_id=f"r{number}", known=known)  # type: ignore[arg-type]
        for row in one.cells.iter_rows(named=True):
            key = (measure.id, row.get("sex"))  # type: ignore[attr-defined]
            if key in SUMS:
                own = row["numerator_state"] == State.WITHHELD and row["numerator_upper"] == FEW
                shown.setdefault(key, (row["numerator_lower"], row["numerator_upper"], own))
    return shown


def worlds_of(shown: dict) -> np.ndarray:
    """Return all worlds that look as what has left, to whoever believes that records have not changed."""
    fits = np.ones(len(WORLDS), dtype=np.bool_)
    for key, (lower, upper, _) in shown.items():
        values = WORLDS @ np.array(SUMS[key], dtype=np.int16)
        fits &= (values >= lower) & (values <= upper)
    return WORLDS[fits]


def test_nobody_who_tries_all_worlds_knows_a_withheld_number_closer() -> None:
    met: Counter[str] = Counter()

    @seed(20)
    @settings(max_examples=int(os.environ.get("ROUNDS_LEDGER_CASES", "40")), deadline=None, phases=[Phase.generate])
    @given(atoms, changes, rounds_asked)
    def holds(world: tuple[int, ...], later: list[tuple[int, int]], asked: list[tuple[object, bool]]) -> None:
        with TemporaryDirectory() as folder:
            shown = released(asked, np.array(world), later, Path(folder))
        possible = worlds_of(shown)
        met["contradicts itself"] += not len(possible)
        if not len(possible):
            return
        for key, (_, _, own) in shown.items():
            if own:
                values = set((possible @ np.array(SUMS[key])).tolist())
                assert values >= set(range(1, FEW + 1)), (key, shown)
                met["withheld"] += 1
        for part, whole in NESTED:
            if part not in shown or whole not in shown:
                continue
            left = possible @ (np.array(SUMS[whole]) - np.array(SUMS[part]))
            true = int(np.array(world) @ (np.array(SUMS[whole]) - np.array(SUMS[part])))
            if 1 <= true <= FEW < int(np.array(world) @ np.array(SUMS[whole])) and not later:
                assert left.max() - left.min() >= FEW - 1, (part, shown)
                met["differences"] += 1

    holds()
    print(dict(met))  # noqa: T201  how much was tried is worth knowing
    assert min(met[what] for what in ("contradicts itself", "withheld", "differences")) >= 2, met
