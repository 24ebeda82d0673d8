"""Does a site's audit log hold what its folder shows to have happened?"""

from collections.abc import Iterable
from pathlib import Path

from rounds.audit.chain import Action
from rounds.audit.heads import SignedHead
from rounds.errors import AuditError
from rounds.exchange.envelope import CENTRE
from rounds.exchange.log_check import CheckedLog, Happened, check_log, keys_happened
from rounds.storage.audit_log import LEDGER
from rounds.storage.release_store import RELEASE_SCHEMA, answered_rounds
from rounds.storage.sqlite_file import reading


def check_site(folder: Path, *, site: str, abroad: Iterable[tuple[str, SignedHead]]) -> CheckedLog:
    """Return a site's log, having checked its chain, its tree, its heads and its completeness.

    Args:
        folder: the site's.
        site: its id.
        abroad: heads of logs that others hold.

    Raises:
        AuditError: naming the entry at which the log was changed, or what it does not tell although it happened.
    """
    path = folder / LEDGER
    if not path.exists() and any((folder / "trust").glob("*.pub")):
        raise AuditError(
            f"{path}: there is no log, but the site has answered: it has pinned keys of others in trust/; the log was "
            "deleted, restore it from a copy"
        )
    happened = (*_answered(folder), *_imported(folder, site), *keys_happened(folder, party=site))
    return check_log(folder, party=site, happened=happened, abroad=abroad)


def _answered(folder: Path) -> Iterable[Happened]:
    path = folder / LEDGER
    with reading(path, schema=RELEASE_SCHEMA) as connection:
        answered = answered_rounds(connection)
    for round_id, digest in answered:
        yield Happened(action=Action.ANSWERED, round_id=round_id, party=CENTRE, digest=digest, shown_by=path)


def _imported(folder: Path, site: str) -> Iterable[Happened]:
    for path in sorted(folder.glob("*/CURRENT")):
        generation = path.read_text(encoding="utf-8").strip()
        yield Happened(action=Action.IMPORTED, round_id=generation, party=site, digest=None, shown_by=path)
