"""People at a site, with roles between dates."""

import unicodedata
from dataclasses import dataclass
from datetime import date

from rounds.errors import DefinitionError
from rounds.network.roles import Act, Role, permits


def same_person(one: str, other: str) -> bool:
    """Return whether two names are one person's. Capitals, spaces and how an accent is encoded make no difference."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who has a role from `since` to `until`, both included."""

    name: str
    role: Role
    since: date
    until: date | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DefinitionError("a person has no name; write it", field="name")
        if self.role is Role.PROGRAM:
            raise DefinitionError(f"{self.name}: nobody can be `{Role.PROGRAM}`; choose another role", field="role")
        if self.until is not None and self.until < self.since:
            raise DefinitionError(f"{self.name}: until ({self.until}) is before since ({self.since})", field="until")

    def holds_on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody whom a site has named, one entry a role."""

    people: tuple[Person, ...]

    def entries(self, name: str) -> tuple[Person, ...]:
        """Return all entries of a person, whenever they hold."""
        return tuple(person for person in self.people if same_person(person.name, name))

    def role_for(self, act: Act, *, name: str, day: date) -> Role | None:
        """Return the role in which somebody may do something on a day; None if they may not."""
        held = {person.role for person in self.entries(name) if person.holds_on(day)}
        return next((role for role in Role if role in held and permits(role, act)), None)
