"""Fuzzes what reads bytes of others: a policy's text, messages, their envelopes, and MESH files of NHS numbers.

Whatever the bytes are, they are read or refused with one of our errors; anything else is a finding, printed with the
input. With atheris (`pip install atheris`, it is no dependency) inputs follow the coverage of our code; without it
they are seeds changed at random by Hypothesis.

`python benchmarks/fuzz.py [--seconds 60] [policy envelope messages mesh]`
"""

import argparse
import base64
import copy
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rounds.audit.heads import SignedHead, Standing, head_of
from rounds.audit.merkle import leaf_hash, tree_of
from rounds.disclosure.policy import HES_BASE, HES_HIGHEST_WITHHELD, MOST_EPOCHS, Policy, decode_policy
from rounds.errors import RoundsError
from rounds.exchange.envelope import RefusalBody, open_envelope, to_bytes, unsigned, written
from rounds.exchange.messages import (
    decode_answer,
    decode_request,
    digest_in,
    draft_refusal,
    encode_request,
    read_draft,
    send,
    standing_in,
)
from rounds.exchange.question import Question
from rounds.exchange.signing import SigningKey
from rounds.measures.definitions import MeasureRef
from rounds.records.nhs_numbers import are_valid
from rounds.records.opt_outs.kept import KeptList, encode_kept, read_kept
from rounds.records.opt_outs.mesh import read_list
from rounds.storage.library import shipped_library_folder
from rounds.storage.policy_files import FOLDER, PolicyFile
from rounds.storage.yaml_files import read_yaml

MOST_CHANGES = 6
"""Of one message."""
INSTRUMENTED = (
    "rounds.storage.yaml_files",
    "rounds.storage.policy_files",
    "rounds.exchange.envelope",
    "rounds.exchange.messages",
    "rounds.exchange.question",
    "rounds.exchange.tables",
    "rounds.exchange.wire_log",
    "rounds.records.opt_outs.kept",
    "rounds.records.opt_outs.mesh",
)
"""Modules whose branches guide atheris."""
WITH_ATHERIS = importlib.util.find_spec("atheris") is not None
TODAY, LAST = date(2025, 7, 1), date(2025, 9, 29)
CENTRE, SITE = (SigningKey(Ed25519PrivateKey.generate().private_bytes_raw()) for _ in range(2))
FEWEST = {"policy": 60_000, "envelope": 150_000, "messages": 150_000, "mesh": 700_000}
"""Inputs of each: a million in all and some."""

Try = Callable[[bytes], None]


class _Silent:
    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


def _stamp(_: str) -> Standing:
    head = head_of("centre", *tree_of([leaf_hash(b"entry")]))
    return Standing(own=SignedHead(head=head, signature=CENTRE.sign(head.content)), earlier=(), held=None)


def _request() -> bytes:
    refs = tuple(MeasureRef(id=f"m{number}", version=number, digest=f"{number:064x}") for number in (1, 2))
    question = Question(
        first=date(2024, 1, 1), last=date(2024, 12, 31), as_of=date(2025, 1, 1), measures=refs, members=("ZZ1", "ZZ2")
    )
    return encode_request(
        round_id="r1", site="a", question=question, valid=(TODAY, LAST), key=CENTRE, stamp=_stamp, asked_by="Ada"
    )


REQUEST = _request()


def _asked() -> Any:
    return decode_request(REQUEST, source="q", site="a", key=CENTRE.public, today=TODAY)


def _reply() -> bytes:
    columns: dict[str, list[str | int | None]] = {"member": ["ZZ1", "ZZ1"], "period": ["2024-01-01", "2024-02-01"]}
    for name in ("numerator", "denominator"):
        columns |= {f"{name}_state": ["withheld", "rounded"], f"{name}_value": [None, 30]}
        columns |= {f"{name}_lower": [1, 28], f"{name}_upper": [7, 32]}
    table = {
        "measure": "m1",
        "version": 1,
        "digest": f"{1:064x}",
        "policy": "hes",
        "strata": [],
        "columns": columns,
        "completeness": [{"name": "sex", "lower": 90, "upper": 95}],
    }
    body = {"kind": "reply", "answers": _asked().digest, "tables": [table], "shares": []}
    message = json.loads(REQUEST) | {"sender": "a", "recipient": "centre", "body": body}
    return _signed(message, SITE)


