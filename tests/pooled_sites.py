"""Sites that pool their counts, in memory and on disk, for tests of the pooled lane."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from log_stamps import logging_stamp
from small_site import drug_event, people_measure, write_site

from rounds.audit.chain import Action, Event
from rounds.audit.heads import Standing
from rounds.disclosure.attempt import Attempt, Participant
from rounds.disclosure.pooled import NUMBER_BYTES, PooledShare, pool_share, pooled_keys
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.masking import MaskingKey, mask_streams, trusted_peer
from rounds.exchange.messages import Stamp, encode_request
from rounds.exchange.question import Question
from rounds.exchange.signing import make_own_key, own_key, pinned_key, publish_key
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain, Period
from rounds.measures.strata import Stratum
from rounds.site.folder import Site, read_site
from rounds.site.pooled import answer_pooled, publish_keys
from rounds.storage.audit_log import LEDGER
from rounds.storage.release_store import RELEASE_SCHEMA, answered_attempts
from rounds.storage.sqlite_file import reading

SITES = ("site-a", "site-b", "site-c")
FIRST, LAST, TODAY, EXPIRES = date(2020, 1, 1), date(2023, 12, 31), date(2024, 7, 1), date(2024, 9, 29)


def key() -> MaskingKey:
    return MaskingKey(X25519PrivateKey.generate().private_bytes_raw())


def measure(*, grain: Grain = Grain.YEAR, strata: tuple[Stratum, ...] = ()) -> Measure:
    """People who have a drug, of everybody."""
    return people_measure(drug_event(), grain=grain, strata=strata)


def periods(of: Measure) -> tuple[Period, ...]:
    return of.periods(first=FIRST, last=LAST)


def question(of: Measure) -> Question:
    return Question(first=FIRST, last=LAST, as_of=date(2024, 6, 30), measures=(of.ref,), members=("ZZ1", "ZZ2", "ZZ3"))


def attempt(keys: dict[str, MaskingKey], *, number: int = 1, variance: int = 9) -> Attempt:
    found = tuple(Participant(site=site, key=keys[site].public) for site in sorted(keys))
    return Attempt(round_id="r1", number=number, variance=variance, participants=found)


def count(of: Measure, values: Sequence[tuple[int, int]]) -> Count:
    """Return a count whose rows, in the order of periods and levels, hold these numerators and denominators."""
    levels = [sorted(of.levels(stratum)) for stratum in of.strata]
    keys = [(period.start, *level) for period in periods(of) for level in product(*levels)]
    rows = [("ZZ1", *found, *pair) for found, pair in zip(keys, values, strict=True)]
    frame = pl.DataFrame(rows, schema=count_schema(of.strata), orient="row")
    return Count(measure=of.ref, strata=of.strata, cells=frame.sort(["member", "period", *map(str, of.strata)]))


def streams(of: Measure, asked: Attempt, site: str, keys: dict[str, MaskingKey]) -> dict[str, bytes]:
    length = 2 * NUMBER_BYTES * pooled_keys(of, periods(of)).height
    return mask_streams(asked, site=site, key=keys[site], measure=of.ref, question=question(of), length=length)


def share(of: Measure, counted: Count, asked: Attempt, site: str, keys: dict[str, MaskingKey]) -> PooledShare:
    return pool_share(
        counted,
        measure=of,
        periods=periods(of),
        attempt=asked,
        site=site,
        streams=streams(of, asked, site, keys),
        random_bits=secrets.randbits,
    )


VISITS = """1 1 9201 2021-03-01 2021-03-04
2 2 9201 2021-05-01 2021-05-02
3 1 9201 2022-05-01 2022-05-02
"""


def write_sites(folder: Path, *, sites: Sequence[str]) -> tuple[dict[str, Site], ExchangeFolder]:
    """Write sites of two people each, who are in hospital in 2021 and 2022, and let them publish their keys."""
    exchange = ExchangeFolder(path=folder / "exchange")
    made = {}
    for place, site in enumerate(sites, start=1):
        own = folder / "sites" / site
        write_site(
            own / "records",
            person="1 8532 1950\n2 8507 1990",
            observation_period="1 2020-01-01 2023-12-31\n2 2020-01-01 2023-12-31",
            visit_occurrence=VISITS,
        )
        (own / "site.yaml").write_text(f"site: {site}\npolicy: hes\nrecords:\n  member: ZZ{place}\n")
        made[site] = read_site(own)
        publish_keys(made[site], exchange, today=TODAY)
    return made, exchange


def admitted(site: Site) -> Measure:
    return site.library.measure("people-admitted", 1)


def answered(site: Site) -> tuple[int, ...]:
    """Return which attempts of round r1 a site has answered."""
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        return answered_attempts(connection, "r1")


def ask(
    folder: Path,
    exchange: ExchangeFolder,
    sites: dict[str, Site],
    *,
    number: int = 1,
    named: Sequence[str] | None = None,
    variance: int = 9,
    change: Attempt | None = None,
    last: date = LAST,
    epoch: int = 1,
) -> Attempt:
    """Lay an attempt's requests down as the centre would."""
    centre = make_own_key(folder / "centre", party=CENTRE, today=TODAY)
    publish_key(exchange.path, party="centre", key=centre.public)
    peers = [trusted_peer(folder / "centre", exchange.path, site=site) for site in sorted(named or sites)]
    asked = change or Attempt(
        round_id="r1",
        number=number,
        variance=variance,
        participants=tuple(Participant(site=peer.site, key=peer.masking) for peer in peers),
    )
    for site in sites.values():
        wanted = Question(
            first=FIRST,
            last=last,
            as_of=date(2024, 6, 30),
            measures=(admitted(site).ref,),
            members=tuple(f"ZZ{place}" for place in range(1, len(sites) + 1)),
            epoch=epoch,
        )
        content = encode_request(
            round_id="r1",
            site=site.id,
            question=wanted,
            valid=(TODAY, EXPIRES),
            key=centre,
            stamp=_stamp(folder, site),
            pooled=asked,
        )
        exchange.put(exchange.pooled_request_path("r1", number, site.id), content)
    return asked


def _stamp(folder: Path, site: Site) -> Stamp:
    """Let the centre log a request to a site."""
    key = own_key(folder / "centre")

    def stamp(digest: str) -> Standing:
        told = Event(action=Action.ASKED, round_id="r1", party=site.id, digest=digest, day=TODAY)
        known = pinned_key(folder / "centre", party=site.id)
        path = folder / "centre" / LEDGER
        return logging_stamp(path, own=CENTRE, reader=site.id, key=key, reader_key=known, told=told)(digest)

    return stamp


class PooledNetwork:
    """Three sites and a centre in a folder; what is done is done as `site`."""

    def __init__(self, folder: Path, sites: dict[str, Site]) -> None:
        self.folder, self.exchange = folder, ExchangeFolder(path=folder / "exchange")
        self.sites = {name: replace(site, folder=folder / "sites" / name) for name, site in sites.items()}
        self.site = self.sites["site-a"]

    def ask(self, **how: Any) -> None:
        ask(self.folder, self.exchange, self.sites, **how)

    def answer(self, *, number: int = 1, today: date = TODAY, told: Callable[[str], None] = lambda _: None) -> bool:
        return answer_pooled(self.site, self.exchange, round_id="r1", number=number, today=today, progress=told)

    def reply(self, number: int = 1) -> Path:
        return self.exchange.pooled_reply_path("r1", number, "site-a")

    @property
    def nothing_left(self) -> bool:
        return not list(self.folder.rglob("replies/*")) and not answered(self.site)
