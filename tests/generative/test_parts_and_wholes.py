"""What follows from parts being no more than their wholes, against every world that looks the same from outside."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.disclosure.components import Ties
from rounds.disclosure.known import MOST, UNKNOWN, Known
from rounds.disclosure.linked_releases import _apart

FEW = 3


def _shown(true: int) -> tuple[int, int]:
    """0 is shown, 1 to 3 are withheld, the rest is rounded to the nearest 3."""
    if true <= FEW:
        return (0, 0) if true == 0 else (1, FEW)
    rounded = (true + 1) // 3 * 3
    return rounded - 1, rounded + 1


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, set[int]]:
    """Return true numbers, of which each pair is a part and its whole, and some that are withheld besides."""
    size = draw(st.integers(2, 4))
    numbers = [draw(st.integers(0, 9)) for _ in range(size)]
    pairs = [
        (part, whole)
        for part, whole in product(range(size), repeat=2)
        if part < whole and numbers[part] <= numbers[whole] and draw(st.booleans())
    ]
    hidden = draw(st.sets(st.integers(0, size - 1), max_size=2))
    return np.array(numbers), np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2), hidden


@settings(max_examples=150, deadline=None)
@given(worlds(), st.booleans())
def test_bounds_and_differences_are_those_of_all_worlds(
    world: tuple[np.ndarray, np.ndarray, set[int]], told: bool
) -> None:
    numbers, pairs, hidden = world
    size = len(numbers)
    shown = [_shown(int(true)) if at not in hidden else (0, 14) for at, true in enumerate(numbers)]
    lower, upper = np.array(shown, dtype=np.int64).T
    truth = numbers.astype(np.int64) if told else np.full(size, UNKNOWN, dtype=np.int64)
    known = _known(lower, upper, truth, np.full(size, FEW), np.ones(size, dtype=np.bool_))
    possible = np.array(
        [
            one
            for one in product(*(range(low, high + 1) for low, high in shown))
            if all(one[part] <= one[whole] for part, whole in pairs)
        ]
    )
    closest = known.within(pairs)
    assert (closest.lower == possible.min(axis=0)).all()
    assert (closest.upper == possible.max(axis=0)).all()
    narrow = closest.narrow(pairs)
    for at, (part, whole) in enumerate(pairs):
        left = set((possible[:, whole] - possible[:, part]).tolist())
        assert left == set(range(min(left), max(left) + 1))
        true = int(numbers[whole] - numbers[part])
        protected = 1 <= true <= FEW < numbers[whole] if told else bool(left & set(range(1, FEW + 1)))
        assert narrow[at] == (protected and max(left) - min(left) < FEW - 1), (part, whole)


def _known(lower: np.ndarray, upper: np.ndarray, truth: np.ndarray, few: np.ndarray, free: np.ndarray) -> Known:
    left_lower, left_upper = np.where(free, 0, lower), np.where(free, MOST, upper)
    return Known(
        lower=lower,
        upper=upper,
        truth=truth,
        few=few,
        most=np.ones(len(lower), dtype=np.int64),
        rows=np.zeros(len(lower), dtype=np.bool_),
        people_lower=np.zeros(len(lower), dtype=np.int64),
        people_upper=np.full(len(lower), MOST),
        free=free,
        left_lower=left_lower,
        left_upper=left_upper,
        withheld=np.zeros(len(lower), dtype=np.bool_),
    )


def test_pairs_that_contradict_each_other_by_a_third_are_left_out() -> None:
    """What is at least 10 is in something unknown, and that in what is at most 5: records changed in between."""
    nothing, fixed = np.array([3, 3, 3]), np.array([False, False, False])
    one = _known(np.array([10, 0, 0]), np.array([12, 100, 5]), np.array([-1, -1, -1]), nothing, fixed)
    chain = np.array([[0, 1], [1, 2]])
    assert one.agreeing(chain, np.array([True, False])).tolist() == [True, False], "other records go first"
    assert one.agreeing(chain, np.array([True, True])).tolist() == [False, False]
    straight = np.array([[0, 2]])
    assert one.agreeing(straight, np.array([True])).tolist() == [False]


def test_what_is_new_is_withheld_where_it_tells_of_two_numbers_that_have_left() -> None:
    """Of 20 to 60 people in 60 to 62: who learns that 58 are among the 20 to 60 knows the rest too closely."""
    lower, upper, truth = np.array([58, 20, 60]), np.array([58, 60, 62]), np.array([58, -1, -1])
    bound = Ties(
        name=np.arange(3), contained=np.array([[0, 1], [1, 2]]), certain=np.array([True, True]), sums=()
    )  # what is new is public by its own terms, and is the only one that can still be withheld
    new = _known(lower, upper, truth, np.array([0, 7, 7]), np.array([True, False, False]))
    assert _apart(new, bound).tolist() == [0]
    left = _known(lower, upper, truth, np.array([0, 7, 7]), np.array([False, False, False]))
    assert _apart(left, bound).tolist() == [], "what has left cannot be taken back"


def test_what_is_withheld_is_known_no_more() -> None:
    few, free = np.array([3, 3]), np.array([True, True])
    one = _known(np.array([5, 8]), np.array([7, 12]), np.array([6, 9]), few, free)
    assert one.without(np.array([0])).upper.tolist() == [MOST, 12]
    assert one.without(np.array([0])).within(np.array([[0, 1]])).upper.tolist() == [12, 12]


def test_a_number_under_two_names_is_known_by_both() -> None:
    few, free = np.array([3, 7]), np.array([True, False])
    two = _known(np.array([5, 6]), np.array([9, 12]), np.array([7, UNKNOWN]), few, free)
    both = two.under(np.array([0, 0]))
    assert (both.lower[0], both.upper[0], both.truth[0], both.few[0], both.free[0]) == (6, 9, 7, 7, True)
    hidden = both.without(np.array([0]))
    assert (hidden.lower[0], hidden.upper[0]) == (6, 12), "what has left under the other name stays known"