def _signed(message: dict[str, Any], key: SigningKey) -> bytes:
    return to_bytes(message | {"signature": base64.b64encode(key.sign(unsigned(message))).decode()})


REPLY = _reply()
REFUSAL = send(draft_refusal(_asked(), because="No.", today=TODAY), key=SITE, stamp=_stamp)
DRAFT = written(
    round_id="r1",
    sender="a",
    recipient="centre",
    valid=(TODAY, LAST),
    body=RefusalBody(answers=_asked().digest, because="No."),
)


def policy(folder: Path) -> Try:
    path = folder / "own.yaml"

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        found = read_yaml(path, PolicyFile).to_policy()
        assert decode_policy(found.encode()) == found
        assert 1 <= found.most_epochs <= MOST_EPOCHS
        for terms in (found.terms, *found.overrides.values()):
            assert terms.at_least_as_strict_as(found.terms)
            assert terms.highest_withheld >= HES_HIGHEST_WITHHELD
            assert terms.round_to >= HES_BASE
            assert terms.rule is not Policy.NOISE or terms.sigma > 0

    return attempt


def envelope(_: Path) -> Try:
    def attempt(content: bytes) -> None:
        digest_in(content)
        standing_in(content)
        for read in (
            lambda: open_envelope(content, source="m", sender="a", recipient="centre", key=SITE.public),
            lambda: read_draft(content, source="m"),
        ):
            _refusing(read)

    return attempt


def messages(_: Path) -> Try:
    """Messages that are signed by who may: what is in them reaches the decoders."""
    answers = _asked().digest

    def attempt(content: bytes) -> None:
        message = _changed(content)
        key = CENTRE if message.get("sender") == "centre" else SITE
        signed = _signed(message, key)
        _refusing(lambda: decode_request(signed, source="m", site="a", key=CENTRE.public, today=TODAY))
        _refusing(lambda: decode_answer(signed, source="m", site="a", round_id="r1", answers=answers, key=SITE.public))

    return attempt


def mesh(folder: Path) -> Try:
    path, kept = folder / "answer.dat", folder / "allowed.list"

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        numbers = _refusing(lambda: read_list(path, progress=_Silent()))
        if numbers is not None:
            assert are_valid(numbers).all()
            assert content == b"".join(b"%010d,\n" % number for number in numbers.tolist())
        kept.write_bytes(content)
        _refusing(lambda: read_kept(kept))

    return attempt


TARGETS: dict[str, Callable[[Path], Try]] = {
    "policy": policy,
    "envelope": envelope,
    "messages": messages,
    "mesh": mesh,
}


