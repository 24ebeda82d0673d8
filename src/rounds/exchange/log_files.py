"""Logs and proofs as small files that a person can read and another party can check without our database."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from rounds.audit.chain import Entry, checked, decode_entry, encode_entry, entry_of
from rounds.audit.heads import SignedHead, head_of
from rounds.audit.merkle import Node, includes, inclusion_path, tree_of
from rounds.errors import AuditError
from rounds.exchange.question import Wire
from rounds.exchange.signing import PublicKey, SigningKey
from rounds.exchange.wire_log import WireHash, WireSignedHead, read_head, wire_signed_head


class _LastLine(Wire):
    head: WireSignedHead


class _WireProof(Wire):
    format: Literal["rounds-log-proof"]
    version: Literal[1]
    entry: dict[str, Any]
    head: WireSignedHead
    path: list[WireHash]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A whole log and its head, whose signature has been checked if a key was given."""

    entries: tuple[Entry, ...]
    signed: SignedHead


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One entry of a log that has proved to be in it."""

    entry: Entry
    signed: SignedHead


def encode_export(entries: tuple[Entry, ...], *, log: str, key: SigningKey) -> str:
    """Return a log as lines of JSON: its entries, and on the last line its signed head.

    Args:
        entries: all of them.
        log: whose log it is.
        key: that party's.
    """
    size, node = tree_of(entry.leaf for entry in entries)
    lines = [encode_entry(entry) for entry in entries]
    last = _LastLine(head=_signed(log, size, node, key)).model_dump_json()
    return "\n".join([*lines, last]) + "\n"


def decode_export(content: bytes, *, source: str, key: PublicKey | None) -> Export:
    """Return the log in an export, having checked its chain, its head and, with a key, who signed it.

    Args:
        content: as `encode_export` makes it.
        source: the file's name, for messages to people.
        key: of the party whose log it is; None leaves the signature unchecked.

    Raises:
        AuditError: naming the first entry at which it was changed, or its head.
    """
    *lines, last = content.splitlines() or [b""]
    try:
        wire = _LastLine.model_validate_json(last).head
        signed = read_head(wire, wire.log)
    except ValueError:
        raise AuditError(f"{source}: its last line is not the log's head; it was cut, export it again") from None
    told = (decode_entry(line, source=f"{source} line {number}") for number, line in enumerate(lines, start=1))
    entries = tuple(checked(told, source=source))
    size, node = tree_of(entry.leaf for entry in entries)
    if head_of(signed.head.log, size, node) != signed.head:
        raise AuditError(
            f"{source}: it has {size} entries, but its head is that of {signed.head.size} others; entries were cut off "
            "or changed, export it again"
        )
    _check_signature(signed, key, source=source)
    return Export(entries=entries, signed=signed)


def encode_proof(entries: tuple[Entry, ...], sequence: int, *, size: int | None, log: str, key: SigningKey) -> str:
    """Return the proof that an entry is in a log, as JSON.

    Args:
        entries: the whole log.
        sequence: which entry, from 1.
        size: prove it for the log as it was with this many entries; None for all of them.
        log: whose log it is.
        key: that party's.

    Raises:
        AuditError: if the log has no such entry.
    """
    whole, node = tree_of(entry.leaf for entry in entries)
    size = whole if size is None else size
    if not 1 <= sequence <= size <= whole:
        raise AuditError(f"the log of {log} has {whole} entries; there is no entry {sequence} among the first {size}")
    path = [beside.hex() for beside in inclusion_path(sequence - 1, size, node)]
    proof = _WireProof(
        format="rounds-log-proof",
        version=1,
        entry=json.loads(encode_entry(entries[sequence - 1])),
        head=_signed(log, size, node, key),
        path=path,
    )
    return proof.model_dump_json(indent=1) + "\n"


def decode_proof(content: bytes, *, source: str, key: PublicKey) -> Proof:
    """Return the entry that a proof proves.

    Args:
        content: as `encode_proof` makes it.
        source: the file's name, for messages to people.
        key: of the party whose log it is.

    Raises:
        AuditError: if it is no proof, was changed, or is not signed by that party.
    """
    try:
        wire = _WireProof.model_validate_json(content)
        entry, signed = entry_of(wire.entry), read_head(wire.head, wire.head.log)
    except ValueError:
        raise AuditError(f"{source}: not a proof of an audit log's entry; ask for it again") from None
    _check_signature(signed, key, source=source)
    head, path = signed.head, tuple(bytes.fromhex(each) for each in wire.path)
    if entry.hash != entry.due_hash or not includes(
        root=head.root, size=head.size, leaf=entry.leaf, index=entry.sequence - 1, path=path
    ):
        raise AuditError(
            f"{source}: it does not prove that entry {entry.sequence} is in the log of {head.log}: it was changed; ask "
            "for it again"
        )
    return Proof(entry=entry, signed=signed)


def _signed(log: str, size: int, node: Node, key: SigningKey) -> WireSignedHead:
    head = head_of(log, size, node)
    return wire_signed_head(SignedHead(head=head, signature=key.sign(head.content)))


def _check_signature(signed: SignedHead, key: PublicKey | None, *, source: str) -> None:
    if key is not None and not key.verifies(signed.signature, signed.head.content):
        raise AuditError(
            f"{source}: its head is not signed with the key {key.fingerprint}: it was changed, or is another party's"
        )
