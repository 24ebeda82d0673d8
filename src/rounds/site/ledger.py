"""The site's ledger: a round is answered once; what leaves, what it costs and the reply are written down together."""

from collections.abc import Sequence
from datetime import date

from rounds.audit.chain import Action, Event
from rounds.audit.heads import Standing
from rounds.disclosure.release import Released
from rounds.errors import DisclosureRefusal, MessageError
from rounds.exchange.messages import CENTRE, Request, encode_reply
from rounds.exchange.question import Question
from rounds.exchange.signing import PublicKey, own_key
from rounds.exchange.standing import accept_standing, stand
from rounds.site.folder import Site
from rounds.site.noise import draw
from rounds.site.releasing import Counted, adopt_policy, keep, prepare
from rounds.storage.facts import logged_transaction
from rounds.storage.release_store import RELEASE_SCHEMA, Answer, keep_answer, read_answer
from rounds.storage.sqlite_file import reading


def stored_answer(site: Site, request: Request) -> Answer | None:
    """Return the reply that was given to a request, or None if none was.

    Raises:
        MessageError: if the round was answered before with another request.
        RoundsError: if the ledger is damaged. The site must not count again then, for a second answer could differ.
    """
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        stored = read_answer(connection, request.round_id)
    if stored is not None and stored.request_digest != request.digest:
        raise MessageError(
            f"round {request.round_id} was answered before with another request under the same id; the centre must use "
            "a new round id"
        )
    return stored


def answered_event(request: Request, today: date) -> Event:
    """Return what the log tells of a request that was answered."""
    return Event(action=Action.ANSWERED, round_id=request.round_id, party=CENTRE, digest=request.digest, day=today)


def release_once(
    site: Site, request: Request, counted: Sequence[Counted], *, today: date, centre_key: PublicKey
) -> Answer:
    """Release some counts in answer to a request, and return the reply.

    Draws, costs, the reply's bytes, the policy in force and what the log tells of it are one transaction.

    Args:
        site: who answers.
        request: what is answered.
        counted: exact counts with how complete the records are.
        today: the date on the reply.
        centre_key: that proved the request.

    Raises:
        DisclosureRefusal: if something of it may not leave. Nothing was drawn or written then.
        AuditError: if the centre's log, or the site's, was cut, rewritten or restored.
    """
    epoch, key = request.question.epoch, own_key(site.folder)
    with logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts:
        accept_standing(facts.connection, request.log, own_key=key.public, their_key=centre_key)
        if adopted := adopt_policy(facts.connection, site.policy, site=site.id, today=today):
            facts.tell(adopted)
        prepared = prepare(
            facts.connection, site.policy, counted, epoch=epoch, already_public=site.already_public, draw=draw
        )
        released = keep(facts.connection, prepared, epoch=epoch, round_id=request.round_id)

        def stamp(digest: str) -> Standing:
            left = Event(action=Action.RELEASED, round_id=request.round_id, party=CENTRE, digest=digest, day=today)
            facts.tell(answered_event(request, today), left)
            return stand(facts.connection, own=site.id, reader=CENTRE, key=key, reader_key=centre_key)

        reply = encode_reply(request, released, today=today, key=key, stamp=stamp)
        answer = Answer(request_digest=request.digest, reply=reply)
        keep_answer(facts.connection, request.round_id, answer, day=today)
    return answer


def _no_draw(sigma: float, many: int) -> list[int]:
    raise DisclosureRefusal(
        f"{many} numbers would leave with noise of standard deviation {sigma:.1f}, drawn once, when the round is "
        "answered; a preview would be a second draw"
    )


def would_release(site: Site, question: Question, counted: Sequence[Counted]) -> tuple[Released, ...]:
    """Return what would leave. Writes nothing; where noise would be drawn, that is refused: two looks are two draws."""
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        prepared = prepare(
            connection, site.policy, counted, epoch=question.epoch, already_public=site.already_public, draw=_no_draw
        )
    return tuple(one.released for one in prepared)
