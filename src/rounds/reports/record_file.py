"""The record of a round beside its outputs: written when all else is there, and checked against it, offline."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from rounds.errors import AuditError, RoundsError
from rounds.reports.crate.check import crate_problems, file_problems
from rounds.reports.crate.describe import METADATA, round_crate
from rounds.reports.crate.record import OutputFile, RoundRecord
from rounds.reports.crate.workflow import FOLDER, PLAN, workflow_crate

RECORD: Final = METADATA


def write_record(folder: Path, *, record: RoundRecord) -> Path:
    """Write the record of a round, which lists all that lies in its folder by size and SHA-256, and return its path.

    Args:
        folder: holds everything else that is handed out.
        record: what the centre holds of the round.

    Raises:
        RoundsError: if the record breaks a rule of its profile; nobody could rely on it then.
    """
    plan = folder / FOLDER
    plan.mkdir()
    (plan / PLAN).write_bytes(record.plan)
    (plan / METADATA).write_bytes(_json(workflow_crate(record)))
    crate = round_crate(record, output_files(folder))
    problems = crate_problems(crate)
    if problems:
        raise RoundsError(f"the record of round {record.round_id} breaks its own rules: {'; '.join(problems)}")
    (folder / RECORD).write_bytes(_json(crate))
    return folder / RECORD


def output_files(folder: Path) -> tuple[OutputFile, ...]:
    """Return what lies in a folder of outputs, in the order of the paths; not the record itself, nor hidden files."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / RECORD and not path.name.startswith("."):
            content = path.read_bytes()
            name, digest = path.relative_to(folder).as_posix(), hashlib.sha256(content).hexdigest()
            found.append(OutputFile(path=name, size=len(content), sha256=digest))
    return tuple(found)


def check_record(folder: Path) -> str:
    """Return the SHA-256 of a round's record, having checked the record and every file that it lists.

    Args:
        folder: the outputs of one round.

    Raises:
        AuditError: naming the files that were changed, taken away or put in, or the rules that the record breaks.
    """
    path = folder / RECORD
    content = path.read_bytes()
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise AuditError(f"{path}: not JSON; publish the round again") from None
    problems = crate_problems(document) or file_problems(document, output_files(folder))
    if problems:
        raise AuditError(f"{path} does not hold: {'; '.join(problems)}; take the folder away and publish it again")
    return hashlib.sha256(content).hexdigest()


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
