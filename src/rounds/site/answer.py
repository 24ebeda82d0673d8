"""What a site does with a request: look the measures up, count, release, remember, reply."""

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from rounds.disclosure.bounded import State
from rounds.engines import duck
from rounds.engines.asked import Asked
from rounds.engines.completeness import shares
from rounds.engines.pack.serving import refuse_damaged
from rounds.engines.published import read_published
from rounds.engines.warehouse import count as warehouse
from rounds.errors import DefinitionError, MessageError
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import Request, decode_request
from rounds.exchange.question import Question
from rounds.exchange.signing import PublicKey, own_key, own_public_key, pin_key, publish_key, trusted_key
from rounds.exchange.standing import check_own_messages, check_standing, is_accepted
from rounds.measures.completeness import Share
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure, MeasureRef
from rounds.measures.periods import Period
from rounds.measures.questions import PublishedQuestion
from rounds.records.omop import Records
from rounds.site.agreements import refuse_not_agreed, refuse_without_standing_approval
from rounds.site.approval import MakeReply, approved_reply
from rounds.site.counting import count_records
from rounds.site.folder import RecordsBlock, Site
from rounds.site.ledger import prepare_reply, send_reply, stored_answer, tell_again, would_release
from rounds.site.opt_outs import open_site_records, said_of_opt_outs
from rounds.site.policies import policy_words
from rounds.site.recounting import count_changed
from rounds.site.releasing import Counted
from rounds.site.served import log_imported, served_generation
from rounds.storage.atomic import remove_partials
from rounds.storage.audit_log import reading_log
from rounds.storage.clock import refuse_clock_set_back
from rounds.storage.identifiers import check_identifier
from rounds.storage.lock import only_one
from rounds.storage.published_source import PublishedSource

Progress = Callable[[str], None]
"""Told what is being done and what is left out. For people at the site alone: it holds exact numbers."""

WAIT_FOR_AN_EARLIER_ANSWER_SECONDS = 600.0
"""A killed round can leave a site process behind that is still counting; its answer is the answer."""


def answer(site: Site, exchange: ExchangeFolder, *, round_id: str, today: date, progress: Progress) -> bool:
    """Answer a round's request once: the second time the stored reply is laid down again and nothing is counted.

    Args:
        site: who answers.
        exchange: where the request lies and the reply goes.
        round_id: the round.
        today: to tell an expired request, and the date on the reply.
        progress: told what is being done, for people to watch.

    Returns:
        Whether anything was counted.

    Raises:
        RoundsError: naming what is wrong; nothing was written then.
    """
    if not site.folder.is_dir():
        raise DefinitionError(f"{site.folder}: there is no such folder")
    with only_one(site.folder, doing="answering a request", wait_seconds=WAIT_FOR_AN_EARLIER_ANSWER_SECONDS):
        for folder in (site.folder, site.folder / "keys", site.folder / "trust"):
            remove_partials(folder)
        remove_partials(exchange.reply_path(round_id, site.id).parent, of=f"{site.id}.json")
        remove_partials(exchange.path / "keys", of=f"{site.id}.pub")
        centre_key = trusted_key(site.folder, exchange.path, party=CENTRE)
        request = read_request(site, exchange, round_id=round_id, today=today, key=centre_key)
        known = refuse_rolled_back(site, exchange, request, centre_key=centre_key)
        stored = stored_answer(site, request)
        counted = stored is None
        if stored is None:
            refuse_clock_set_back(site.ledger_path, today=today)
            log_imported(site, served_generation(site), today=today)
            make = reply_maker(site, today=today, progress=progress)
            draft = approved_reply(site, exchange, request, make=make, today=today)
            pin_key(site.folder, party=CENTRE, key=centre_key, today=today)
            stored = send_reply(site, request, draft, today=today, centre_key=centre_key)
        else:
            tell_again(site, request, known=known, today=today, centre_key=centre_key)
        publish_key(exchange.path, party=site.id, key=own_key(site.folder).public)
        exchange.put(exchange.reply_path(round_id, site.id), stored.reply)
        return counted


