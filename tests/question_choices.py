"""What a question can say, and what one has said: for tests that want everything said at least once."""

import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.criteria import Criterion
from rounds.measures.groupings import Grouping


def said(part: object) -> Iterator[str]:
    """Yield every choice that a question has made: a name for each field and what it holds."""
    if isinstance(part, tuple):
        for item in part:
            yield from said(item)
    if not is_dataclass(part):
        return
    for field in fields(part):
        value = getattr(part, field.name)
        yield from (f"{type(part).__name__}.{field.name}: {kind}" for kind in _kinds(value))
        yield from said(value)


def _kinds(value: object) -> Iterator[str]:
    match value:
        case None | bool() | Enum():
            yield str(value)
        case int() | float():
            yield "number"
        case tuple():
            for item in value:
                yield from _kinds(item)
        case _:
            yield type(value).__name__


def everything(kind: Any, seen: set[Any] | None = None) -> set[str]:
    """Return every choice that a question can make, from the types themselves, so that a new one is noticed."""
    seen = set() if seen is None else seen
    if kind in seen or kind in (CodeList, Cohort, Grouping):
        return set()
    seen.add(kind)
    found: set[str] = set()
    hints = typing.get_type_hints(kind, {"Criterion": Criterion})
    for field in fields(kind):
        for choice in _choices(hints[field.name]):
            if isinstance(choice, type) and is_dataclass(choice):
                found.add(f"{kind.__name__}.{field.name}: {choice.__name__}")
                found |= everything(choice, seen)
            else:
                found.add(f"{kind.__name__}.{field.name}: {choice}")
    return found


def _choices(hint: Any) -> Iterator[Any]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        for choice in typing.get_args(hint):
            yield from _choices(choice)
    elif origin is tuple:
        yield from _choices(typing.get_args(hint)[0])
    elif hint is type(None):
        yield "None"
    elif hint is bool:
        yield from ("True", "False")
    elif isinstance(hint, type) and issubclass(hint, Enum):
        yield from (str(choice) for choice in hint)
    elif hint in (int, float):
        yield "number"
    elif hint is str:
        yield "str"
    else:
        yield hint if is_dataclass(hint) else hint.__name__
