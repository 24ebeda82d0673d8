"""Forges a million proofs of an audit log and prints how many were accepted, and what appending to long logs takes.

`PYTHONPATH=tests python benchmarks/forged_proofs.py [HOW_MANY]`. Half are of inclusion, half of consistency;
each is a true proof of a log of at most 200 entries in which one part is another's or damaged (tests/proof_forger.py).
"""

import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from random import Random

from proof_forger import forged_consistency, forged_inclusion

from rounds.audit.chain import Action, Event
from rounds.audit.merkle import grew, includes
from rounds.storage.audit_log import LOG_SCHEMA, append, head, read_log, record
from rounds.storage.sqlite_file import transaction

LENGTHS = (1_000, 10_000, 100_000)
REPEATS = 50


def main() -> None:
    """Forge, append and print."""
    half = int(sys.argv[1] if len(sys.argv) > 1 else 1_000_000) // 2
    chance = Random(20250501)  # noqa: S311 - forgeries need no secret
    accepted = sum(includes(**forged_inclusion(chance)) for _ in range(half))
    accepted += sum(grew(**forged_consistency(chance)) for _ in range(half))
    sys.stdout.write(f"{2 * half} forged proofs, {accepted} accepted\n")
    with tempfile.TemporaryDirectory() as scratch:
        for length in LENGTHS:
            _time(Path(scratch) / f"{length}.db", length)


def _time(path: Path, length: int) -> None:
    with transaction(path, schema=LOG_SCHEMA) as connection:
        append(connection, *(_event(number) for number in range(length)))
    began = time.perf_counter()
    for number in range(REPEATS):
        record(path, _event(length + number))
    each = (time.perf_counter() - began) / REPEATS
    began = time.perf_counter()
    with transaction(path, schema=LOG_SCHEMA) as connection:
        for _ in range(REPEATS):
            head(connection, log="site-1")
    heads = (time.perf_counter() - began) / REPEATS
    began = time.perf_counter()
    read_log(path)
    whole = time.perf_counter() - began
    sys.stdout.write(
        f"{length} entries: one more {each * 1000:.1f} ms, a head {heads * 1000:.2f} ms, checking all {whole:.2f} s\n"
    )


def _event(number: int) -> Event:
    return Event(
        action=Action.RECEIVED, round_id=f"r{number}", party="site-1", digest=f"{number:064x}", day=date(2025, 5, 1)
    )


if __name__ == "__main__":
    main()
