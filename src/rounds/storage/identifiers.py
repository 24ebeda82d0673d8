"""Identifiers of networks, rounds and sites: they become names of files, so they are plain words."""

import re
from typing import Annotated

from pydantic import Field

from rounds.errors import RoundsError

_PATTERN = r"^[a-z0-9][a-z0-9-]{0,59}$"

Identifier = Annotated[str, Field(pattern=_PATTERN)]
"""Small letters, digits and hyphens, 60 at most, no hyphen first."""


def check_identifier(text: str, *, what: str, error: type[RoundsError] = RoundsError) -> str:
    """Return an identifier, or raise `error` if it is none.

    Args:
        text: the identifier.
        what: what it names, for the message.
        error: raised if it is no identifier.
    """
    if not re.fullmatch(_PATTERN, text):
        raise error(f"{what} {text!r} is no identifier: use small letters, digits and hyphens, 60 at most")
    return text
