"""What the YAML of expected quality looks like: `library/quality/*.yaml`, and a site's own changes to it."""

from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from rounds.errors import DefinitionError
from rounds.measures.quality import Check, Expected, Limit, OneSex, PlausibleValues, Reviewed
from rounds.storage.identifiers import Identifier
from rounds.storage.library import shipped_library_folder
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition, read_yaml

Words = Annotated[str, Field(min_length=1)]
Percent = Annotated[float, Field(ge=0, le=100)]


class LimitFile(Definition):
    """`{check: missing, table: measurement, column: value_as_number, at_most: 30, because: ...}`."""

    check: Words
    at_most: Percent
    table: Words | None = None
    column: Words | None = None
    because: str = ""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.check not in set(Check):
            raise ValueError(f"there is no check `{self.check}`{nearest(self.check, list(Check))}")
        self.to_limit()
        return self

    def to_limit(self) -> Limit:
        return Limit(
            check=Check(self.check),
            at_most=self.at_most,
            table=self.table,
            column=self.column,
            because=self.because,
        )


class ValuesFile(Definition):
    """`{title: ..., concepts: {3004249: ...}, units: {8876: mmHg}, from: 30, to: 300}`."""

    title: Words
    concepts: dict[int, Words] = Field(min_length=1)
    units: dict[int, Words] = Field(min_length=1)
    lowest: float = Field(alias="from")
    highest: float = Field(alias="to")

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        self.to_values()
        return self

    def to_values(self) -> PlausibleValues:
        return PlausibleValues(
            title=self.title,
            concepts=tuple(sorted(self.concepts)),
            units=tuple(sorted(self.units)),
            lowest=self.lowest,
            highest=self.highest,
        )


class OneSexFile(Definition):
    """`{title: Cancer of the prostate, only: male, concepts: {4163261: ...}}`."""

    title: Words
    only: Words
    concepts: dict[int, Words] = Field(min_length=1)

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        self.to_one_sex()
        return self

    def to_one_sex(self) -> OneSex:
        return OneSex(title=self.title, sex=self.only, concepts=tuple(sorted(self.concepts)))


class QualityFile(Definition):
    """`library/quality/*.yaml`; one with `changes` is laid over the shipped one of that id and version."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    changes: Words | None = None
    because: str = ""
    limits: tuple[LimitFile, ...] = ()
    jump_factor: Annotated[float, Field(gt=1)] | None = None
    values: tuple[ValuesFile, ...] = ()
    sexes: tuple[OneSexFile, ...] = ()
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _was_reviewed(self) -> Self:
        if self.author == self.reviewer:
            raise ValueError("the reviewer must be somebody other than the author")
        if self.changes is not None and not self.because:
            raise ValueError("a file that changes what is expected says `because`, in a sentence")
        return self

    def reviewed(self) -> Reviewed:
        return Reviewed(
            id=self.id,
            version=self.version,
            title=self.title,
            author=self.author,
            reviewer=self.reviewer,
            next_review=self.next_review,
            because=self.because,
        )


def read_expected(own: Path | None = None) -> Expected:
    """Return what is expected of records: the shipped `quality/standard.yaml` and a site's own changes to it.

    Args:
        own: the site's library folder; its `quality/*.yaml` are laid over in the order of their names.

    Raises:
        DefinitionError: naming the file, the line and what is wrong; also if a change was made to another version.
    """
    standard = read_yaml(shipped_library_folder() / "quality" / "standard.yaml", QualityFile)
    files = [standard]
    name = f"{standard.id} v{standard.version}"
    for path in sorted((own / "quality").glob("*.yaml")) if own is not None else ():
        file = read_yaml(path, QualityFile)
        if file.changes != name:
            raise DefinitionError(
                f"{path}: this version of Rounds expects `{name}`; review the file and write `changes: {name}`"
            )
        files.append(file)
    changed_concepts = {concept for file in files[1:] for values in file.values for concept in values.concepts}
    values = [
        one.to_values()
        for number, file in enumerate(files)
        for one in file.values
        if number > 0 or not changed_concepts & set(one.concepts)
    ]
    factors = [file.jump_factor for file in files if file.jump_factor is not None]
    return Expected(
        files=tuple(file.reviewed() for file in files),
        limits=tuple(limit.to_limit() for file in files for limit in file.limits),
        values=tuple(values),
        sexes=tuple(one.to_one_sex() for file in files for one in file.sexes),
        jump_factor=factors[-1] if factors else 2.0,
    )
