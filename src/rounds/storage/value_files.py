"""What the YAML of a programme's value looks like: costs with source and price year, plans, what health is worth."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rounds.errors import DefinitionError
from rounds.learning.value.inputs import Shape, Uncertain
from rounds.learning.value.programme import (
    HEALTH,
    KEPT,
    Declared,
    Discounting,
    Health,
    Per,
    Plan,
    Threshold,
    UnitCost,
)
from rounds.learning.value.years import GREEN_BOOK, MOST_YEARS, repriced
from rounds.storage.identifiers import Identifier
from rounds.storage.value_effects import DistributionFile, EffectFile, GroupsFile
from rounds.storage.yaml_files import Definition, Misplaced, read_yaml

Words = Annotated[str, Field(min_length=1)]
PriceYear = Annotated[str, Field(min_length=4, max_length=7)]
Currency = Annotated[str, Field(min_length=3, max_length=3)]
_YEAR = re.compile(r"\d{4}(/\d{2})?")
_LEAST_PERCENT = 0.25
"""A smaller rate of discount is a share that was written for a percentage."""
_SOURCE = "HM Treasury, The Green Book: 3.5 % a year for costs and for what is not health alone"


class _Ranged(Definition):
    """A value and between what it lies with 95 % probability; without a range it is taken as known."""

    low: float | None = None
    high: float | None = None

    def uncertain(self, name: str, value: float, shape: Shape, factor: float = 1.0) -> Uncertain:
        """Return the value with its range, times a factor.

        Raises:
            DefinitionError: if only one end is given, or the value lies outside.
        """
        if (self.low is None) != (self.high is None):
            raise DefinitionError(f"{name}: a range has two ends; give `low` and `high`, or neither", field="low")
        low, high = (value if end is None else end for end in (self.low, self.high))
        try:
            return Uncertain(
                name=name,
                value=value * factor,
                lower=low * factor,
                upper=high * factor,
                shape=shape if low < high else Shape.FIXED,
            )
        except ValueError as error:
            raise DefinitionError(str(error), field="low") from error


class CostFile(_Ranged):
    """One unit cost, or what is saved."""

    id: Identifier
    title: Words
    kind: Literal["cost", "saving"]
    per: Per
    amount: float
    price_year: PriceYear
    source: Words

    def to_cost(self, currency: str, price_year: str, index: Mapping[str, float]) -> UnitCost:
        """Return it in prices of a year.

        Raises:
            DefinitionError: if the sum is below 0, or the index lacks its price year.
        """
        least = min(self.amount, self.amount if self.low is None else self.low)
        if least < 0:
            raise DefinitionError(
                f"{self.id}: a {self.kind} below 0; write what is saved as `kind: saving`, with the sum above 0",
                field="amount",
            )
        check_year(self.price_year)
        try:
            factor = repriced(1.0, from_year=self.price_year, to_year=price_year, index=index)
        except ValueError as error:
            remedy = f"give `inflation:` with an index of prices for {self.price_year} and {price_year}"
            raise DefinitionError(f"{self.id}: {error}; {remedy}", field="price_year") from error
        amount = self.uncertain(self.title, self.amount, Shape.GAMMA if self.amount > 0 else Shape.FIXED, factor)
        span = "" if self.low is None else f" ({self.low:,.10g} to {self.high:,.10g})"
        return UnitCost(
            id=self.id,
            title=self.title,
            saving=self.kind == "saving",
            per=self.per,
            amount=amount,
            source=self.source,
            stated=f"{currency} {self.amount:,.10g}{span}, {self.price_year} prices",
        )


class PlanFile(Definition):
    """At how many sites it would be in use in each year."""

    id: Identifier
    title: Words
    sites: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=MOST_YEARS)]


class HealthFile(_Ranged):
    """What one event avoided is worth in health."""

    unit: Words
    per_event: Annotated[float, Field(gt=0)]
    source: Words


class ThresholdFile(Definition):
    """What one unit of effect is worth to who pays."""

    worth: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]
    source: Words


class DiscountFile(Definition):
    """How much less a year later counts, in per cent."""

    costs_percent: Annotated[float, Field(ge=0, le=100)] = 100 * GREEN_BOOK
    health_percent: Annotated[float, Field(ge=0, le=100)] = 100 * GREEN_BOOK
    source: Words = _SOURCE

    @model_validator(mode="after")
    def _in_percent(self) -> Self:
        for name in ("costs_percent", "health_percent"):
            if 0 < (rate := getattr(self, name)) < _LEAST_PERCENT:
                raise Misplaced(f"{rate:g} is in per cent; write 3.5 for 3.5 % a year, or 0 for none", at=(name,))
        return self


class InflationFile(Definition):
    """An index of prices by year."""

    index: Annotated[dict[PriceYear, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    source: Words


class KeptFile(_Ranged):
    """How much of the effect is left a year later, in per cent."""

    percent: Annotated[float, Field(gt=0, le=100)]
    source: Words


class ValueFile(Definition):
    """`library/values/*.yaml`: what a programme costs and what its effect is worth, by people and reviewed."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    problem: Words
    innovation: Identifier
    measure: Identifier
    groups_measure: Identifier | None = None
    """The measure that counts the same events by deprivation, where `measure` itself does not."""
    perspective: Words
    currency: Currency
    price_year: PriceYear
    sites_now: Annotated[int, Field(ge=0)]
    plans: Annotated[list[PlanFile], Field(min_length=1)]
    costs: Annotated[list[CostFile], Field(min_length=1)]
    kept: KeptFile | None = None
    inflation: InflationFile | None = None
    discount: DiscountFile = DiscountFile()
    health: HealthFile | None = None
    threshold: ThresholdFile | None = None
    effect: EffectFile | None = None
    groups: GroupsFile | None = None
    distribution: DistributionFile | None = None
    risks: list[Words] = Field(default_factory=list)
    unknown: list[Words] = Field(default_factory=list)
    author: Words
    reviewer: Words
    next_review: date

    def to_declared(self, digest: str) -> Declared:
        """Return the declaration, every sum in prices of `price_year`.

        Raises:
            DefinitionError: naming the field.
        """
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        if self.groups is not None and self.groups_measure is not None:
            raise DefinitionError("groups are stated and measured; give `groups` or `groups_measure`", field="groups")
        check_year(self.price_year)
        index = {} if self.inflation is None else self.inflation.index
        kept = KeptFile(percent=100.0, source="assumed") if self.kept is None else self.kept
        health = self.health
        try:
            return Declared(
                id=self.id,
                version=self.version,
                title=self.title,
                problem=self.problem,
                innovation=self.innovation,
                measure=self.measure,
                groups_measure=self.groups_measure or self.measure,
                perspective=self.perspective,
                currency=self.currency,
                price_year=self.price_year,
                sites_now=self.sites_now,
                plans=tuple(Plan(id=one.id, title=one.title, sites=tuple(one.sites)) for one in self.plans),
                costs=tuple(one.to_cost(self.currency, self.price_year, index) for one in self.costs),
                kept=kept.uncertain(KEPT, kept.percent, Shape.LOGNORMAL, 0.01),
                kept_source=kept.source,
                inflation="" if self.inflation is None else self.inflation.source,
                discounting=Discounting(
                    costs=self.discount.costs_percent / 100,
                    health=self.discount.health_percent / 100,
                    source=self.discount.source,
                ),
                health=None
                if health is None
                else Health(
                    unit=health.unit,
                    amount=health.uncertain(HEALTH, health.per_event, Shape.GAMMA),
                    source=health.source,
                ),
                threshold=None
                if self.threshold is None
                else Threshold(worths=tuple(self.threshold.worth), source=self.threshold.source),
                stated=None if self.effect is None else self.effect.to_stated(),
                groups=None if self.groups is None else self.groups.to_groups(),
                distribution=None if self.distribution is None else self.distribution.to_distribution(),
                risks=tuple(self.risks),
                unknown=tuple(self.unknown),
                author=self.author,
                reviewer=self.reviewer,
                next_review=self.next_review,
                digest=digest,
            )
        except ValueError as error:
            raise DefinitionError(str(error), field="plans") from error


def check_year(text: str) -> None:
    """Refuse what is no price year.

    Raises:
        DefinitionError: if it is not written as 2024 or 2023/24.
    """
    if not _YEAR.fullmatch(text):
        raise DefinitionError(f'`{text}` is no price year; write "2024", or "2023/24"', field="price_year")


def read_declared(path: Path) -> Declared:
    """Return a programme's value as a file declares it.

    Raises:
        DefinitionError: naming file, line and field.
    """
    file = read_yaml(path, ValueFile)
    try:
        return file.to_declared(hashlib.sha256(path.read_bytes()).hexdigest())
    except DefinitionError as error:
        where = f"`{error.field}`: " if error.field else ""
        raise DefinitionError(f"{path}: {where}{error}", field=error.field) from error
