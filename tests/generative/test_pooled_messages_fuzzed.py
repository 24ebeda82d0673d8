"""Pooled messages, properly signed and improperly made: whatever is in them, they are read or refused, never worse.

What is signed by a key that is trusted reaches the decoder; so it is the centre's own, or a site's own, that is fuzzed.
Prints how many inputs it tried when it is run by hand: `python tests/generative/test_pooled_messages_fuzzed.py 100000`.
"""

import base64
import copy
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from log_stamps import first_standing
from pooled_sites import EXPIRES, TODAY, attempt, count, key, measure, question, share

from rounds.disclosure.attempt import FEWEST_PARTICIPANTS, LEAST_VARIANCE
from rounds.errors import RoundsError
from rounds.exchange.envelope import unsigned
from rounds.exchange.messages import Reply, Request, decode_reply, decode_request, draft_reply, encode_request, send
from rounds.exchange.signing import SigningKey

CENTRE, SITE = (SigningKey(Ed25519PrivateKey.generate().private_bytes_raw()) for _ in range(2))
KEYS = {site: key() for site in ("a", "b", "c")}
OF, ASKED = measure(), attempt(KEYS)
REQUEST = encode_request(
    round_id="r1",
    site="a",
    question=question(OF),
    valid=(TODAY, EXPIRES),
    key=CENTRE,
    stamp=first_standing("centre", CENTRE),
    pooled=ASKED,
)


def _read(content: bytes) -> Request:
    return decode_request(content, source="q.json", site="a", key=CENTRE.public, today=TODAY)


def _take(content: bytes) -> Reply:
    answers = _read(REQUEST).digest
    return decode_reply(content, source="r.json", site="a", round_id="r1", answers=answers, key=SITE.public)


REPLY = send(
    draft_reply(_read(REQUEST), (), shares=[share(OF, count(OF, [(1, 2)] * 4), ASKED, "a", KEYS)], today=TODAY),
    key=SITE,
    stamp=first_standing("a", SITE),
)

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "a", "b", "z", "../a", "A" * 43 + "=", "=", "AAAA", "nan", date.max.isoformat()]),
    st.binary(max_size=48).map(lambda raw: base64.b64encode(raw).decode()),
)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.sampled_from([0, 1, 9, -1]), st.floats(), st.booleans())
VALUES = st.recursive(
    st.one_of(st.none(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def _made_wrong(draw: st.DrawFn, *, message: bytes, key: SigningKey) -> bytes:
    """Return a message in which one to three places hold something else, are gone or are twice; signed anew."""
    made = json.loads(message)
    for _ in range(draw(st.integers(1, 3))):
        place = made["body"]
        while True:
            steps = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not steps:
                break
            step = draw(st.sampled_from(steps))
            if isinstance(place[step], dict | list) and draw(st.integers(0, 3)):
                place = place[step]
                continue
            match draw(st.sampled_from(["put", "drop", "twice", "more"])):
                case "put":
                    place[step] = draw(VALUES)
                case "drop":
                    del place[step]
                case "twice" if isinstance(place, list):
                    place.append(copy.deepcopy(place[step]))
                case _ if isinstance(place, dict):
                    place[draw(TEXTS)] = draw(VALUES)
                case _:
                    place.insert(0, draw(VALUES))
            break
    made["signature"] = base64.b64encode(key.sign(unsigned(made))).decode()
    return json.dumps(made).encode()


def _names(error: RoundsError, file: str) -> None:
    assert str(error).startswith(f"{file}: ")


def _request_is_read_or_refused(content: bytes) -> None:
    try:
        request = _read(content)
    except RoundsError as error:
        _names(error, "q.json")
        return
    if request.pooled is not None:
        assert len({one.site for one in request.pooled.participants}) >= FEWEST_PARTICIPANTS
        assert request.pooled.variance >= LEAST_VARIANCE
        assert request.pooled.number >= 1


def _reply_is_read_or_refused(content: bytes) -> None:
    try:
        reply = _take(content)
    except RoundsError as error:
        _names(error, "r.json")
        return
    assert all(0 <= number < 2**64 for one in reply.shares for number in one.numbers)


def _bytes_are_refused(content: bytes) -> None:
    for read in (_read, _take):
        try:
            read(content)
        except RoundsError:
            continue
        raise AssertionError("bytes that nobody signed were read")


FUZZED: dict[str, tuple[st.SearchStrategy[bytes], Callable[[bytes], None]]] = {
    "requests": (_made_wrong(message=REQUEST, key=CENTRE), _request_is_read_or_refused),
    "replies": (_made_wrong(message=REPLY, key=SITE), _reply_is_read_or_refused),
    "bytes": (st.binary(max_size=200), _bytes_are_refused),
}


def _fuzz(examples: int) -> Iterator[tuple[str, int]]:
    """Yield each kind of input with how many were tried."""
    for name, (inputs, check) in FUZZED.items():
        seen: list[int] = []

        def run(content: bytes) -> None:
            seen.append(len(content))  # noqa: B023 - run at once
            check(content)  # noqa: B023

        settings(max_examples=examples, deadline=None)(given(inputs)(run))()
        yield name, len(seen)


def test_whatever_is_in_a_message_it_is_read_or_refused() -> None:
    assert all(number >= 20 for _, number in _fuzz(60))


def test_what_is_fuzzed_is_good_to_begin_with() -> None:
    assert _read(REQUEST).pooled == ASKED
    assert len(_take(REPLY).shares[0].numbers) == 8


if __name__ == "__main__":
    for kind, number in _fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000):
        print(f"{kind}: {number} inputs tried", flush=True)  # noqa: T201
