"""One round: declared, resumable, idempotent. Each step looks at what is there and does only what is missing."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rounds.centre.attempts import (
    ask_attempt,
    complete_attempt,
    current_attempt,
    prepare_attempt,
    receive_attempt,
    waited_for,
)
from rounds.centre.plan import Plan, SitePlan, make_plan
from rounds.centre.post import Desk, ask, asked_days, give_back, receive, refusals
from rounds.centre.processes import SiteFailure, answer_sites, check_sites
from rounds.errors import DefinitionError, ExitCode, SitesFailed
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.storage.atomic import refuse_unwritable, remove_partials
from rounds.storage.lock import only_one
from rounds.storage.progress import Progress
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a round."""

    outputs: Path
    changed: bool
    """False if everything was there already"""
    sites_in: tuple[str, ...]
    failures: tuple[SiteFailure, ...]
    """sites that are missing, and why"""


def run_round(
    workspace: Workspace, declaration: RoundDeclaration, *, today: date, partial: bool, progress: Progress
) -> Outcome:
    """Run a round of a local network to its end, or as much of it as is missing.

    Args:
        workspace: the network's folder.
        declaration: the round.
        today: the date on new messages.
        partial: go on without the sites that cannot answer; they may join later.
        progress: told what is being done.

    Raises:
        SitesFailed: if a site cannot answer and `partial` is off. If a check failed, nothing was written.
        RoundsError: naming what else is wrong.
    """
    plan = make_plan(workspace, declaration)
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))
    _refuse_unwritable(workspace, desk, plan)
    waiting = [site for site in plan.sites if not desk.received_path(plan.round_id, site.site).exists()]
    failures = _check(_unanswered(desk, plan, waiting), progress, today=today)
    if failures and not partial:
        raise _sites_failed(failures, plan, wrote="nothing was written")
    with _own_desk(workspace, desk):
        ask(desk, plan, today=today)
        unable = {failure.site for failure in failures}
        if plan.pooled:
            failures += prepare_attempt(desk, plan, unable=unable, today=today, progress=progress)
        able = [site for site in waiting if site.site not in {failure.site for failure in failures}]
        if able:
            progress.step("Counting at the sites", len(able))
        failures += answer_sites(
            plan, able, exchange=workspace.exchange, today=today, done=lambda _: progress.advance()
        )
        if plan.pooled and (partial or not failures):
            unable = {failure.site for failure in failures}
            failures += complete_attempt(desk, plan, unable=unable, restart=partial, today=today, progress=progress)
        if failures and not partial:
            raise _sites_failed(failures, plan, wrote="the sites that answered will not be asked again")
        return _conclude(workspace, desk, plan, failures, today=today, progress=progress)


def check_round(workspace: Workspace, declaration: RoundDeclaration, *, progress: Progress) -> tuple[str, ...]:
    """Return the ids of the round's sites, having made sure that all of them can answer. Writes nothing.

    Raises:
        SitesFailed: naming every site that cannot answer, and why.
    """
    plan = make_plan(workspace, declaration)
    failures = _check(list(plan.asked), progress, today=None)
    if failures:
        raise _sites_failed(failures, plan, wrote="nothing was written")
    return tuple(site.site for site in plan.asked)


def ask_round(
    workspace: Workspace, declaration: RoundDeclaration, *, today: date, without: Collection[str] = ()
) -> Plan:
    """Lay a round's requests down for sites that answer in their own time.

    Args:
        workspace: the network's folder.
        declaration: the round.
        today: the date on new messages.
        without: sites that pooled sums no longer wait for; the others are asked again, as another draw of noise.

    Raises:
        RoundsError: if the plan has changed, or keys of sites are missing that are to be pooled.
    """
    plan = make_plan(workspace, declaration)
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))
    _refuse_unwritable(workspace, desk, plan)
    with _own_desk(workspace, desk):
        ask(desk, plan, today=today)
        if plan.pooled:
            ask_attempt(desk, plan, today=today, without=without)
    return plan


def give_back_to(workspace: Workspace, site: str) -> int:
    """Lay down again all messages between the centre and a site that the centre keeps, and return how many there are.

    Raises:
        DefinitionError: if there is no such site, or the centre keeps nothing of it.
    """
    if site not in {one.id for one in workspace.sites}:
        raise DefinitionError(f"{workspace.folder / 'network.yaml'}: there is no site `{site}`; correct its name")
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))
    given = give_back(desk, site) if workspace.centre.is_dir() else 0
    if not given:
        raise DefinitionError(f"{workspace.centre}: the centre keeps no message to or from {site}")
    return given


def publish_round(
    workspace: Workspace, declaration: RoundDeclaration, *, today: date, partial: bool, progress: Progress
) -> Outcome:
    """Take in what the sites have answered and publish it.

    Raises:
        SitesFailed: if a site has not answered and `partial` is off.
    """
    plan = make_plan(workspace, declaration)
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))
    late = tuple(
        SiteFailure(site=site.site, exit_code=ExitCode.PARTIAL, message=f"site {site.site} has not answered yet")
        for site in plan.sites
        if not desk.exchange.reply_path(plan.round_id, site.site).exists()
        and not desk.received_path(plan.round_id, site.site).exists()
        and not desk.refused_path(plan.round_id, site.site).exists()
    )
    late += tuple(
        SiteFailure(site=site, exit_code=ExitCode.PARTIAL, message=f"site {site} has refused: {because}")
        for site, because in refusals(desk, plan).items()
    )
    late += _late_for_the_sums(desk, plan, {failure.site for failure in late})
    if late and not partial:
        raise _sites_failed(late, plan, wrote="nothing was published")
    if not desk.plan_path(plan.round_id).exists():
        raise SitesFailed(
            f"round {plan.round_id} has not been asked yet; run `rounds centre ask` first", exit_code=ExitCode.ERROR
        )
    with _own_desk(workspace, desk):
        return _conclude(workspace, desk, plan, late, today=today, progress=progress)


