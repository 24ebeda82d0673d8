"""Exports and proofs: what is true is read, whatever else comes is refused, and nothing else ever happens."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from log_stamps import event, first_standing

from rounds.audit.chain import Action, Entry, following
from rounds.audit.heads import Head
from rounds.errors import AuditError, MessageError
from rounds.exchange.log_check import CheckedLog, check_both_sides
from rounds.exchange.log_files import decode_export, decode_proof, encode_export, encode_proof
from rounds.exchange.messages import digest_in, standing_in
from rounds.exchange.signing import SigningKey
from rounds.exchange.wire_log import WireLog, read_log_part, wire_log_part

KEY, OTHER = (SigningKey(Ed25519PrivateKey.generate().private_bytes_raw()) for _ in range(2))
COUNT = 9


def _entries(*numbers: int) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for number in numbers:
        entries.append(following(entries[-1] if entries else None, event(number)))
    return tuple(entries)


ENTRIES = _entries(*range(COUNT))
EXPORT = encode_export(ENTRIES, log="site-1", key=KEY).encode()
LINES = EXPORT.splitlines()
PROOF = encode_proof(ENTRIES, 4, size=None, log="site-1", key=KEY).encode()


def _read(lines: list[bytes]) -> tuple[Entry, ...]:
    return decode_export(b"\n".join(lines) + b"\n", source="log.jsonl", key=KEY.public).entries


def test_an_export_reads_back() -> None:
    assert _read(LINES) == ENTRIES
    assert decode_export(encode_export((), log="a", key=KEY).encode(), source="e", key=None).entries == ()


@pytest.mark.parametrize("size", [None, 4, 7, COUNT])
@pytest.mark.parametrize("sequence", [1, 4])
def test_a_proof_reads_back(sequence: int, size: int | None) -> None:
    content = encode_proof(ENTRIES, sequence, size=size, log="site-1", key=KEY).encode()
    proof = decode_proof(content, source="proof.json", key=KEY.public)
    assert proof.entry == ENTRIES[sequence - 1]
    assert (proof.signed.head.log, proof.signed.head.size) == ("site-1", size or COUNT)


@pytest.mark.parametrize(("sequence", "size"), [(0, None), (COUNT + 1, None), (5, 4), (1, COUNT + 1)])
def test_no_proof_of_an_entry_that_is_not_there(sequence: int, size: int | None) -> None:
    with pytest.raises(AuditError, match="the log of site-1 has 9 entries; there is no entry"):
        encode_proof(ENTRIES, sequence, size=size, log="site-1", key=KEY)


def _with(line: bytes, **changes: Any) -> bytes:
    fields = json.loads(line)
    fields["event"] |= changes
    return json.dumps(fields).encode()


CHANGED: dict[str, tuple[list[bytes], str]] = {
    "an edit": ([*LINES[:2], _with(LINES[2], party="x"), *LINES[3:]], "log.jsonl, entry 3: the chain is broken"),
    "a deletion": ([*LINES[:2], *LINES[3:]], "entry 3: the chain is broken"),
    "a swap": ([LINES[1], LINES[0], *LINES[2:]], "entry 1: the chain is broken"),
    "a duplicate": ([*LINES[:3], *LINES[2:]], "entry 4: the chain is broken"),
    "the last entries cut": ([*LINES[:5], LINES[-1]], "it has 5 entries, but its head is that of 9"),
    "the head cut": (LINES[:-1], "its last line is not the log's head"),
    "nothing": ([], "its last line is not the log's head"),
    "no entry": ([b"{}", *LINES[1:]], "log.jsonl line 1: not an entry"),
    "no JSON": ([b"\xff", *LINES[1:]], "log.jsonl line 1: not an entry"),
    "no event": ([LINES[0].replace(b'"event": {', b'"event": {"x": 1, '), *LINES[1:]], "line 1: not an entry"),
    "a number for a word": ([_with(LINES[0], party=3), *LINES[1:]], "line 1: not an entry"),
    "brackets without end": ([b"[" * 100_000, *LINES[1:]], "line 1: not an entry"),
    "told twice": (
        encode_export(_entries(1, 2, 1), log="site-1", key=KEY).encode().splitlines(),
        "entry 3: it is told",
    ),
    "another's signature": (encode_export(ENTRIES, log="site-1", key=OTHER).encode().splitlines(), "not signed with"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_changed_export_is_refused_and_the_entry_named(what: str) -> None:
    lines, complaint = CHANGED[what]
    with pytest.raises(AuditError, match=complaint):
        _read(lines)


@given(st.data())
def test_every_single_change_of_an_export_is_noticed(data: st.DataObject) -> None:
    """An edit of any byte, a deletion, a move, a duplicate or a cut of any lines."""
    lines = list(LINES)
    at, to = data.draw(st.integers(0, COUNT)), data.draw(st.integers(0, COUNT))
    kind = data.draw(st.sampled_from(("edit", "delete", "move", "double", "cut")))
    if kind == "edit":
        byte = data.draw(st.integers(0, len(lines[at]) - 1))
        lines[at] = lines[at][:byte] + data.draw(st.binary(min_size=1, max_size=1)) + lines[at][byte + 1 :]
    elif kind == "delete":
        del lines[at]
    elif kind == "move":
        lines.insert(to, lines.pop(at))
    elif kind == "double":
        lines.insert(to, lines[at])
    else:
        del lines[at:to]
    if [*map(_json, b"\n".join(lines).splitlines())] == [*map(_json, LINES)]:
        assert _read(lines) == ENTRIES
    else:
        with pytest.raises(AuditError):
            _read(lines)


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


PROOF_CHANGES: dict[str, Callable[[Any], object]] = {
    "the entry": lambda p: p["entry"]["event"].update(party="x"),
    "its number": lambda p: p["entry"].update(sequence=5),
    "the hash before": lambda p: p["entry"].update(before="1" * 64),
    "the path": lambda p: p["path"].reverse(),
    "a shorter path": lambda p: p["path"].pop(),
    "the root": lambda p: p["head"].update(root="1" * 64),
    "the size": lambda p: p["head"].update(size=10),
    "the log": lambda p: p["head"].update(log="site-2"),
    "the version": lambda p: p.update(version=2),
    "a field too many": lambda p: p.update(ok=True),
    "no path": lambda p: p.pop("path"),
    "the signature": lambda p: p["head"].update(signature="AA=="),
    "no base64": lambda p: p["head"].update(signature="ü"),
}


@pytest.mark.parametrize("what", PROOF_CHANGES)
def test_a_changed_proof_is_refused(what: str) -> None:
    fields = json.loads(PROOF)
    PROOF_CHANGES[what](fields)
    with pytest.raises(AuditError, match=r"proof\.json: "):
        decode_proof(json.dumps(fields).encode(), source="proof.json", key=KEY.public)


def test_the_hash_of_an_entry_is_not_its_leaf_but_must_be_its_own() -> None:
    """The leaf covers all of an entry but its own hash: to change that alone must be seen, too."""
    fields = json.loads(PROOF)
    fields["entry"]["hash"] = "1" * 64
    with pytest.raises(AuditError, match="entry 4"):
        decode_proof(json.dumps(fields).encode(), source="proof.json", key=KEY.public)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def _nearly(draw: st.DrawFn, true: bytes) -> bytes:
    """Return JSON in which something somewhere is something else, or bytes in which some are others."""
    if draw(st.booleans()):
        at, length = draw(st.integers(0, len(true))), draw(st.integers(0, 5))
        return true[:at] + draw(st.binary(max_size=5)) + true[at + length :]
    fields = json.loads(true)
    place: Any = fields
    for _ in range(draw(st.integers(0, 3))):
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        inner = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inner:
            break
        place = place[draw(st.sampled_from(inner))]
    key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
    if draw(st.booleans()):
        del place[key]
    else:
        place[key] = draw(JSON)
    return json.dumps(fields).encode()


@given(_nearly(PROOF) | st.binary(max_size=40) | JSON.map(lambda one: json.dumps(one).encode()))
def test_whatever_a_proof_is_it_is_read_or_refused(content: bytes) -> None:
    try:
        assert decode_proof(content, source="p", key=KEY.public).entry == ENTRIES[3]
    except AuditError:
        assert content != PROOF


@given(_nearly(LINES[2]) | st.binary(max_size=40), _nearly(LINES[-1]) | st.binary(max_size=40) | st.just(LINES[-1]))
def test_whatever_an_export_is_it_is_read_or_refused(line: bytes, last: bytes) -> None:
    content = b"\n".join([*LINES[:2], line, *LINES[3:-1], last])
    try:
        assert decode_export(content, source="e", key=KEY.public).entries == ENTRIES
    except AuditError:
        assert content != EXPORT


LOG_PART = wire_log_part(first_standing("site-1", KEY)("")).model_dump_json().encode()
MESSAGE = json.dumps({"sender": "site-1", "recipient": "centre", "log": json.loads(LOG_PART)}).encode()


@given(_nearly(MESSAGE) | st.binary(max_size=40) | JSON.map(lambda one: json.dumps(one).encode()))
def test_whatever_lies_in_the_exchange_it_is_looked_at(content: bytes) -> None:
    standing = standing_in(content)
    assert standing is None or standing.own.head.size > 0 or standing.own.head.root
    assert digest_in(content) is None


@given(_nearly(LOG_PART))
def test_whatever_a_message_says_of_logs_it_is_read_or_refused(content: bytes) -> None:
    try:
        wire = WireLog.model_validate_json(content)
    except ValueError:
        return
    try:
        assert (
            wire_log_part(read_log_part(wire, sender="site-1", reader="centre", source="m")).head.size == wire.head.size
        )
    except MessageError as error:
        assert "not heads of logs" in str(error)  # noqa: PT017 - both outcomes are right


def test_both_sides_must_tell_the_same() -> None:
    def log(*events: Any) -> CheckedLog:
        entries: list[Entry] = []
        for one in events:
            entries.append(following(entries[-1] if entries else None, one))
        return CheckedLog(entries=tuple(entries), head=Head(log="x", size=1, root=b"1" * 32), heads=0)

    asked = event(1, party="site-1")
    received = event(2, action=Action.RECEIVED, party="site-1")
    answered = event(1, action=Action.ANSWERED, party="centre")
    released = event(2, action=Action.RELEASED, party="centre")
    check_both_sides(log(asked, received), log(answered, released), site_id="site-1")
    with pytest.raises(AuditError, match=r"the log of site-1 does not tell that it released .*2\. 2025-01-01 received"):
        check_both_sides(log(asked, received), log(answered, replace(released, digest="0")), site_id="site-1")
    with pytest.raises(
        AuditError, match=r"the log of the centre does not tell that it asked .*1\. 2025-01-01 answered"
    ):
        check_both_sides(log(received), log(answered, released), site_id="site-1")
