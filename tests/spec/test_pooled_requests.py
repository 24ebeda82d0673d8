"""Requests for pooled sums that a site refuses although they are signed, and what it does when it is asked twice."""

import base64
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pooled_sites import SITES, TODAY, PooledNetwork, answered, ask, key, write_sites

from rounds.audit.chain import Action
from rounds.disclosure.attempt import Participant
from rounds.errors import DefinitionError, DisclosureRefusal, MessageError, RoundsError
from rounds.exchange.masking import fingerprint, own_masking_key, publish_masking_key, trusted_peer
from rounds.exchange.messages import decode_reply, decode_request
from rounds.exchange.signing import known_keys, make_own_key, own_key
from rounds.site.answer import answer
from rounds.site.folder import Site, read_site
from rounds.site.pooled import answer_pooled, asked_attempt, preview_pooled, publish_keys
from rounds.storage.audit_log import read_log


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Site]]:
    folder = tmp_path_factory.mktemp("made")
    return folder, write_sites(folder, sites=SITES)[0]


@pytest.fixture
def network(made: tuple[Path, dict[str, Site]], tmp_path: Path) -> PooledNetwork:
    folder, sites = made
    return PooledNetwork(Path(shutil.copytree(folder, tmp_path / "network")), sites)


def test_a_share_is_given_once_and_the_same_again(network: PooledNetwork) -> None:
    network.ask()
    told: list[str] = []
    assert network.answer(told=told.append)
    assert "somebody who knows everything of all others" in " ".join(told)
    first = network.reply().read_bytes()
    network.reply().unlink()
    assert not network.answer()
    assert network.reply().read_bytes() == first
    logged = [entry.event.action for entry in read_log(network.site.ledger_path)]
    keys = [*[Action.KEY_MADE] * 2, *[Action.KEY_PINNED] * 5]  # the centre's, and two of each other site
    assert logged == [*keys, Action.ADOPTED, Action.ANSWERED, Action.RELEASED]
    assert set(known_keys(network.site.folder)) == {"own key", "centre", "site-b", "site-c"}


def test_a_preview_says_who_takes_part_and_what_it_costs(network: PooledNetwork) -> None:
    network.ask()
    before = sorted(network.folder.rglob("*"))
    said = "\n".join(preview_pooled(network.site, network.exchange, round_id="r1", number=1, today=TODAY))
    assert "asks site-a, site-b, site-c for the sums of 1 measures" in said
    assert fingerprint(own_masking_key(network.sites["site-b"].folder).public) in said
    assert "people-admitted v1: 120 masked numbers would leave" in said
    # Of noise with variance 9 two thirds are unknown to each of three: two draws of 1/12 + 7/144, see skellam_rho.
    assert "spend 0.264 zCDP" in said
    assert "guesses right at most 68 times in 100" in said
    assert sorted(network.folder.rglob("*")) == before


def test_no_count_is_in_the_reply(network: PooledNetwork) -> None:
    """Two of two people were admitted in 2021: their number is in no reply, and every one is of the same length."""
    network.ask()
    network.answer()
    body = json.loads(network.reply().read_bytes())["body"]
    assert body["tables"] == []
    (share,) = body["shares"]
    numbers = base64.b64decode(share["numbers"])
    assert len(numbers) == 4 * 5 * 3 * 2 * 8, "years, ages, sexes, numerator and denominator, eight bytes each"
    small = [int.from_bytes(numbers[at : at + 8], "little") < 2**32 for at in range(0, len(numbers), 8)]
    assert not any(small)


def test_a_restart_is_another_draw_and_another_entry(network: PooledNetwork) -> None:
    network.ask()
    network.answer()
    network.ask(number=2)
    assert network.answer(number=2)
    assert network.reply(2).read_bytes() != network.reply(1).read_bytes()
    assert answered(network.site) == (1, 2)
    assert [entry.event.action for entry in read_log(network.site.ledger_path)].count(Action.RELEASED) == 2
    assert asked_attempt(network.site, network.exchange, round_id="r1") == 2


