"""Heads arrive late, twice, out of order or not at all: nobody is accused wrongly, every rollback is seen."""

import sqlite3
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from log_stamps import event

from rounds.audit.heads import Standing
from rounds.errors import AuditError
from rounds.exchange.signing import SigningKey
from rounds.exchange.standing import accept_standing, check_standing, is_accepted, stand
from rounds.storage.audit_log import LOG_SCHEMA, append, tree

KEYS = {name: SigningKey(Ed25519PrivateKey.generate().private_bytes_raw()) for name in ("centre", "site-1")}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("centre logs", "site logs", "centre sends", "site sends", "arrives")), st.integers(0, 40)
    ),
    max_size=25,
)


@dataclass
class Party:
    """A party with its file, in memory."""

    name: str
    connection: sqlite3.Connection
    sent: list[Standing] = field(default_factory=list)

    def log(self, number: int) -> None:
        append(self.connection, event(number))

    def send(self, number: int) -> Standing:
        self.log(number)
        other = "site-1" if self.name == "centre" else "centre"
        self.sent.append(
            stand(self.connection, own=self.name, reader=other, key=KEYS[self.name], reader_key=KEYS[other].public)
        )
        return self.sent[-1]

    def take(self, standing: Standing) -> None:
        their = KEYS[standing.own.head.log].public
        accept_standing(self.connection, standing, own_key=KEYS[self.name].public, their_key=their)
        assert is_accepted(self.connection, standing, their_key=their)

    def copy(self) -> "Party":
        return Party(self.name, _copy(self.connection), list(self.sent))


def _file() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(LOG_SCHEMA)
    return connection


def _copy(connection: sqlite3.Connection) -> sqlite3.Connection:
    other = sqlite3.connect(":memory:", isolation_level=None)
    connection.backup(other)
    return other


def _play(steps: list[tuple[str, int]], centre: Party, site: Party) -> None:
    for number, (what, which) in enumerate(steps):
        party, other = (centre, site) if what.startswith("centre") else (site, centre)
        if what.endswith("logs"):
            party.log(number)
        elif what.endswith("sends"):
            party.send(number)
        else:
            party, other = (centre, site) if which % 2 else (site, centre)
            if party.sent:
                other.take(party.sent[which // 2 % len(party.sent)])


@given(STEPS)
def test_whatever_arrives_in_whatever_order_is_taken(steps: list[tuple[str, int]]) -> None:
    _play(steps, Party("centre", _file()), Party("site-1", _file()))


@given(STEPS, STEPS, st.booleans())
@settings(max_examples=60)
def test_a_restored_backup_is_seen_by_both(
    before: list[tuple[str, int]], after: list[tuple[str, int]], twice: bool
) -> None:
    """As soon as the centre holds a head from after the backup, and whatever the restored site does."""
    centre, site = Party("centre", _file()), Party("site-1", _file())
    _play(before, centre, site)
    backup = site.copy()
    _play(after, centre, site)
    centre.take(site.send(1000))
    request = centre.send(1001)
    with pytest.raises(AuditError, match=r"the log of site-1 has .* entries, but centre holds a signed head of"):
        backup.copy().take(request)
    backup.log(2000)
    while tree(backup.connection)[0] < tree(site.connection)[0] + twice:
        backup.log(2001 + tree(backup.connection)[0])
    with pytest.raises(AuditError, match=r"the log of site-1 differs within its first .* entries"):
        backup.copy().take(request)
    untouched = "\n".join(centre.connection.iterdump())
    with pytest.raises(AuditError, match=r"the log of site-1 comes with .* cut, rewritten or restored"):
        centre.take(backup.send(3000))
    assert "\n".join(centre.connection.iterdump()) == untouched


def test_the_ledger_of_a_party_that_forgot_everything() -> None:
    centre, site = Party("centre", _file()), Party("site-1", _file())
    centre.take(site.send(1))
    emptied = Party("site-1", _file())
    with pytest.raises(AuditError, match="has 0 entries, but centre holds a signed head of 1: it was cut or restored"):
        emptied.take(centre.send(2))


def test_who_has_no_key_any_more_has_signed_nothing() -> None:
    centre, site = Party("centre", _file()), Party("site-1", _file())
    centre.take(site.send(1))
    standing = centre.send(2)
    with pytest.raises(AuditError, match="the key of site-1 did not sign"):
        check_standing(site.connection, standing, own_key=None, their_key=KEYS["centre"].public)


def test_a_head_signed_by_somebody_else_is_refused() -> None:
    centre, site = Party("centre", _file()), Party("site-1", _file())
    standing = centre.send(1)
    with pytest.raises(AuditError, match="the head of the log of centre is not signed by centre"):
        check_standing(site.connection, standing, own_key=None, their_key=KEYS["site-1"].public)


def test_what_is_acknowledged_is_not_proved_again() -> None:
    """Messages stay small: what goes with one is what has happened since the last acknowledgement."""
    centre, site = Party("centre", _file()), Party("site-1", _file())
    for number in range(30):
        site.take(centre.send(number))
        centre.take(site.send(100 + number))
    assert len(centre.send(1000).earlier) == 1
    for number in range(5):
        site.take(centre.send(2000 + number))
    assert len(centre.send(3000).earlier) == 7


def test_a_false_proof_of_growth_is_refused() -> None:
    """A sender vouches for what its log does not begin with, or does not vouch for what the reader holds."""
    centre, site = Party("centre", _file()), Party("site-1", _file())
    first, second = site.send(1), site.send(2)
    centre.take(first)
    wrong = replace(second.earlier[0], path=(bytes(32),))
    with pytest.raises(AuditError, match="but its own proof from 1 entries fails: its log was cut, rewritten"):
        centre.take(replace(second, earlier=(wrong,)))
    with pytest.raises(AuditError, match="does not prove that it begins with the 1 seen before: its log was cut"):
        centre.take(replace(second, earlier=()))
    centre.take(second)


def test_a_shorter_log_begun_anew_is_refused() -> None:
    centre, site = Party("centre", _file()), Party("site-1", _file())
    for number in range(3):
        centre.take(site.send(number))
    anew = Party("site-1", _file())
    with pytest.raises(
        AuditError, match="comes with 1 entries, but 3 were seen before, and this is no beginning of them"
    ):
        centre.take(anew.send(9))
