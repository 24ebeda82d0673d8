"""people.yaml, agreements.yaml and approvals.yaml of a site: who is who, what was agreed, and what may always leave."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rounds.errors import DefinitionError
from rounds.network.agreements import Agreement, Covered, StandingApproval
from rounds.network.people import People, Person
from rounds.network.roles import Role
from rounds.storage.identifiers import Identifier
from rounds.storage.yaml_files import Definition, read_yaml

_VERSIONED = re.compile(r"([a-z0-9][a-z0-9-]*)(?: v([1-9][0-9]*))?")
_Words = Annotated[str, Field(min_length=1)]


class _Person(Definition):
    name: _Words
    role: Role
    since: date
    until: date | None = None


class _PeopleFile(Definition):
    people: list[_Person] = Field(min_length=1)


class _Agreement(Definition):
    id: Identifier
    between: list[_Words]
    purpose: _Words
    measures: Literal["all"] | list[str]
    first: date = Field(alias="from")
    until: date
    reviewer: _Words


class _AgreementsFile(Definition):
    agreements: list[_Agreement]


class _Approval(Definition):
    measure: Identifier
    version: int = Field(ge=1)
    approved_by: _Words
    since: date
    until: date
    meaning: str | None = None


class _ApprovalsFile(Definition):
    approvals: list[_Approval]


def read_people(path: Path) -> People:
    """Return the people a site has named.

    Raises:
        DefinitionError: if the file is missing or wrong.
    """
    if not path.exists():
        raise DefinitionError(
            f"{path} is missing: it names who may approve here. Write, for example:\n"
            "people:\n  - {name: Ada Example, role: data guardian, since: 2025-01-01}"
        )
    file = read_yaml(path, _PeopleFile)
    found = []
    for one in file.people:
        try:
            found.append(Person(name=one.name, role=one.role, since=one.since, until=one.until))
        except DefinitionError as error:
            raise DefinitionError(f"{path}: {error}") from None
    return People(people=tuple(found))


def read_agreements(path: Path) -> tuple[Agreement, ...]:
    """Return the agreements of a site, in force or not.

    Raises:
        DefinitionError: if the file is missing or wrong.
    """
    file = read_yaml(path, _AgreementsFile)
    found: dict[str, Agreement] = {}
    for one in file.agreements:
        if one.id in found:
            raise DefinitionError(f"{path}: agreement {one.id} is written twice; keep one")
        if len(one.between) < 2:
            raise DefinitionError(f"{path}: agreement {one.id}: `between` names who agreed: two parties at least")
        try:
            found[one.id] = Agreement(
                id=one.id,
                between=tuple(one.between),
                purpose=one.purpose,
                measures=None if one.measures == "all" else tuple(_covered(text, one.id) for text in one.measures),
                first=one.first,
                last=one.until,
                reviewer=one.reviewer,
            )
        except DefinitionError as error:
            raise DefinitionError(f"{path}: {error}") from None
    return tuple(found.values())


def read_standing_approvals(path: Path) -> tuple[StandingApproval, ...]:
    """Return the standing approvals of a site, in force or not.

    Raises:
        DefinitionError: if the file is missing or wrong.
    """
    file = read_yaml(path, _ApprovalsFile)
    found = []
    for one in file.approvals:
        if one.meaning is not None and not re.fullmatch(r"[0-9a-f]{12,64}", one.meaning):
            raise DefinitionError(
                f"{path}: {one.measure} v{one.version}: `meaning` is the first 12 or more digits of the measure's "
                "digest; write them, in quotes, or leave it out"
            )
        try:
            found.append(
                StandingApproval(
                    measure=one.measure,
                    version=one.version,
                    approved_by=one.approved_by,
                    first=one.since,
                    last=one.until,
                    meaning=one.meaning,
                )
            )
        except DefinitionError as error:
            raise DefinitionError(f"{path}: {error}") from None
    return tuple(found)


def _covered(text: str, agreement: str) -> Covered:
    match = _VERSIONED.fullmatch(text)
    if match is None:
        raise DefinitionError(
            f"agreement {agreement}: `{text}` is no measure; write its id, such as cardiac-arrests, or its id and "
            "version, such as cardiac-arrests v1"
        )
    return Covered(id=match[1], version=None if match[2] is None else int(match[2]))