def test_the_same_attempt_with_others_is_refused_for_ever(network: PooledNetwork) -> None:
    network.ask()
    network.answer()
    first = network.reply().read_bytes()
    write_sites(network.folder, sites=("site-d",))
    network.ask(named=(*SITES, "site-d"))
    with pytest.raises(MessageError, match="attempt 1 was answered before with other participants or another question"):
        network.answer()
    network.ask(last=date(2022, 12, 31))
    with pytest.raises(MessageError, match="attempt 1 was answered before with other participants or another question"):
        network.answer()
    assert network.reply().read_bytes() == first


def test_an_older_attempt_is_a_replay(network: PooledNetwork) -> None:
    network.ask(number=2)
    network.answer(number=2)
    network.ask(number=1)
    with pytest.raises(MessageError, match="attempt 1: a replay: attempt 2 was answered already"):
        network.answer(number=1)


def test_a_request_that_was_copied_is_a_replay(network: PooledNetwork) -> None:
    network.ask()
    for number, round_id in ((2, "r1"), (1, "r2")):
        path = network.exchange.pooled_request_path(round_id, number, "site-a")
        network.exchange.put(path, network.exchange.pooled_request_path("r1", 1, "site-a").read_bytes())
        with pytest.raises(MessageError, match="a replay: it belongs to another round, attempt or lane"):
            answer_pooled(
                network.site, network.exchange, round_id=round_id, number=number, today=TODAY, progress=lambda _: None
            )
    assert network.nothing_left


def test_a_pooled_request_in_the_place_of_another_is_refused(network: PooledNetwork) -> None:
    network.ask()
    path = network.exchange.pooled_request_path("r1", 1, "site-a")
    network.exchange.put(network.exchange.request_path("r1", "site-a"), path.read_bytes())
    with pytest.raises(MessageError, match="it asks for pooled sums and lies in the wrong place"):
        answer(network.site, network.exchange, round_id="r1", today=TODAY, progress=lambda _: None)
    assert network.nothing_left


def test_nobody_is_asked_and_nothing_happens(network: PooledNetwork) -> None:
    assert asked_attempt(network.site, network.exchange, round_id="r1") is None
    network.ask()
    network.exchange.pooled_request_path("r1", 1, "site-a").unlink()
    with pytest.raises(MessageError, match="the centre has not asked site-a in this attempt"):
        network.answer()


def test_an_expired_attempt_is_refused(network: PooledNetwork) -> None:
    network.ask()
    with pytest.raises(MessageError, match="the request expired on 2024-09-29"):
        network.answer(today=date(2024, 10, 1))
    assert network.nothing_left


def _changed(network: PooledNetwork, change: Callable[[Any], None]) -> None:
    """Change a request after it was signed."""
    path = network.exchange.pooled_request_path("r1", 1, "site-a")
    message = json.loads(path.read_bytes())
    change(message["body"])
    network.exchange.put(path, json.dumps(message).encode())


TAMPERED: dict[str, Callable[[Any], None]] = {
    "a participant more": lambda body: body["pooled"]["participants"].append({"site": "z", "key": "AAAA"}),
    "a participant less": lambda body: body["pooled"]["participants"].pop(),
    "another key": lambda body: body["pooled"]["participants"][1].__setitem__("key", "A" * 43 + "="),
    "less noise": lambda body: body["pooled"].__setitem__("variance", 0),
    "another attempt": lambda body: body["pooled"].__setitem__("attempt", 7),
    "no longer pooled": lambda body: body.pop("pooled"),
    "another measure": lambda body: body["measures"][0].__setitem__("version", 2),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_request_changed_on_its_way_is_refused(what: str, network: PooledNetwork) -> None:
    network.ask()
    _changed(network, TAMPERED[what])
    with pytest.raises(MessageError, match="the signature of centre does not fit"):
        network.answer()
    assert network.nothing_left


def _signed(network: PooledNetwork, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None]) -> None:
    """Let a centre sign what our own code would not: fewer sites, less noise."""
    from rounds.exchange import messages, shares

    def wrong(attempt: Any) -> Any:
        fields = json.loads(real(attempt).model_dump_json())
        change(fields)
        return shares.WireAttempt.model_validate(fields)

    real = messages.wire_attempt
    with monkeypatch.context() as patched:
        patched.setattr(messages, "wire_attempt", wrong)
        network.ask()


