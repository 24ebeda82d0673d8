"""Does the centre's audit log hold what its folder shows to have happened?"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from rounds.audit.chain import Action
from rounds.audit.heads import SignedHead
from rounds.exchange.envelope import CENTRE
from rounds.exchange.log_check import (
    CheckedLog,
    Happened,
    check_log,
    heads_in_messages,
    keys_happened,
    messages_happened,
)
from rounds.reports.record_file import RECORD, check_record

Abroad = Iterable[tuple[str, SignedHead]]
STAMP = "round.json"
"""Says what the outputs of a round were made from; since rounds have a record, that lists it too."""
KEPT = {Action.ASKED: "asked", Action.RECEIVED: "received", Action.REFUSED: "refused"}
"""What of a round's messages the centre keeps, a folder each; those of an attempt at pooled sums in its own."""


def check_centre(folder: Path, *, outputs: Path | None, abroad: Abroad) -> CheckedLog:
    """Return the centre's log, having checked its chain, its tree, its heads and its completeness.

    Args:
        folder: the centre's.
        outputs: where its rounds were published; None if that is not known.
        abroad: heads of logs that others hold.

    Raises:
        AuditError: naming the entry at which the log was changed, what it does not tell although it happened, or the
            file of a published round that was changed.
    """
    rounds = folder / "rounds"
    happened = [
        *_planned(rounds),
        *(
            one
            for action, kept in KEPT.items()
            for one in messages_happened(action, _kept(rounds, kept), rounds=rounds)
        ),
        *(_published(outputs) if outputs else ()),
        *keys_happened(folder, party=CENTRE),
    ]
    return check_log(folder, party=CENTRE, happened=happened, abroad=[*abroad, *kept_heads(folder)])


def kept_heads(folder: Path) -> tuple[tuple[str, SignedHead], ...]:
    """Return every head in the messages that the centre has kept."""
    rounds = folder / "rounds"
    return heads_in_messages(sorted(path for kept in KEPT.values() for path in _kept(rounds, kept)))


def _kept(rounds: Path, kept: str) -> Iterable[Path]:
    return (*rounds.glob(f"*/{kept}/*.json"), *rounds.glob(f"*/pooled/*/{kept}/*.json"))


def _planned(rounds: Path) -> Iterable[Happened]:
    for path in sorted([*rounds.glob("*/plan.json"), *rounds.glob("*/pooled/*/attempt.json")]):
        yield Happened(
            action=Action.PLANNED,
            round_id=path.relative_to(rounds).parts[0],
            party=CENTRE,
            digest=hashlib.sha256(path.read_bytes()).hexdigest(),
            shown_by=path,
        )


def _published(outputs: Path) -> Iterable[Happened]:
    """Give what was published. The log tells the digest of a round's record, and the record that of every file."""
    for folder in sorted({path.parent for name in (RECORD, STAMP) for path in outputs.glob(f"*/{name}")}):
        recorded = (folder / RECORD).exists()
        yield Happened(
            action=Action.PUBLISHED,
            round_id=folder.name,
            party=CENTRE,
            digest=check_record(folder) if recorded else str(json.loads((folder / STAMP).read_bytes())["inputs"]),
            shown_by=folder / (RECORD if recorded else STAMP),
        )