def refuse_rolled_back(site: Site, exchange: ExchangeFolder, request: Request, *, centre_key: PublicKey) -> bool:
    """Make sure that neither the site's log nor the centre's was cut, rewritten or restored. Call it before counting.

    The site's log must begin with the head of it that the centre holds and with those in its own replies, where they
    still lie in the exchange folder.

    Args:
        site: who is asked.
        exchange: where its replies lie.
        request: with the heads in it.
        centre_key: that proved the request.

    Returns:
        Whether the head of the centre's log that came is known already.

    Raises:
        AuditError: naming the party whose log it is. Nothing was written then.
    """
    own = own_public_key(site.folder)
    with reading_log(site.ledger_path) as log:
        check_standing(log, request.log, own_key=own, their_key=centre_key)
        check_own_messages(log, exchange.replies_of(site.id), own=site.id, own_key=own)
        return is_accepted(log, request.log, their_key=centre_key)


def reply_maker(site: Site, *, today: date, progress: Progress) -> MakeReply:
    """Return what makes all that would be said to a request, bearing a date.

    Args:
        site: who answers.
        today: to tell a stale list of opt-outs; a reply may bear the earlier day on which it was queued.
        progress: told what is being done and what is left out.
    """

    def make(request: Request, day: date) -> bytes:
        found = count(site, request.question, today=today, progress=progress)
        return prepare_reply(site, request, found, day=day)

    return make


def read_request(site: Site, exchange: ExchangeFolder, *, round_id: str, today: date, key: PublicKey) -> Request:
    """Return the round's request to this site, verified.

    Raises:
        MessageError: if there is none, or it is not what it claims.
    """
    check_identifier(round_id, what="round", error=MessageError)
    path = exchange.request_path(round_id, site.id)
    if not path.exists():
        raise MessageError(
            f"{path} is missing: the centre has not asked {site.id} for round {round_id}; run the centre first"
        )
    request = decode_request(path.read_bytes(), source=str(path), site=site.id, key=key, today=today)
    if request.round_id != round_id:
        raise MessageError(f"{path}: a replay: it belongs to round {request.round_id}, not {round_id}; remove the file")
    if request.pooled is not None:
        raise MessageError(f"{path}: it asks for pooled sums and lies in the wrong place; remove the file")
    return request


def preview(site: Site, exchange: ExchangeFolder, *, round_id: str, today: date, progress: Progress) -> tuple[str, ...]:
    """Return in plain words what would leave if the site answered now. Writes nothing.

    Args:
        site: who would answer.
        exchange: where the request lies.
        round_id: the round.
        today: to tell an expired request.
        progress: told what is being done and what is left out.

    Raises:
        RoundsError: naming why the site could not answer.
    """
    key = trusted_key(site.folder, exchange.path, party=CENTRE)
    request = read_request(site, exchange, round_id=round_id, today=today, key=key)
    refuse_rolled_back(site, exchange, request, centre_key=key)
    refuse_not_agreed(site, [(ref.id, ref.version) for ref in request.question.measures], today=today)
    refuse_without_standing_approval(site, request.question, today=today)
    lines = [
        f"Round {round_id} asks {site.id} for {len(request.question.measures)} measures, counted from "
        f"{request.question.first} to {request.question.last}. These numbers would leave:",
        *(f"  policy {line}" for line in policy_words(site.policy)),
        *said_of_opt_outs(site),
    ]
    found = count(site, request.question, today=today, progress=progress, build=False)
    released, told = would_release(site, request.question, found)
    lines += [f"  {line}" for line in told]
    for table in released:
        withheld = table.cells.filter(pl.col("numerator_state") == State.WITHHELD).height
        lines += [
            f"{table.measure}: {table.cells.height} rows; in {withheld} of them the numerator is withheld.",
            *(f"  {line}" for line in table.cells.write_csv().splitlines()),
            *(
                f"  {share.name}: " + ("withheld" if share.withheld else f"{share.lower} to {share.upper} % is there")
                for share in table.completeness
            ),
        ]
    return tuple(lines)


def check(site: Site, question: Question, *, today: date, progress: Progress) -> None:
    """Raise if the site could not answer: broken records or index, unknown measures or codes. Writes nothing.

    Args:
        site: who would answer.
        question: what it would be asked.
        today: to tell a stale list of opt-outs.
        progress: told what is left out.

    Raises:
        RoundsError: naming everything that is wrong.
    """
    measures = own_measures(site, question)
    if isinstance(site.source, PublishedSource):
        for measure in measures:
            _count_published(site, measure, site.source, question, progress=progress)
        return
    for measure in measures:
        _refuse_published(site, measure)
    if (database := site.source.database) is not None:
        _check_member(site, site.source, question)
        quality = warehouse.check(
            measures,
            database,
            site=site.id,
            as_of=question.as_of,
            outside_observation=site.source.outside_observation,
        )
        progress(str(quality))
        return
    records = _open(site, site.source, question, today=today, progress=progress)
    duck.check(measures, records)
    refuse_damaged(records)


