"""What a file of a programme's value may state where no round tells it: an effect, who had the events, inequality."""

from typing import Annotated

from pydantic import Field

from rounds.errors import DefinitionError
from rounds.learning.value.programme import Distribution, Stated, StatedGroups
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]


class EffectFile(Definition):
    """An effect that is stated where no round has found one."""

    avoided: float
    low: float
    high: float
    site_years: Annotated[float, Field(gt=0)]
    outcome: Words
    source: Words

    def to_stated(self) -> Stated:
        """Return it.

        Raises:
            DefinitionError: if the interval does not hold the number.
        """
        if not self.low <= self.avoided <= self.high:  # NaN lies nowhere
            raise DefinitionError(
                f"{self.avoided:g} does not lie between {self.low:g} and {self.high:g}", field="effect"
            )
        return Stated(
            avoided=self.avoided,
            lower=self.low,
            upper=self.high,
            site_years=self.site_years,
            outcome=self.outcome,
            source=self.source,
        )


class GroupsFile(Definition):
    """Who had the events, where the round does not count them by group."""

    by: Words
    events: Annotated[dict[Words, Annotated[list[float], Field(min_length=1, max_length=2)]], Field(min_length=2)]
    """A number, or the lowest and the highest that it can be."""
    source: Words

    def to_groups(self) -> StatedGroups:
        """Return them.

        Raises:
            DefinitionError: if a number is below 0, or bounds are in the wrong order.
        """
        for name, ends in self.events.items():
            if not 0 <= ends[0] <= ends[-1]:
                raise DefinitionError(f"{name}: bounds of {ends} are impossible", field="groups")
        return StatedGroups(
            by=self.by,
            names=tuple(self.events),
            lower=tuple(ends[0] for ends in self.events.values()),
            upper=tuple(ends[-1] for ends in self.events.values()),
            values=tuple(ends[0] if ends[0] == ends[-1] else None for ends in self.events.values()),
            where="as they are stated",
            left_out="",
            source=self.source,
        )


class DistributionFile(Definition):
    """What has to be stated of groups before anything can be said of inequality."""

    burden_percent: Annotated[dict[Words, Annotated[float, Field(ge=0, le=100)]], Field(min_length=2)]
    people: dict[Words, Annotated[float, Field(gt=0)]]
    health_before: dict[Words, Annotated[float, Field(gt=0)]]
    aversion: Annotated[list[Annotated[float, Field(ge=0, le=50)]], Field(min_length=1)]
    source: Words

    def to_distribution(self) -> Distribution:
        """Return it.

        Raises:
            DefinitionError: if the three name other groups, or burdens do not add up to 100.
        """
        if not set(self.burden_percent) == set(self.people) == set(self.health_before):
            raise DefinitionError(
                "burden_percent, people and health_before each need the same groups", field="distribution"
            )
        if abs(sum(self.burden_percent.values()) - 100) > 1e-6:
            raise DefinitionError(
                f"burdens add up to {sum(self.burden_percent.values()):g}, not 100", field="distribution"
            )
        names = tuple(self.burden_percent)
        return Distribution(
            names=names,
            burden=tuple(self.burden_percent[name] / 100 for name in names),
            people=tuple(self.people[name] for name in names),
            before=tuple(self.health_before[name] for name in names),
            aversions=tuple(self.aversion),
            source=self.source,
        )
