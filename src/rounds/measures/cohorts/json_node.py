"""Reads JSON strictly: every value by kind, every problem by its path, every key that nobody asked for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

DEEPEST: Final = 80
"""Elements inside one another; ATLAS itself shows far fewer."""
LARGEST: Final = 2**53
"""Beyond it numbers of JSON are not exact."""
MOST_DAYS: Final = 200_000
"""More than 500 years, so that every day stays in a calendar."""

_DAY: Final = re.compile(r"(\d{1,4})-(\d{1,2})-(\d{1,2})", flags=re.ASCII)


@dataclass(slots=True, kw_only=True)
class Node:
    """An object inside a JSON document. Reading a key takes it; `refuse_rest` names those left over."""

    value: dict[str, object]
    path: str
    problems: list[str]
    """Shared by all nodes of a document."""
    depth: int = 0
    taken: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def refuse(self, key: str, why: str) -> None:
        """Note a problem with a key."""
        self.problems.append(f"{self.at(key)}: {why}")

    def has(self, key: str) -> bool:
        """Say whether a key is there and not null, and take it."""
        self.taken.add(key)
        return self.value.get(key) is not None

    def refuse_rest(self) -> None:
        """Note a problem for every key that was not read and says something."""
        for key, value in self.value.items():
            if key not in self.taken and value is not None:
                self.refuse(key, "this element is not supported here; remove it, or use a definition without it")

    def child(self, key: str) -> "Node | None":
        """Return the object at a key, or nothing if it is not there."""
        if not self.has(key):
            return None
        value = self.value[key]
        if not isinstance(value, dict):
            self.refuse(key, "write an object")
            return None
        return self._inside(value, self.at(key))

    def _inside(self, value: dict[str, object], path: str) -> "Node":
        if self.depth == DEEPEST:
            self.problems.append(f"{path}: elements are nested more than {DEEPEST} deep; simplify the definition")
            value = {}
        return Node(value=value, path=path, problems=self.problems, depth=self.depth + 1)

    def needed(self, key: str) -> "Node | None":
        """Return the object at a key, and note a problem if it is not there."""
        if not self.has(key):
            self.refuse(key, "this element is missing")
            return None
        return self.child(key)

    def children(self, key: str) -> Iterator["Node"]:
        """Give the objects of a list, which may be missing."""
        if not self.has(key):
            return
        values = self.value[key]
        if not isinstance(values, list):
            self.refuse(key, "write a list of objects")
            return
        for number, value in enumerate(values):
            if isinstance(value, dict):
                yield self._inside(value, f"{self.at(key)}[{number}]")
            else:
                self.refuse(f"{key}[{number}]", "write an object")

    def text(self, key: str, default: str | None = None) -> str | None:
        """Return the text at a key."""
        if not self.has(key):
            return default
        value = self.value[key]
        if isinstance(value, str) and "\0" not in value and _is_unicode(value):
            return value
        self.refuse(key, "write text")
        return default

    def flag(self, key: str, default: bool = False) -> bool:
        """Return true or false."""
        if not self.has(key):
            return default
        value = self.value[key]
        if isinstance(value, bool):
            return value
        self.refuse(key, "write true or false")
        return default

    def integer(self, key: str, *, most: int = LARGEST) -> int | None:
        """Return a whole number, or nothing if it is not there.

        Args:
            key: of the number.
            most: the largest and, below 0, the smallest allowed.
        """
        number = self.number(key)
        if number is None:
            return None
        if number == int(number) and abs(number) <= most:
            return int(number)
        self.refuse(key, f"write a whole number{'' if most == LARGEST else f' of at most {most}'}")
        return None

    def days(self, key: str) -> int | None:
        """Return a number of days, or nothing if it is not there."""
        return self.integer(key, most=MOST_DAYS)

    def number(self, key: str) -> int | float | None:
        """Return a number, or nothing if it is not there."""
        if not self.has(key):
            return None
        value = self.value[key]
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
            return value
        self.refuse(key, "write a number")
        return None

    def day(self, key: str) -> date | None:
        """Return a date, or nothing if it is not there."""
        if not self.has(key):
            return None
        value = self.value[key]
        found = _DAY.fullmatch(value) if isinstance(value, str) else None
        try:
            if found is not None:
                return date(*(int(part) for part in found.groups()))
        except ValueError:
            pass
        self.refuse(key, "write a date as year-month-day")
        return None


def _is_unicode(value: str) -> bool:
    """Say whether a text can be written down; half a character of JSON cannot."""
    return not any("\ud800" <= mark <= "\udfff" for mark in value)
