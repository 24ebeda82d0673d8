"""Eras of generated rows are those that a plain loop makes."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from rounds.records.synthetic.population.eras import eras
from rounds.records.synthetic.population.plan import FIRST

Row = tuple[int, int, int, int]
"""person, concept, first day, days until the last"""

ROWS = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from([7, 2_000_000_001]), st.integers(FIRST, FIRST + 150), st.integers(0, 70)
    ),
    max_size=25,
)


def by_loop(rows: list[Row]) -> list[tuple[int, int, int, int, int]]:
    """Return person, concept, first and last day and number of rows of each era, as OMOP's own rule says it."""
    found: list[tuple[int, int, int, int, int]] = []
    for person, concept, start, days in sorted(rows):
        if found and found[-1][:2] == (person, concept) and start - found[-1][3] <= 30:
            _, _, first, last, count = found.pop()
            found.append((person, concept, first, max(last, start + days), count + 1))
        else:
            found.append((person, concept, start, start + days, 1))
    return found


@given(rows=ROWS)
@example(rows=[(0, 7, FIRST, 5), (0, 7, FIRST + 35, 0)])
@example(rows=[(0, 7, FIRST, 5), (0, 7, FIRST + 36, 0)])
@example(rows=[(0, 7, FIRST, 60), (0, 7, FIRST + 1, 0), (0, 7, FIRST + 90, 0)])
def test_eras_are_those_of_a_loop(rows: list[Row]) -> None:
    person, concept, start, days = (np.array([row[column] for row in rows], dtype=np.int32) for column in range(4))
    made = eras(person=person, concept=concept, start=start, end=start + days)
    listed = [made[name].tolist() for name in ("person", "concept", "start", "end", "count")]
    assert list(zip(*listed, strict=True)) == by_loop(rows)