WEAKENED: dict[str, tuple[Callable[[Any], None], str]] = {
    "two participants": (lambda asked: asked["participants"].pop(), "2 sites take part"),
    "itself alone": (lambda asked: asked.__setitem__("participants", asked["participants"][:1]), "1 sites take part"),
    "nobody": (lambda asked: asked.__setitem__("participants", []), "0 sites take part"),
    "no noise": (lambda asked: asked.__setitem__("variance", 0), "noise of variance 0 is asked for"),
    "the same site twice": (
        lambda asked: asked["participants"].__setitem__(2, asked["participants"][1]),
        "named once each",
    ),
    "one key for two": (
        lambda asked: asked["participants"][2].__setitem__("key", asked["participants"][1]["key"]),
        "two participants have the same key",
    ),
}


@pytest.mark.parametrize("what", WEAKENED)
def test_no_order_of_the_centre_weakens_the_lane(
    what: str, network: PooledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, says = WEAKENED[what]
    _signed(network, monkeypatch, change)
    with pytest.raises(DisclosureRefusal, match=says):
        network.answer()
    assert network.nothing_left


def test_a_key_that_cannot_be_read_is_refused(network: PooledNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    _signed(network, monkeypatch, lambda asked: asked["participants"][1].__setitem__("key", "?"))
    with pytest.raises(MessageError, match="a participant's key cannot be read"):
        network.answer()


def test_a_participant_whose_key_the_centre_has_made_up_is_refused(network: PooledNetwork) -> None:
    asked = ask(network.folder, network.exchange, network.sites)
    made_up = Participant(site="site-c", key=key().public)
    network.ask(change=replace(asked, participants=(*asked.participants[:2], made_up)))
    with pytest.raises(MessageError, match="the key that the centre names for site-c is not the one that site-c has"):
        network.answer()
    stranger = Participant(site="site-z", key=key().public)
    network.ask(change=replace(asked, participants=(*asked.participants[:2], stranger)))
    with pytest.raises(MessageError, match=r"site-z\.mask is missing, so nothing can be pooled with site-z"):
        network.answer()
    assert network.nothing_left


def test_its_own_key_must_be_named(network: PooledNetwork) -> None:
    asked = ask(network.folder, network.exchange, network.sites)
    other = Participant(site="site-a", key=key().public)
    network.ask(change=replace(asked, participants=(other, *asked.participants[1:])))
    with pytest.raises(MessageError, match="the key that the centre names for site-a"):
        network.answer()
    assert network.nothing_left


def test_who_is_asked_must_be_named(network: PooledNetwork) -> None:
    write_sites(network.folder, sites=("site-d",))
    network.ask(named=("site-b", "site-c", "site-d"))
    with pytest.raises(MessageError, match="site-a is asked and not named among the participants"):
        network.answer()
    assert network.nothing_left


def test_a_changed_key_is_refused_once_one_was_used(network: PooledNetwork) -> None:
    network.ask()
    network.answer()
    peer = network.sites["site-b"]
    (peer.folder / "keys" / "masking.key").unlink()
    publish_keys(peer, network.exchange, today=TODAY)
    network.ask(number=2)
    with pytest.raises(
        MessageError, match=r"is not the masking key of site-b .* pinned in .*site-a/trust/site-b\.mask"
    ):
        network.answer(number=2)


def test_a_masking_key_that_the_site_has_not_signed_is_refused(network: PooledNetwork) -> None:
    network.ask()
    publish_masking_key(
        network.exchange.path,
        site="site-b",
        key=key().public,
        signed_by=make_own_key(network.folder / "impostor", party="impostor", today=TODAY),
    )
    with pytest.raises(MessageError, match="the masking key is not signed by site-b"):
        network.answer()
    other = network.sites["site-c"]
    publish_masking_key(
        network.exchange.path, site="site-c", key=own_masking_key(other.folder).public, signed_by=own_key(other.folder)
    )
    path = network.exchange.path / "keys" / "site-b.mask"
    path.write_bytes((network.exchange.path / "keys" / "site-c.mask").read_bytes())
    with pytest.raises(MessageError, match="the masking key is not signed by site-b"):
        network.answer()
    for broken in (b"{", b'{"format": "rounds-masking-key/1", "site": "site-b", "key": "?", "signature": "?"}'):
        path.write_bytes(broken)
        with pytest.raises(MessageError, match=r"site-b\.mask: not a masking key"):
            network.answer()
    assert network.nothing_left


def test_a_damaged_key_of_its_own_is_said(network: PooledNetwork) -> None:
    network.ask()
    (network.site.folder / "keys" / "masking.key").write_text("half a ke")
    with pytest.raises(MessageError, match=r"masking\.key is not an X25519 key; restore it from a copy"):
        network.answer()
    assert network.nothing_left


def test_a_damaged_ledger_stops_the_site(network: PooledNetwork) -> None:
    network.ask()
    network.answer()
    network.reply().unlink()
    with closing(sqlite3.connect(network.site.ledger_path)) as connection, connection:
        connection.execute("UPDATE answers SET reply = substr(reply, 20)")
    with pytest.raises(RoundsError, match="the reply to round r1/pooled-1 was changed after it was kept"):
        network.answer()
    assert not network.reply().exists()


def test_a_site_that_is_gone_is_named(network: PooledNetwork) -> None:
    gone = replace(network.site, folder=network.folder / "nowhere")
    with pytest.raises(DefinitionError, match="there is no such folder"):
        answer_pooled(gone, network.exchange, round_id="r1", number=1, today=TODAY, progress=lambda _: None)


def test_published_data_are_not_pooled(network: PooledNetwork) -> None:
    folder = network.folder / "sites" / "site-a"
    (folder / "site.yaml").write_text(
        "site: site-a\npolicy: open\npublished:\n  file: late.csv\n  organisation: org\n  period: month\n"
        "  measures:\n    ae-over-4-hours: {numerator: late, denominator: all}\n"
    )
    network.ask()
    network.site = read_site(folder)
    with pytest.raises(DisclosureRefusal, match="site site-a holds published data, which are not pooled"):
        network.answer()


def test_a_masking_key_is_kept_for_its_owner_alone_and_not_shown(network: PooledNetwork) -> None:
    path = network.site.folder / "keys" / "masking.key"
    assert path.stat().st_mode & 0o777 == 0o600
    own = own_masking_key(network.site.folder)
    assert base64.b64encode(own.public).decode() not in path.read_text()
    assert path.read_text().strip() not in repr(own)
    peer = trusted_peer(network.folder / "centre", network.exchange.path, site="site-a")
    assert peer.masking == own.public


def test_a_share_is_for_the_attempt_that_asked(network: PooledNetwork) -> None:
    """A reply to one attempt is no reply to another: the centre does not add it up."""
    network.ask()
    network.answer()
    network.ask(number=2)
    path = network.exchange.pooled_request_path("r1", 2, "site-a")
    centre = own_key(network.folder / "centre").public
    request = decode_request(path.read_bytes(), source="q", site="site-a", key=centre, today=TODAY)
    with pytest.raises(MessageError, match="a replay: it answers another request"):
        decode_reply(
            network.reply().read_bytes(),
            source="r",
            site="site-a",
            round_id="r1",
            answers=request.digest,
            key=own_key(network.site.folder).public,
        )