def _check(waiting: list[SitePlan], progress: Progress, *, today: date | None) -> tuple[SiteFailure, ...]:
    if not waiting:
        return ()
    progress.step("Checking the sites' records", len(waiting))
    return check_sites(waiting, today=today, done=lambda _: progress.advance())


def _unanswered(desk: Desk, plan: Plan, waiting: Sequence[SitePlan]) -> list[SitePlan]:
    """Return who has something left to answer, in either lane, with all that it is asked."""
    attempt = current_attempt(desk, plan)
    expected = {site.site for site in plan.pooled} if attempt is None else set(waited_for(desk, plan, attempt))
    expected |= {site.site for site in waiting}
    return [site for site in plan.asked if site.site in expected]


def _late_for_the_sums(desk: Desk, plan: Plan, known: Collection[str]) -> tuple[SiteFailure, ...]:
    attempt = current_attempt(desk, plan)
    late = waited_for(desk, plan, attempt) if attempt else tuple(site.site for site in plan.pooled)
    return tuple(
        SiteFailure(
            site=site,
            exit_code=ExitCode.PARTIAL,
            message=f"site {site} has not answered for the pooled sums yet; to ask the others without it: "
            f"rounds centre ask --without {site}",
        )
        for site in late
        if site not in known
    )


def _conclude(
    workspace: Workspace,
    desk: Desk,
    plan: Plan,
    failures: tuple[SiteFailure, ...],
    *,
    today: date,
    progress: Progress,
) -> Outcome:
    replies = receive(desk, plan, membership=workspace.membership, today=today)
    attempt = current_attempt(desk, plan)
    shares = None if attempt is None else receive_attempt(desk, plan, attempt, today=today)
    # Imported here: most commands never publish, and learning and rendering are slow to load.
    from rounds.centre.inputs import inputs_digest, is_published
    from rounds.centre.pooled_lane import pooled_sums
    from rounds.centre.publish import Given, publish

    present = tuple(reply for reply in replies.values() if reply is not None)
    if not present and not shares:
        raise _sites_failed(failures, plan, wrote="nothing was published")
    digest = inputs_digest(workspace, plan, present, pooled=shares or ())
    outputs = workspace.outputs(plan.round_id)
    changed = not is_published(outputs, digest)
    if changed:
        declared = plan.declaration
        spans = [one.periods(first=declared.first, last=declared.last) for one in plan.pooled_measures]
        remove_partials(outputs.parent)
        sums = () if attempt is None or shares is None else pooled_sums(attempt, shares, plan.pooled_measures, spans)
        given = Given(digest=digest, asked=asked_days(desk, plan), pooled=sums)
        publish(workspace, plan, replies, given=given, log=desk.audit_path, today=today, progress=progress)
    answered = {reply.site for reply in (*present, *(shares or ()))}
    sites_in = tuple(site.site for site in plan.asked if site.site in answered)
    return Outcome(outputs=outputs, changed=changed, sites_in=sites_in, failures=failures)


def _refuse_unwritable(workspace: Workspace, desk: Desk, plan: Plan) -> None:
    """Before a round begins: one that has may lie on a medium that is read-only by now, and be finished."""
    if not desk.plan_path(plan.round_id).exists():
        refuse_unwritable(workspace.centre, workspace.exchange, workspace.outputs(plan.round_id))


@contextmanager
def _own_desk(workspace: Workspace, desk: Desk) -> Iterator[None]:
    desk.folder.mkdir(parents=True, exist_ok=True)
    with only_one(desk.folder, doing=f"running a round of {workspace.id}"):
        for folder in [
            desk.folder,
            *desk.folder.rglob("*"),
            *workspace.exchange.glob("*/requests"),
            *workspace.exchange.glob("*/pooled/*/requests"),
        ]:
            if folder.is_dir():
                remove_partials(folder)
        remove_partials(workspace.exchange / "keys", of=f"{CENTRE}.pub")
        yield


def _sites_failed(failures: tuple[SiteFailure, ...], plan: Plan, *, wrote: str) -> SitesFailed:
    waiting = bool(failures) and all(failure.exit_code == ExitCode.WAITS_FOR_APPROVAL for failure in failures)
    what = "cannot answer"
    if waiting:
        what = "waits for its own people's approval" if len(failures) == 1 else "wait for their own people's approval"
    lines = [f"round {plan.round_id}: {len(failures)} of {len(plan.asked)} sites {what}; {wrote}:"]
    for failure in failures:
        first, *rest = failure.message.splitlines()
        lines += [f"  {failure.site}: {first}", *(f"    {line}" for line in rest)]
    codes = {failure.exit_code for failure in failures}
    begin = "When they have said yes, run" if waiting else "Put that right and run"
    lines.append(f"{begin} the round again, or go on without them with --partial.")
    gravest = ExitCode.DISCLOSURE_REFUSAL if ExitCode.DISCLOSURE_REFUSAL in codes else min(codes)
    known = gravest if gravest in set(ExitCode) else ExitCode.ERROR
    return SitesFailed("\n".join(lines), exit_code=ExitCode(known))
