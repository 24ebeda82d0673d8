"""The site's memory of what it has answered: one reply for a round, kept for ever."""

import json
from dataclasses import dataclass
from pathlib import Path

from rounds.errors import RoundsError
from rounds.storage.atomic import write_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reply that was given to a request, to the byte."""

    request_digest: str
    reply: bytes


def read_answer(path: Path) -> Answer | None:
    """Return what was answered, or None if nothing was.

    Raises:
        RoundsError: if the ledger is damaged. The site must not count again then, for a second answer could differ.
    """
    if not path.exists():
        return None
    try:
        fields = json.loads(path.read_bytes())
        return Answer(request_digest=fields["request_digest"], reply=fields["reply"].encode())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RoundsError(f"{path}: the ledger cannot be read; restore it from a copy, do not delete it") from None


def write_answer(path: Path, answer: Answer) -> None:
    """Remember a reply."""
    fields = {"request_digest": answer.request_digest, "reply": answer.reply.decode()}
    write_file(path, (json.dumps(fields, sort_keys=True) + "\n").encode())
