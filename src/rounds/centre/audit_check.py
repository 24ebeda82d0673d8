"""Do the audit logs of a local network hold what its folders show to have happened?"""

from pathlib import Path

from rounds.audit.chain import Action, Entry
from rounds.errors import RoundsError
from rounds.storage.approval_store import read_acts
from rounds.storage.audit_log import read_log
from rounds.storage.workspace import Workspace


def check_logs(workspace: Workspace) -> dict[str, int]:
    """Return how many entries each party's log has, having checked chains and completeness.

    Raises:
        RoundsError: naming the log and the line at which a chain is broken, or what a log does not tell although it
            happened.
    """
    sizes = {}
    rounds = workspace.centre / "rounds"
    told = {
        Action.ASKED: rounds.glob("*/asked/*.json"),
        Action.RECEIVED: rounds.glob("*/received/*.json"),
        Action.REFUSED: rounds.glob("*/refused/*.json"),
    }
    happened = {(action, path.parent.parent.name, path.stem) for action, paths in told.items() for path in paths}
    sizes["centre"] = _check(workspace.centre / "audit.jsonl", happened)
    for site in workspace.sites:
        folder = workspace.site_folder(site)
        answered = {(Action.ANSWERED, path.stem, "centre") for path in (folder / "ledger").glob("*.json")}
        imported = {
            (Action.IMPORTED, path.read_text(encoding="utf-8").strip(), site.id) for path in folder.glob("*/CURRENT")
        }
        acted = {(act.event.action, act.round_id, act.who) for act in read_acts(folder / "ledger.db")}
        sizes[site.id] = _check(folder / "audit.jsonl", answered | imported | acted)
    return sizes


def _check(path: Path, happened: set[tuple[Action, str, str]]) -> int:
    entries = read_log(path)
    missing = sorted(happened - {_what(entry) for entry in entries})
    if missing:
        action, round_id, party = missing[0]
        raise RoundsError(
            f"{path}: {len(missing)} things happened that the log does not tell, the first: {action} {party}, round "
            f"{round_id}; the log was cut or deleted, restore it"
        )
    return len(entries)


def _what(entry: Entry) -> tuple[Action, str, str]:
    return entry.event.action, entry.event.round_id, entry.event.party