def _refusing(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except RoundsError:
        return None


def _changed(content: bytes) -> dict[str, Any]:
    """Return a message in which some values are others, as the bytes say."""
    if content[:1] == b"{":
        try:
            own = json.loads(content)
        except (ValueError, RecursionError):
            own = None
        if isinstance(own, dict):
            return own
    which, rest = content[:1] or b"\0", content[1:]
    message: dict[str, Any] = copy.deepcopy(json.loads((REQUEST, REPLY, REFUSAL)[which[0] % 3]))
    for _ in range(MOST_CHANGES if rest else 0):
        places = list(_places(message))
        holder, name = places[int.from_bytes(rest[:2], "little") % len(places)]
        kind, length = rest[2:3], (rest[3:4] or b"\0")[0] % 12
        piece, rest = rest[4 : 4 + length], rest[4 + length :]
        holder[name] = _value(kind, piece)
    return message


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    for name, below in pairs:
        yield node, name
        yield from _places(below)


def _value(kind: bytes, piece: bytes) -> Any:
    text = piece.decode("utf-8", "replace")
    match (kind or b"\0")[0] % 12:
        case 0:
            return None
        case 1:
            return int.from_bytes(piece, "little", signed=True)
        case 2:
            return text
        case 3:
            return base64.b64encode(piece).decode()
        case 4:
            return [text, len(piece)]
        case 5:
            return {text: text}
        case 6:
            return bool(piece)
        case 7:
            return float(len(piece)) * 1e300
        case 8:
            return []
        case 9:
            return f"2024-{len(piece):02}-01"
        case 10:
            return [[text] for _ in piece]
        case _:
            return "9" * 30 + text


def seeds(target: str) -> list[bytes]:
    match target:
        case "policy":
            return [path.read_bytes() for path in sorted((shipped_library_folder() / FOLDER).glob("*.yaml"))]
        case "mesh":
            numbers = np.flatnonzero(are_valid(np.arange(9_000_000_000, 9_000_000_099))) + 9_000_000_000
            lines = b"".join(b"%010d,\n" % number for number in numbers[:5].tolist())
            return [lines, lines.replace(b"\n", b"\r\n"), encode_kept(KeptList(on=TODAY, numbers=numbers[:3]))]
        case "messages":
            return [REQUEST, REPLY, REFUSAL, b"\1\7\1\2ab", b"\0\20\11\3abc\21\2\1z"]
        case _:
            return [REQUEST, REPLY, REFUSAL, DRAFT]


def _quiet(attempt: Try) -> Try:
    def once(content: bytes) -> None:
        _refusing(lambda: attempt(content))

    return once


def _guided(target: str, folder: Path, seconds: int, fewest: int) -> None:
    """Run libFuzzer in this process; it ends it."""
    atheris: Any = importlib.import_module("atheris")
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds(target)):
        (corpus / f"{number}").write_bytes(seed)
    attempt = _quiet(TARGETS[target](folder))
    limits = [f"-runs={fewest}"] if not seconds else [f"-max_total_time={seconds}"]
    for name in INSTRUMENTED:
        for found in vars(importlib.import_module(name)).values():
            if isinstance(found, FunctionType) and found.__module__ == name:
                atheris.instrument_func(found)
    atheris.Setup(
        [sys.argv[0], *limits, "-max_len=6000", "-timeout=30", f"-artifact_prefix={folder}/", str(corpus)], attempt
    )
    atheris.Fuzz()


def _unguided(target: str, folder: Path, fewest: int) -> int:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    attempt, tried = _quiet(TARGETS[target](folder)), 0
    edits = st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 12), st.binary(max_size=12)), max_size=6)

    @settings(max_examples=fewest, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.binary(max_size=200), st.tuples(st.sampled_from(seeds(target)), edits).map(_edited)))
    def run(content: bytes) -> None:
        nonlocal tried
        tried += 1
        attempt(content)

    run()
    return tried


def _edited(change: tuple[bytes, list[tuple[int, int, bytes]]]) -> bytes:
    content, edits = change
    for at, length, piece in edits:
        place = at % (len(content) + 1)
        content = content[:place] + piece + content[place + length :]
    return content


def _one(target: str, seconds: int, fewest: int) -> None:
    fast = Path("/dev/shm")  # noqa: S108  a folder of our own in it, where there is one
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None) as made:
        if WITH_ATHERIS:
            _guided(target, Path(made), seconds, fewest)
        else:
            print(f"Done {_unguided(target, Path(made), fewest)} runs")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("targets", nargs="*", default=list(TARGETS))
    asked.add_argument("--seconds", type=int, default=0, help="for each; else a number of inputs for each")
    asked.add_argument("--runs", type=int, default=0, help="inputs for each; else a million in all and some")
    asked.add_argument("--here", action="store_true", help="in this process, which ends with it: one target")
    chosen = asked.parse_args()
    if chosen.here:
        _one(chosen.targets[0], chosen.seconds, chosen.runs)
        return
    total, failed = 0, []
    for target in chosen.targets:
        runs = chosen.runs or FEWEST[target]
        command = [sys.executable, __file__, "--here", f"--runs={runs}", f"--seconds={chosen.seconds}", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = re.search(r"Done (\d+) runs", done.stdout + done.stderr)
        tried = int(said[1]) if said else 0
        total += tried
        how = "guided by coverage" if WITH_ATHERIS else "at random"
        print(f"{target:<10} {tried:>10,} inputs, {how}: {'nothing found' if done.returncode == 0 else 'FOUND'}")
        if done.returncode:
            failed.append(target)
            print((done.stdout + done.stderr)[-4000:])
    print(f"{total:,} inputs in all")
    if failed:
        sys.exit("found something in: " + ", ".join(failed))


if __name__ == "__main__":
    main()
