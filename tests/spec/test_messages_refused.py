"""Messages: tampered, replayed, expired, misaddressed or unknown ones are refused, each with where and what to do."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from log_stamps import first_standing

from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import Released, release
from rounds.errors import MessageError
from rounds.exchange.messages import Reply, Request, decode_reply, decode_request, draft_reply, encode_request, send
from rounds.exchange.question import Question
from rounds.exchange.signing import SigningKey
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.measures.strata import Stratum

REF = MeasureRef(id="cardiac-arrests", version=1, digest="a" * 64)
CENTRE_KEY, SITE_KEY, OTHER_KEY = (SigningKey(Ed25519PrivateKey.generate().private_bytes_raw()) for _ in range(3))
ISSUED, EXPIRES = date(2025, 7, 1), date(2025, 9, 29)


def _request(
    *,
    round_id: str = "r1",
    site: str = "site-1",
    key: SigningKey = CENTRE_KEY,
    last: date = date(2025, 3, 31),
    valid: tuple[date, date] = (ISSUED, EXPIRES),
) -> bytes:
    question = Question(first=date(2025, 1, 1), last=last, as_of=date(2025, 7, 1), measures=(REF,), members=("A",))
    stamp = first_standing("centre", CENTRE_KEY)
    return encode_request(round_id=round_id, site=site, question=question, valid=valid, key=key, stamp=stamp)


def _read(content: bytes, *, site: str = "site-1", today: date = ISSUED) -> Request:
    return decode_request(content, source="req.json", site=site, key=CENTRE_KEY.public, today=today)


def _released() -> Released:
    cells = {
        "member": ["A", "A"],
        "period": [date(2025, 1, 1), date(2025, 2, 1)],
        "sex": ["female", "female"],
        "numerator": [3, 20],
        "denominator": [400, 400],
    }
    strata = (Stratum.SEX,)
    count = Count(measure=REF, strata=strata, cells=pl.DataFrame(cells, schema=count_schema(strata)))
    return release(count, terms=Terms(rule=Policy.HES), already_public=False)


def _reply(*, key: SigningKey = SITE_KEY, request: bytes | None = None) -> bytes:
    answered = _read(request or _request())
    stamp = first_standing("site-1", SITE_KEY)
    return send(draft_reply(answered, [_released()], today=date(2025, 7, 2)), key=key, stamp=stamp)


def _take(content: bytes, *, round_id: str = "r1", site: str = "site-1", request: bytes | None = None) -> Reply:
    answers = _read(request or _request()).digest
    return decode_reply(content, source="rep.json", site=site, round_id=round_id, answers=answers, key=SITE_KEY.public)


def _changed(content: bytes, change: Callable[[Any], None]) -> bytes:
    message = json.loads(content)
    change(message)
    return json.dumps(message).encode()


def test_what_is_sent_is_what_is_received() -> None:
    reply = _take(_reply())
    assert reply.tables[0].measure == REF
    assert reply.tables[0].cells.equals(_released().cells)


def test_the_exact_small_count_is_nowhere_in_the_bytes() -> None:
    column = json.loads(_reply())["body"]["tables"][0]["columns"]
    assert column["numerator_value"] == [None, 20]
    assert column["numerator_lower"] == [1, 18]
    assert column["numerator_upper"] == [7, 22]


def test_the_same_request_is_the_same_bytes() -> None:
    assert _request() == _request()


def test_a_request_issued_again_is_the_same_request() -> None:
    """A site that answered the first must not be refused because the second has another date."""
    later = _request(valid=(date(2025, 10, 1), date(2025, 12, 30)))
    assert later != _request()
    assert _take(_reply(), request=later).answers == _read(_request()).digest


TAMPERED: dict[str, Callable[[Any], None]] = {
    "a number": lambda m: m["body"]["tables"][0]["columns"]["numerator_upper"].__setitem__(1, 25),
    "a withheld bound": lambda m: m["body"]["tables"][0]["columns"]["numerator_lower"].__setitem__(0, 2),
    "the round": lambda m: m.__setitem__("round_id", "r2"),
    "the expiry": lambda m: m.__setitem__("expires", "2035-01-01"),
    "the head of the log": lambda m: m["log"]["head"].__setitem__("size", 2),
    "the policy": lambda m: m["body"]["tables"][0].__setitem__("policy", "open"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampered_reply_is_refused(what: str) -> None:
    with pytest.raises(MessageError, match=r"rep\.json: the signature of site-1 does not fit"):
        _take(_changed(_reply(), TAMPERED[what]))


def test_reply_signed_by_somebody_else_is_refused() -> None:
    with pytest.raises(MessageError, match="signature"):
        _take(_reply(key=OTHER_KEY))


def test_request_signed_by_somebody_else_is_refused() -> None:
    with pytest.raises(MessageError, match="the signature of centre does not fit"):
        _read(_request(key=OTHER_KEY))


def test_reply_to_another_round_is_a_replay() -> None:
    older = _request(round_id="r0")
    with pytest.raises(MessageError, match="a replay: it answers another request"):
        _take(_reply(request=older))


def test_reply_to_another_question_of_the_same_round_is_a_replay() -> None:
    other = _request(last=date(2025, 2, 28))
    with pytest.raises(MessageError, match="a replay: it answers another request"):
        _take(_reply(request=other))


def test_reply_of_another_site_is_refused() -> None:
    with pytest.raises(MessageError, match="from site-1 to centre, but expected from site-2 to centre"):
        _take(_reply(), site="site-2")


def test_request_for_another_site_is_refused() -> None:
    with pytest.raises(MessageError, match="from centre to site-1, but expected from centre to site-2"):
        _read(_request(), site="site-2")


def test_expired_request_is_refused_and_the_last_day_is_not() -> None:
    assert _read(_request(), today=EXPIRES).expires == EXPIRES
    with pytest.raises(MessageError, match=r"req\.json: the request expired on 2025-09-29"):
        _read(_request(), today=date(2025, 9, 30))


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"\x00\x01", "not a message"),
    "half a message": (_request()[:200], "not a message"),
    "brackets without end": (b"[" * 100_000, "not a message"),
    "other JSON": (b"[1, 2]", "not a Rounds message"),
    "another version": (_changed(_request(), lambda m: m.__setitem__("version", 1)), "message version 1"),
    "an unknown field": (_changed(_request(), lambda m: m.__setitem__("code", "print()")), "field code"),
    "an unknown field inside": (_changed(_request(), lambda m: m["body"].__setitem__("sql", "x")), "sql"),
    "no head of the log": (_changed(_request(), lambda m: m.pop("log")), "field log"),
    "a log of negative length": (_changed(_request(), lambda m: m["log"]["head"].__setitem__("size", -1)), "log.head"),
    "a root that is none": (
        _changed(_request(), lambda m: m["log"]["head"].__setitem__("root", "AB" * 32)),
        "log.head",
    ),
    "an unknown field of the log": (_changed(_request(), lambda m: m["log"].__setitem__("ok", True)), "field log.ok"),
    "a missing field": (_changed(_request(), lambda m: m.pop("expires")), "field expires"),
    "a wrong type": (_changed(_request(), lambda m: m.__setitem__("issued", 7)), "field issued"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_unreadable_request_is_refused(what: str) -> None:
    content, complaint = UNREADABLE[what]
    with pytest.raises(MessageError, match=f"req.json: .*{complaint}"):
        _read(content)


def test_a_request_is_no_reply() -> None:
    content = _request(key=SITE_KEY)
    swapped = _changed(content, lambda m: m.update(sender="site-1", recipient="centre"))
    with pytest.raises(MessageError, match="signature"):
        _take(swapped)
