"""An attempt at a pooled sum: who takes part, and how much noise they add together."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from rounds.errors import DisclosureRefusal

FEWEST_PARTICIPANTS: Final = 3
"""Of two, each could take its own number away from the sum."""

LEAST_VARIANCE: Final = 9
"""Of the noise in a sum of numbers to which one person adds at most 1. The centre may ask for more, never for less."""

NUMBER_BITS: Final = 64
"""Sums are whole numbers modulo two to the power of this; the upper half of them stands for those below 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A site in an attempt, and the key from which its masks are made."""

    site: str
    key: bytes
    """X25519, public"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a round's pooled sums. If one is missing there is no sum, and the next attempt is another draw."""

    round_id: str
    number: int
    """1 for a round's first"""
    variance: int
    participants: tuple[Participant, ...]
    """in the order of their ids"""

    def __post_init__(self) -> None:
        sites = [one.site for one in self.participants]
        name = f"round {self.round_id}, pooled attempt {self.number}"
        if self.number < 1:
            raise DisclosureRefusal(f"{name}: attempts are numbered from 1; the centre must ask again")
        if self.variance < LEAST_VARIANCE:
            raise DisclosureRefusal(
                f"{name}: noise of variance {self.variance} is asked for, and {LEAST_VARIANCE} is the least; the "
                "centre must ask for more"
            )
        if sites != sorted(set(sites)):
            raise DisclosureRefusal(
                f"{name}: participants must be named once each and in order; the centre must ask again"
            )
        if len(sites) < FEWEST_PARTICIPANTS:
            raise DisclosureRefusal(
                f"{name}: {len(sites)} sites take part, and a sum of fewer than {FEWEST_PARTICIPANTS} would tell of "
                "one of them; ask more sites, or ask for the measure in the site lane"
            )
        if len({one.key for one in self.participants}) != len(sites):
            raise DisclosureRefusal(
                f"{name}: two participants have the same key; one party may stand for one site only"
            )

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(one.site for one in self.participants)

    def share_variance(self, most: int) -> Fraction:
        """Return the variance of the noise that each participant adds to a number.

        Args:
            most: the most that one person can add to it. Noise grows with it, so that a person is as well hidden.
        """
        return Fraction(self.variance * most**2, len(self.participants))

    def hidden_variance(self, most: int, *, known: int = 1) -> Fraction:
        """Return the variance that is left to somebody who knows some participants' shares of the noise.

        Args:
            most: the most that one person can add to the number.
            known: how many participants' shares they know. Each participant knows its own.
        """
        return self.share_variance(most) * (len(self.participants) - known)
