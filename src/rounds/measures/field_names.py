"""The fields of what definitions are made of, for code that walks through any of them."""

from dataclasses import fields, is_dataclass
from functools import cache


@cache
def field_names(kind: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields in their order; none of any other type."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
