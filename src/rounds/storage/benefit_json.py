"""The benefit ledger's statements and claims as JSON: the same one gives the same bytes."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np

from rounds.errors import RoundsError
from rounds.learning.benefit.claims import Quantity, Said, Source
from rounds.learning.benefit.entries import Avoided, Counted, Entry, Matrix, Reached, Statement

FORMAT = "rounds-benefit/1"

_TEXTS = (
    "network", "round_id", "innovation", "innovation_title", "measure", "measure_title", "reached_unit", "method",
    "why_none",
)  # fmt: skip


def encode_statement(statement: Statement) -> bytes:
    """Return a statement as one line of JSON."""
    fields: dict[str, Any] = {name: getattr(statement, name) for name in _TEXTS}
    fields |= {
        "format": FORMAT,
        "data_as_of": statement.data_as_of.isoformat(),
        "gained": statement.gained,
        "counted": statement.counted.value,
        "reached_counted": statement.reached_counted.value,
        "members": list(statement.members),
        "first": statement.first.isoformat(),
        "last": statement.last.isoformat(),
        "sources": statement.sources[np.tril_indices(len(statement.sources))].tolist(),
        "entries": [_entry(entry) for entry in statement.entries],
    }
    return _line(fields)


def decode_statement(content: bytes, *, where: str) -> Statement:
    """Return the statement in some JSON.

    Args:
        content: as `encode_statement` made it.
        where: what it is read from, for the message.

    Raises:
        RoundsError: if it is none, or of another version.
    """
    fields = _fields(content, where)
    try:
        return Statement(
            **{name: str(fields[name]) for name in _TEXTS},
            data_as_of=date.fromisoformat(fields["data_as_of"]),
            gained=bool(fields["gained"]),
            counted=Counted(fields["counted"]),
            reached_counted=Counted(fields["reached_counted"]),
            members=tuple(fields["members"]),
            first=date.fromisoformat(fields["first"]),
            last=date.fromisoformat(fields["last"]),
            sources=_matrix(fields["sources"]),
            entries=tuple(_read_entry(entry) for entry in fields["entries"]),
        )
    except (KeyError, TypeError, ValueError):
        raise _damaged(where) from None


def encode_said(said: Said) -> bytes:
    """Return a claim or an evaluation as one line of JSON."""
    fields = asdict(said)
    fields |= {name: fields[name].isoformat() for name in ("first", "last", "dated")}
    return _line({"format": FORMAT, **fields})


def decode_said(content: bytes, *, where: str) -> Said:
    """Return the claim or evaluation in some JSON; errors are as in `decode_statement`."""
    fields = _fields(content, where)
    try:
        fields.pop("format")
        fields |= {name: date.fromisoformat(fields[name]) for name in ("first", "last", "dated")}
        fields |= {"source": Source(fields["source"]), "quantity": Quantity(fields["quantity"])}
        return Said(**fields)
    except (KeyError, TypeError, ValueError):
        raise _damaged(where) from None


def _entry(entry: Entry) -> list[Any]:
    days = [entry.start.isoformat(), entry.end.isoformat(), entry.since.isoformat()]
    avoided = entry.avoided
    told = None
    if avoided is not None:
        told = [avoided.value, avoided.own_variance, avoided.own_with_effect, [list(slope) for slope in avoided.slopes]]
    return [entry.member, *days, entry.reached.lower, entry.reached.upper, told]


def _read_entry(fields: list[Any]) -> Entry:
    member, start, end, since, lower, upper, told = fields
    avoided = None
    if told is not None:
        value, own_variance, own_with_effect, slopes = told
        avoided = Avoided(
            value=value,
            own_variance=own_variance,
            own_with_effect=own_with_effect,
            slopes=tuple((source, slope) for source, slope in slopes),
        )
    return Entry(
        member=member,
        start=date.fromisoformat(start),
        end=date.fromisoformat(end),
        since=date.fromisoformat(since),
        reached=Reached(lower=lower, upper=upper),
        avoided=avoided,
    )


def _matrix(lower: list[float]) -> Matrix:
    size = int((np.sqrt(8 * len(lower) + 1) - 1) / 2)
    found = np.zeros((size, size))
    rows, columns = np.tril_indices(size)
    found[rows, columns] = lower
    found[columns, rows] = lower
    return found


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _fields(content: bytes, where: str) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        raise _damaged(where) from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise RoundsError(
            f"{where}: it is not written as {FORMAT}; it comes from another version of Rounds, or was changed"
        )
    return fields


def _damaged(where: str) -> RoundsError:
    return RoundsError(f"{where}: it cannot be read; restore the file from a copy, nothing is reported until then")