def count(
    site: Site, question: Question, *, today: date, progress: Progress, build: bool = True
) -> tuple[Counted, ...]:
    """Return each measure's counts, and how complete what it looks at is: nothing where somebody else has counted.

    Args:
        site: who is asked.
        question: what.
        today: to tell a stale list of opt-outs.
        progress: told what is being done and what is left out.
        build: whether what a next round needs may be written: that these records were checked, and an index of them.
    """
    measures = own_measures(site, question)
    progress(f"{site.id}: counting {len(measures)} measures")
    if isinstance(site.source, PublishedSource):
        published = site.source
        found: Sequence[tuple[Count, tuple[Share, ...]]] = [
            (_count_published(site, one, published, question, progress=progress), ()) for one in measures
        ]
    else:
        found = _counted(site, site.source, measures, question, today=today, progress=progress, build=build)
    return tuple(
        Counted(measure=measure, periods=_periods(measure, question), count=counts, completeness=shares)
        for measure, (counts, shares) in zip(measures, found, strict=True)
    )


def _counted(
    site: Site,
    source: RecordsBlock,
    measures: tuple[Measure, ...],
    question: Question,
    *,
    today: date,
    progress: Progress,
    build: bool,
) -> Sequence[tuple[Count, tuple[Share, ...]]]:
    for measure in measures:
        _refuse_published(site, measure)
    asked = [Asked(measure=measure, periods=_periods(measure, question)) for measure in measures]
    if (database := source.database) is not None:
        _check_member(site, source, question)
        return warehouse.count_with_shares(
            asked,
            database,
            site=site.id,
            member=source.member,
            as_of=question.as_of,
            outside_observation=source.outside_observation,
            tell=lambda quality: progress(str(quality)),
            time=(question.first, question.last),
        )
    records = _open(site, source, question, today=today, progress=progress, keep=build)

    def engine(wanted: Sequence[Asked], needed: Records) -> tuple[Count, ...]:
        return count_records(wanted, records, needed=needed, member=source.member, tell=progress, build=build)

    found = count_changed(asked, records, member=source.member, folder=site.remembered_path, engine=engine, keep=build)
    progress(f"{site.id}: {found}")
    completeness = shares(measures, records, first=question.first, last=question.last)
    return tuple(zip(found.counts, completeness, strict=True))


def _count_published(
    site: Site, measure: Measure, source: PublishedSource, question: Question, *, progress: Progress
) -> Count:
    found = read_published(measure, source, member_codes=question.members, periods=_periods(measure, question))
    for note in found.notes:
        progress(f"{site.id}: {measure.ref}: {note}")
    return found.count


def _periods(measure: Measure, question: Question) -> tuple[Period, ...]:
    try:
        return measure.periods(first=question.first, last=question.last)
    except ValueError as error:
        raise MessageError(f"measure {measure.ref}: {error}; the centre must ask for whole periods") from None


def _refuse_published(site: Site, measure: Measure) -> None:
    if isinstance(measure.question, PublishedQuestion):
        raise DefinitionError(
            f"site {site.id}: measure {measure.ref} is about published data, but this site holds records; "
            "name the sites that are asked for it under `sites` in the round's file"
        )


def own_measures(site: Site, question: Question) -> tuple[Measure, ...]:
    """Return a question's measures as the site's own library has them.

    Raises:
        MessageError: if one means something else there than at the centre.
    """
    return tuple(_own_measure(site, ref) for ref in question.measures)


def _own_measure(site: Site, ref: MeasureRef) -> Measure:
    measure = site.library.measure(ref.id, ref.version)
    if measure.digest != ref.digest:
        raise MessageError(
            f"site {site.id}: measure {ref} means something else here than at the centre (digest "
            f"{measure.digest[:12]}, asked {ref.digest[:12]}); bring both libraries to the same version"
        )
    return measure


def _open(
    site: Site, source: RecordsBlock, question: Question, *, today: date, progress: Progress, keep: bool = False
) -> Records:
    _check_member(site, source, question)
    return open_site_records(
        site,
        source,
        as_of=question.as_of,
        today=today,
        progress=progress,
        checked=site.checked_path,
        keep=keep,
    )


def _check_member(site: Site, source: RecordsBlock, question: Question) -> None:
    if source.member not in question.members:
        raise DefinitionError(
            f"site {site.id}: its member {source.member} is not in the network's members.csv; correct one of the two"
        )
