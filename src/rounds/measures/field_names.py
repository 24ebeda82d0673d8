"""The fields of what definitions are made of, for code that walks through any of them."""

from dataclasses import fields, is_dataclass
from typing import Final

_KNOWN: Final[dict[type, tuple[str, ...] | None]] = {}


def field_names(kind: type) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields in their order; None of any other type."""
    if kind not in _KNOWN:
        _KNOWN[kind] = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None
    return _KNOWN[kind]
