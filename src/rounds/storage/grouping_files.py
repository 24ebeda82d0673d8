"""What the YAML of a grouping looks like, where its values come from, and how it becomes one of our own types."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from rounds.errors import DefinitionError
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.strata import Stratum
from rounds.storage.criteria_parts import refuse_here
from rounds.storage.csv_files import ColumnType, read_csv
from rounds.storage.deprivation_files import deprivation_groups
from rounds.storage.identifiers import Identifier
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUps:
    """Where look-up files lie: in the libraries, beside the groupings, and what a site says itself."""

    library: tuple[Path, ...]
    site: Path | None = None

    def table(self, name: str) -> Path:
        """Return the one file of a name that the libraries hold."""
        found = [folder / name for folder in self.library if (folder / name).exists()]
        if len(found) != 1:
            there = "in no library" if not found else f"in {len(found)} libraries"
            raise DefinitionError(f"{name} is {there}; put it beside the grouping's file, once", field="table")
        return found[0]


def _beside(named: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.csv", named):
        raise ValueError("write the name of a CSV file that lies beside this one, such as `imd-2019.csv`")
    return named


class TableFile(Definition):
    """`table: {file: imd-2019.csv, value: lsoa, level: quintile}`: a CSV beside the grouping's file."""

    file: Annotated[str, AfterValidator(_beside)]
    value: Words = "value"
    level: Words = "level"


class GroupingFile(Definition):
    """`library/groupings/*.yaml`: each level with its values, a table of them, or `values_from: site`."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    by: Stratum
    attribute: Attribute
    levels: Annotated[dict[str, dict[int | str, str] | None], Field(min_length=1)]
    table: TableFile | None = None
    values_from: Literal["site"] | None = None
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _can_be_read(self, info: ValidationInfo) -> Self:
        look_ups = info.context
        if look_ups is not None:
            refuse_here(lambda: self.to_grouping(look_ups))
        return self

    def to_grouping(self, look_ups: LookUps) -> Grouping:
        """Return the grouping with the values there are.

        Raises:
            DefinitionError: if it contradicts itself, or a table cannot be read.
        """
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        values = self._values(look_ups)
        return Grouping(
            id=self.id,
            version=self.version,
            title=self.title,
            by=self.by,
            attribute=self.attribute,
            named=tuple(self.levels),
            values=None if values is None else tuple(sorted(values)),
            held_by_site=self.values_from is not None,
        )

    def _values(self, look_ups: LookUps) -> list[tuple[str, str]] | None:
        written = [(str(value), level) for level, values in self.levels.items() for value in values or ()]
        said = [bool(written), self.table is not None, self.values_from is not None]
        if sum(said) != 1:
            raise DefinitionError(
                "say once which values belong to the levels: below each level, in a `table`, or `values_from: site`",
                field="levels",
            )
        if self.table is not None:
            return _table(look_ups.table(self.table.file), self.table, self.levels)
        if self.values_from is None:
            return written
        return None if look_ups.site is None else self._of_site(look_ups.site)

    def _of_site(self, folder: Path) -> list[tuple[str, str]] | None:
        """Return what a site says: a table of values and levels, or of deprivation the index as it is published."""
        there = [path for ending in (".csv", ".parquet") if (path := folder / f"{self.id}{ending}").exists()]
        if len(there) > 1:
            raise DefinitionError(f"{there[0].name} and {there[1].name} are both there; keep one", field="values_from")
        if not there:
            return None
        if self.by is Stratum.DEPRIVATION and not _has_levels(there[0]):
            groups = deprivation_groups(there[0], groups=len(self.levels), error=DefinitionError)
            levels = tuple(self.levels)
            return [(area, levels[group - 1]) for area, group in groups.items()]
        return _table(there[0], TableFile(file="any.csv"), self.levels)


def _has_levels(path: Path) -> bool:
    """Return whether a file is a table of values and levels, as the first row of a CSV file says."""
    if path.suffix != ".csv":
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        headings = {heading.strip(' "\ufeff\r\n') for heading in lines.readline().split(",")}
    return {"value", "level"} <= headings


def _table(path: Path, columns: TableFile, levels: dict[str, dict[int | str, str] | None]) -> list[tuple[str, str]]:
    kinds = {columns.value: ColumnType.TEXT, columns.level: ColumnType.TEXT}
    found = read_csv(path, kinds, error=DefinitionError).rows()
    if not found:
        raise DefinitionError(f"{path}: no value is listed below the header; list them, or remove the file")
    lines: dict[str, int] = {}
    for line, value, level in found:
        if level not in levels:
            raise DefinitionError(
                f"{path.name}, line {line}: the level is none of the grouping's{nearest(level, levels)}"
            )
        if value in lines:
            raise DefinitionError(f"{path.name}, line {line}: the value is on line {lines[value]} already; keep one")
        lines[value] = line
    return [(value, level) for _, value, level in found]
