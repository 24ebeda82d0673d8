"""Pseudonyms: keyed, of one project, told apart by their key, and nothing secret in any repr or message."""

import csv
import hashlib
import hmac
import json
import pickle
import stat
import traceback
from base64 import b64decode
from datetime import date
from pathlib import Path

import pytest
from opted_out_site import PEOPLE, Silent, bare_site, write_hospital, write_list_of

from rounds.errors import DefinitionError, RoundsError
from rounds.site.opt_outs import request_opt_outs, take_opt_outs
from rounds.site.own_secrets import Secret, kept_proofs_key, make_secret, proofs_key, read_secret
from rounds.site.pseudonyms import pseudonymiser, write_pseudonyms
from rounds.storage.audit_log import read_log

TODAY = date(2026, 7, 1)


def test_one_project_knows_them_again_and_no_other(tmp_path: Path) -> None:
    first = pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("person_id", "17")
    assert pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("person_id", "17") == first
    others = {
        pseudonymiser(bare_site(tmp_path), project="falls", today=TODAY).of("person_id", "17").code,
        pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("person_id", "18").code,
        pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("nhs_number", "17").code,
        pseudonymiser(bare_site(tmp_path / "other-site"), project="stroke", today=TODAY).of("person_id", "17").code,
    }
    assert len(others - {first.code}) == 4


def test_it_is_an_hmac_of_all_that_it_depends_on(tmp_path: Path) -> None:
    found = pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("person_id", "17")
    raw = b64decode((tmp_path / "keys/pseudonyms/stroke/0001.key").read_bytes())
    parts = (b"pseudonym", b"stroke", b"person_id", b"17")
    told = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert found.code == hmac.new(raw, told, hashlib.sha256).digest()[:16]
    assert found.text == f"stroke.1.{found.code.hex()}"


def test_where_one_part_ends_matters() -> None:
    secret = Secret(bytes(32))
    assert secret.mac(b"ab", b"c") != secret.mac(b"a", b"bc")


def test_a_new_key_makes_others_and_says_so(tmp_path: Path) -> None:
    before = pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("person_id", "17")
    after = pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY, rotate=True).of("person_id", "17")
    assert (before.key, after.key) == (1, 2)
    assert before.code != after.code
    assert pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("person_id", "17") == after


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY)
    key = tmp_path / "keys/pseudonyms/stroke/0001.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o660):
        key.chmod(mode)
        with pytest.raises(RoundsError, match="others than its owner may read this key"):
            pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY)
    key.chmod(0o600)
    raw = key.read_bytes()
    for damaged in (raw[:20], b"", b"\xff" * 44):
        key.write_bytes(damaged)
        with pytest.raises(RoundsError, match="no key any more; restore it from a copy"):
            pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY)
    with pytest.raises(DefinitionError, match="project"):
        pseudonymiser(bare_site(tmp_path), project="../keys", today=TODAY)


def test_nothing_secret_is_shown_anywhere(tmp_path: Path) -> None:
    maker = pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY)
    secret = make_secret(bare_site(tmp_path), tmp_path / "a.key", called="a", today=TODAY)
    raw = b64decode((tmp_path / "a.key").read_bytes())
    made = maker.of("person_id", "4711")
    shown = [show(value) for value in (maker, secret, made) for show in (repr, str, "{}".format)]
    for value in (maker, secret, made):
        for act in (lambda v=value: v + 1, lambda v=value: json.dumps(v), lambda v=value: f"{v:d}"):
            with pytest.raises((TypeError, ValueError)) as refused:
                act()
            shown.append("".join(traceback.format_exception(refused.value)))
    for text in shown:
        assert made.code.hex() not in text
        assert "4711" not in text
        assert raw.hex() not in text
        assert (tmp_path / "a.key").read_text().strip() not in text
        assert repr(raw)[2:12] not in text
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_no_message_can_hold_one(tmp_path: Path) -> None:
    made = pseudonymiser(bare_site(tmp_path), project="stroke", today=TODAY).of("person_id", "17")
    with pytest.raises(TypeError):
        json.dumps({"pseudonym": made})
    assert not isinstance(made, str | bytes)


def test_whoever_has_opted_out_has_none(tmp_path: Path) -> None:
    site, today = write_hospital(tmp_path / "hospital"), date(2026, 7, 1)
    request_opt_outs(site, out=None, today=today, progress=Silent())
    answer = write_list_of(tmp_path / "answer.dat", [one for one in range(1, PEOPLE + 1) if one != 7])
    take_opt_outs(site, answer, made_on=None, today=date(2026, 7, 2), progress=Silent())
    out = tmp_path / "linkage.csv"
    before = len(read_log(site.ledger_path))
    assert write_pseudonyms(
        site, project="stroke", out=out, today=date(2026, 7, 3), rotate=False, progress=Silent()
    ) == (PEOPLE - 1, 1)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    made, told = (entry.event for entry in read_log(site.ledger_path)[before:])
    assert (made.action, made.round_id) == ("key made", "pseudonyms-stroke-1")
    assert (told.action, told.round_id) == ("pseudonymised", "stroke")
    assert told.digest != hashlib.sha256(out.read_bytes()).hexdigest(), "nobody tries files against it without the key"
    with out.open() as stream:
        rows = {row["person_id"]: row["pseudonym"] for row in csv.DictReader(stream)}
    assert "7" not in rows
    assert len(set(rows.values())) == PEOPLE - 1
    assert rows["8"] == pseudonymiser(site, project="stroke", today=date(2026, 7, 3)).of("person_id", "8").text


def test_the_key_of_proofs_stays(tmp_path: Path) -> None:
    site = bare_site(tmp_path)
    assert kept_proofs_key(site) is None
    key = proofs_key(site, today=TODAY)
    for again in (proofs_key(site, today=TODAY), kept_proofs_key(site)):
        assert again is not None
        assert again.mac(b"x") == key.mac(b"x")
    assert read_secret(tmp_path / "nowhere.key") is None
    with pytest.raises(ValueError, match="32 bytes"):
        Secret(b"short")


def test_every_key_is_told_and_none_can_be_guessed_from_the_log(tmp_path: Path) -> None:
    site = bare_site(tmp_path)
    for rotate in (False, False, True):
        pseudonymiser(site, project="stroke", today=TODAY, rotate=rotate)
    proofs_key(site, today=TODAY)
    told = [entry.event for entry in read_log(site.ledger_path)]
    assert [one.round_id for one in told] == ["pseudonyms-stroke-1", "pseudonyms-stroke-2", "proofs"]
    assert {(one.action, one.party, one.day) for one in told} == {("key made", "hospital", TODAY)}
    files = sorted((tmp_path / "keys").rglob("*.key"))
    raw = [b64decode(file.read_bytes()) for file in files]
    assert len({*raw}) == len(told) == 3
    digests = {hashlib.sha256(part).hexdigest() for key in raw for part in (key, key.hex().encode())}
    assert not digests & {one.digest for one in told}
    assert {
        Secret(key).mac(b"key made", called.encode()).hex()
        for key, called in zip(raw, ["proofs", "pseudonyms-stroke-1", "pseudonyms-stroke-2"], strict=True)
    } == {one.digest for one in told}


def test_a_key_that_cannot_be_logged_is_not_kept(tmp_path: Path) -> None:
    site = bare_site(tmp_path)
    site.ledger_path.write_bytes(b"something else" * 500)
    with pytest.raises(RoundsError, match="restore it from a copy"):
        proofs_key(site, today=TODAY)
    assert list((tmp_path / "keys").iterdir()) == []
