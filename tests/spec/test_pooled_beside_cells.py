"""A pooled sum beside the numbers that a site has released itself: no world is ruled out, and likelihood moves little.

The attacker of decision 25 knows every other site's exact number: of a sum this site's number and the noise are left.
What other sites have released tells such a one nothing more.
"""

import math
from fractions import Fraction

import numpy as np
import pytest

from rounds.disclosure.attempt import LEAST_VARIANCE
from rounds.disclosure.skellam import probabilities, skellam_rho


def noise(attempts: int) -> np.ndarray:
    """Return the chances of all that the noise of some attempts adds up to, at the least variance that is allowed."""
    half = np.array(probabilities(float(LEAST_VARIANCE)))
    once = np.concatenate([half[:0:-1], half])
    found = once
    for _ in range(attempts - 1):
        found = np.convolve(found, once)
    return found


def likelihoods(numbers: range, attempts: int) -> np.ndarray:
    """Return the chance of each sum of attempts for each number, shape (numbers, sums)."""
    chances = noise(attempts)
    last = attempts * (numbers[-1] - numbers[0])
    return np.array(
        [np.pad(chances, (attempts * (one - numbers[0]), last - attempts * (one - numbers[0]))) for one in numbers]
    )


def test_every_number_that_was_possible_stays_possible() -> None:
    """Whatever the sum is: the noise can be any whole number, so that worlds that certify a gate stay worlds."""
    chances = likelihoods(range(1, 8), 1)
    sums = chances.shape[1]
    assert (chances[:, 6 : sums - 6] > 0).all()
    assert chances.sum(axis=1) == pytest.approx(np.ones(7))


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_one_person_is_told_no_better_than_is_charged(attempts: int) -> None:
    one, other = likelihoods(range(3, 5), attempts)
    apart = np.abs(one - other).sum() / 2
    rho = attempts * skellam_rho(variance=Fraction(LEAST_VARIANCE), most=1)
    assert apart <= math.sqrt(rho / 2) + 1e-9  # Pinsker's inequality


@pytest.mark.parametrize(("attempts", "told"), [(1, 0.26), (4, 0.37), (12, 0.52)])
def test_of_a_withheld_number_so_much_is_told(attempts: int, told: float) -> None:
    """How often the best guess among 1 to 7 is right; by chance it is 0.14. `docs/decisions/0025` names the figures."""
    right = likelihoods(range(1, 8), attempts).max(axis=0).sum() / 7
    assert right == pytest.approx(told, abs=0.01)
