"""Policies: named rules for what may leave a site, and the reviewed text in which a site chooses and tightens one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from rounds.disclosure.budget import Budget
from rounds.errors import DefinitionError
from rounds.measures.score_levels import whole_of


class Policy(StrEnum):
    """A reviewed rule.

    `HES`: NHS England's rule since 2018: 0 is shown, 1-7 are withheld, everything else is rounded to the nearest 5.
    `MIDPOINT6`: OpenSAFELY's rule: 0 stays 0, everything else goes to the middle of its six: 1-6 is 3, 7-12 is 9.
    `NOISE`: every number has a discrete Gaussian added, drawn once and kept; how much follows from a yearly budget.
    `OPEN`: as it is. Only for data that are already public.
    """

    HES = "hes"
    MIDPOINT6 = "midpoint6"
    NOISE = "noise"
    OPEN = "open"


HES_HIGHEST_WITHHELD: Final = 7
HES_BASE: Final = 5
MIDPOINT_BASE: Final = 6
MOST_EPOCHS: Final = 2
"""A provisional number and a final one. Each further rounding of corrected records can tell of one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one measure: a rule and how strict it is.

    Of `hes`, how many are withheld and what the rest is rounded to may be raised; of `noise`, the standard deviation
    follows from the budget.
    """

    rule: Policy
    highest_withheld: int = HES_HIGHEST_WITHHELD
    round_to: int = HES_BASE
    budget: Budget | None = None
    never: bool = False
    """Nothing of the measure leaves."""

    def __post_init__(self) -> None:
        if self.rule is not Policy.HES and (self.highest_withheld, self.round_to) != (HES_HIGHEST_WITHHELD, HES_BASE):
            raise DefinitionError(
                f"rule `{self.rule}` withholds and rounds by itself; remove the numbers", field="rule"
            )
        if self.highest_withheld < HES_HIGHEST_WITHHELD:
            raise DefinitionError(
                f"{self.highest_withheld} is weaker than the rule `hes`, which withholds 1 to {HES_HIGHEST_WITHHELD}",
                field="highest_withheld",
            )
        if self.round_to < HES_BASE or self.round_to % 2 == 0:
            raise DefinitionError(
                f"{self.round_to} is no base to round to; give an odd number, {HES_BASE} or more", field="round_to"
            )
        if (self.highest_withheld - self.round_to // 2) % self.round_to:
            ends = range(self.round_to // 2, self.highest_withheld + self.round_to, self.round_to)
            near = [str(end) for end in ends if end >= HES_HIGHEST_WITHHELD][-2:]
            raise DefinitionError(
                f"{self.highest_withheld} cuts through numbers that are rounded to the same, which would be known "
                f"more closely than they are shown; with `round_to: {self.round_to}` give {' or '.join(near)}",
                field="highest_withheld",
            )
        if (self.rule is Policy.NOISE) != (self.budget is not None):
            raise DefinitionError("rule `noise`, and no other, has a budget", field="budget")

    @property
    def sigma(self) -> float:
        """The standard deviation of the noise, in people; 0 under any other rule."""
        return self.budget.sigma if self.budget else 0.0

    @property
    def few(self) -> int:
        """Numbers from 1 to this must not be told from one another; 0 if the rule has no such numbers."""
        if self.never or self.rule in (Policy.NOISE, Policy.OPEN):
            return 0
        return MIDPOINT_BASE if self.rule is Policy.MIDPOINT6 else self.highest_withheld

    @property
    def step(self) -> int:
        """How many people's numbers are rounded to the same."""
        return MIDPOINT_BASE if self.rule is Policy.MIDPOINT6 else self.round_to

    def at_least_as_strict_as(self, other: "Terms") -> bool:
        """Return whether the other lets leave everything that this does. Rules of two kinds do not compare."""
        if self.never or other.never:
            return self.never
        if other.rule is Policy.OPEN:
            return True
        if self.rule is not other.rule:
            return False
        if self.budget is not None and other.budget is not None:
            return self.budget.rho_per_year <= other.budget.rho_per_year and self.budget.sigma >= other.budget.sigma
        coarser = self.round_to % other.round_to == 0
        return self.highest_withheld >= other.highest_withheld and coarser


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicy:
    """A policy as a site's reviewed text gives it: the terms of every measure, and those of some that are stricter."""

    name: str
    terms: Terms
    overrides: Mapping[str, Terms] = field(default_factory=dict)
    """By the measure's id."""
    most_epochs: int = MOST_EPOCHS
    author: str
    reviewer: str
    next_review: date

    def __post_init__(self) -> None:
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        if not 1 <= self.most_epochs <= MOST_EPOCHS:
            raise DefinitionError(f"1 to {MOST_EPOCHS} epochs, not {self.most_epochs}", field="most_epochs")
        for measure, own in self.overrides.items():
            if not own.at_least_as_strict_as(self.terms):
                raise DefinitionError(
                    f"the terms of measure {measure} are weaker than the policy, or of another rule; an override may "
                    "only be stricter",
                    field="overrides",
                )
            if own.budget is not None and own.budget != self.terms.budget:
                raise DefinitionError(
                    f"measure {measure}: the budget is one for all measures; give `never`, or no override",
                    field="overrides",
                )

    def terms_of(self, measure: str) -> Terms:
        """Return what holds for a measure; for a band of a score table what holds for the whole."""
        whole = self.overrides.get(whole_of(measure) or measure, self.terms)
        return self.overrides.get(measure, whole)

    def weaker_than(self, other: "SitePolicy") -> tuple[str, ...]:
        """Return, in words, in what this policy lets more leave than another one; empty if in nothing."""
        said = []
        if not self.terms.at_least_as_strict_as(other.terms):
            said.append(f"the rule for all measures was `{in_words(other.terms)}` and is `{in_words(self.terms)}`")
        for measure in sorted(other.overrides):
            if not self.terms_of(measure).at_least_as_strict_as(other.terms_of(measure)):
                before, now = in_words(other.terms_of(measure)), in_words(self.terms_of(measure))
                said.append(f"measure {measure} had `{before}` and has `{now}`")
        if self.most_epochs > other.most_epochs:
            said.append(f"a number could be revised {other.most_epochs - 1} times and can be {self.most_epochs - 1}")
        return tuple(said)

    @property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what leaves."""
        return hashlib.sha256(self.encode().encode()).hexdigest()

    def encode(self) -> str:
        """Return it as JSON, for a ledger to keep."""
        return json.dumps(asdict(self), sort_keys=True, default=str)


def decode_policy(text: str) -> SitePolicy:
    """Return the policy that `encode` has written."""
    fields = json.loads(text)
    overrides = {measure: _terms(own) for measure, own in fields.pop("overrides").items()}
    next_review, terms = date.fromisoformat(fields.pop("next_review")), _terms(fields.pop("terms"))
    return SitePolicy(**fields, terms=terms, overrides=overrides, next_review=next_review)


def _terms(fields: dict[str, Any]) -> Terms:
    told = fields["budget"]
    return Terms(**(fields | {"rule": Policy(fields["rule"]), "budget": Budget(**told) if told else None}))


def in_words(terms: Terms) -> str:
    """Return what a rule lets leave, for people who are no statisticians.

    >>> in_words(Terms(rule=Policy.HES))
    '0 is shown, 1 to 7 are withheld, everything else is rounded to the nearest 5'
    """
    if terms.never:
        return "nothing leaves"
    if terms.budget is not None:
        return terms.budget.in_words()
    if terms.rule is Policy.HES:
        return (
            f"0 is shown, 1 to {terms.highest_withheld} are withheld, everything else is rounded to the nearest "
            f"{terms.round_to}"
        )
    if terms.rule is Policy.MIDPOINT6:
        return "0 is shown, everything else is shown as the middle of its six: 1 to 6 as 3, 7 to 12 as 9"
    return "everything is shown as it is, for it is public already"
