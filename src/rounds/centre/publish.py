"""Publishing: a report of everything received, rendered into a folder that appears in one piece."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rounds import __version__
from rounds.audit.chain import Action, Event
from rounds.centre.audit_check import STAMP
from rounds.centre.benefits import Ledger
from rounds.centre.plan import Plan
from rounds.centre.pooled_lane import PooledSum
from rounds.centre.record import round_record
from rounds.centre.report import make_report
from rounds.exchange.envelope import CENTRE
from rounds.exchange.messages import Reply
from rounds.reports.outputs import write_outputs
from rounds.reports.record_file import RECORD, write_record
from rounds.storage.facts import write_fact_folder
from rounds.storage.progress import Progress
from rounds.storage.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a round is published from besides its replies."""

    digest: str
    """of everything that decides what is published"""
    asked: Mapping[str, date]
    """the day on which each site was asked"""
    pooled: Sequence[PooledSum] = ()
    """sums over all sites, of measures that are asked in the pooled lane"""


def publish(
    workspace: Workspace,
    plan: Plan,
    replies: dict[str, Reply | None],
    *,
    given: Given,
    log: Path,
    today: date,
    progress: Progress,
) -> None:
    """Learn from the replies and write pages, JSON, workbook and record; the folder appears only when all are there.

    Args:
        workspace: the network.
        plan: of the round.
        replies: by site; None where a site has not answered.
        given: what else decides what is published.
        log: the centre's audit log.
        today: the day of publishing.
        progress: told how far it is.
    """
    ledger = Ledger(workspace=workspace, declared=plan.declaration, inputs=given.digest, today=today)
    report = make_report(workspace, plan, replies, progress=progress, pooled=given.pooled, keep=ledger.keep)
    record = round_record(workspace, plan, replies, asked=given.asked, inputs=given.digest)

    def drawn(done: int, of: int) -> None:
        if done == 1:
            progress.step("Drawing the pages", of)
        progress.advance()

    def fill(folder: Path) -> None:
        write_outputs(folder, report=report, with_record=True, done=drawn)
        stamp = {"round": plan.round_id, "inputs": given.digest, "code": __version__}
        (folder / STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
        write_record(folder, record=record)

    def event(folder: Path) -> Event:
        digest = hashlib.sha256((folder / RECORD).read_bytes()).hexdigest()
        return Event(action=Action.PUBLISHED, round_id=plan.round_id, party=CENTRE, digest=digest, day=today)

    write_fact_folder(workspace.outputs(plan.round_id), fill, event=event, log=log)
