"""How people write what a mean is of, in YAML."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from rounds.errors import DefinitionError
from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue, Quantity, Take
from rounds.measures.choices import Extent
from rounds.measures.criteria import MOST_TIMES, Events
from rounds.measures.events import WITH_END, EventTable
from rounds.measures.questions import People, Rows
from rounds.storage.criteria_files import HadFile, plain_rows
from rounds.storage.criteria_parts import Part, UnitsFile, measured, refuse_here
from rounds.storage.defined import Defined


class MeanOf(StrEnum):
    """What units have, of which there is a mean."""

    NIGHTS = "nights"
    VALUE = "value"
    FIRST = "first value"
    LAST = "last value"
    LOWEST = "lowest value"
    HIGHEST = "highest value"
    NUMBER = "number"


_TAKES = {
    MeanOf.FIRST: Take.FIRST,
    MeanOf.LAST: Take.LAST,
    MeanOf.LOWEST: Take.LOWEST,
    MeanOf.HIGHEST: Take.HIGHEST,
}


class MeanFile(Part):
    """`mean: {of: nights, shown_in: nights, low: 0, high: 60, step: 1, most_each: 2}`; or of what a `had` finds."""

    names: ClassVar = {}

    of: MeanOf
    had: HadFile | None = None
    units: UnitsFile | None = None
    shown_in: Annotated[str, Field(min_length=1)]
    low: float
    high: float
    step: float
    most_each: Annotated[int, Field(ge=1, le=MOST_TIMES)] | None = None
    if_missing: float | None = None

    def to_criterion(self, defined: Defined) -> None:
        self.to_amount(defined)

    def to_amount(self, defined: Defined) -> Amount:
        """Return what each unit adds to the mean, or raise `DefinitionError`."""
        return Amount(
            of=self._quantity(defined),
            low=self.low,
            high=self.high,
            step=self.step,
            most_each=self.most_each or 1,
            if_missing=self.if_missing,
        )

    def to_unit(self, unit: People | Rows) -> People | Rows:
        """Return what is counted, with what a mean of its own nights or values needs of it; or raise."""
        if isinstance(unit, People):
            if self.most_each is not None:
                raise DefinitionError("a person is counted once a period; remove `most_each`", field="mean")
            return unit
        if self.most_each is None:
            raise DefinitionError(
                "say of how many of one person's in a period the mean is at most, with `most_each`: nobody may weigh "
                "more than that",
                field="mean",
            )
        events = unit.events
        if self.of is MeanOf.NIGHTS and isinstance(events, Events) and events.table in WITH_END - {EventTable.COHORT}:
            return replace(unit, events=replace(events, without_end=Extent.ON_AND_ON))
        if self.of is MeanOf.VALUE:
            try:
                return replace(unit, events=measured(events, self.units, at=""))
            except DefinitionError as error:
                raise DefinitionError(str(error), field="mean") from error
        return unit

    def _quantity(self, defined: Defined) -> Quantity:
        takes = self.of in _TAKES
        if (self.had is not None) != (takes or self.of is MeanOf.NUMBER):
            wanted = "say of which rows, with `had`" if self.had is None else "remove `had`"
            raise DefinitionError(f"of `{self.of}`: {wanted}", field="of" if self.had is None else "had")
        if self.units is not None and not (takes or self.of is MeanOf.VALUE):
            raise DefinitionError(f"`{self.of}` has no unit of measurement; remove `units`", field="units")
        if self.of is MeanOf.NIGHTS:
            return Nights()
        if self.had is None:
            return OwnValue()
        had = self.had
        refuse_here(lambda: HowMany(rows=plain_rows(had, defined, by="a mean")), had.names, "had")
        rows = plain_rows(had, defined, by="a mean")
        if self.of is MeanOf.NUMBER:
            return HowMany(rows=rows)
        return FoundValue(rows=replace(rows, events=measured(rows.events, self.units, at="had")), take=_TAKES[self.of])
