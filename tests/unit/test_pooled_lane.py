"""The centre's half of the pooled lane: who is waited for, what is added up, and what is said of a sum with noise."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from log_stamps import first_standing, logging_stamp
from pooled_sites import attempt, count, key, measure, periods, share
from reports_fixture import PROVENANCE

from rounds.audit.chain import Action, Event
from rounds.centre.attempts import (
    ask_attempt,
    current_attempt,
    lacking_keys,
    prepare_attempt,
    receive_attempt,
    received_path,
    waited_for,
)
from rounds.centre.audit_check import check_centre
from rounds.centre.plan import Plan, SitePlan
from rounds.centre.pooled_lane import PooledSum, noisy, pooled_insights, pooled_sums
from rounds.centre.post import Desk
from rounds.disclosure.attempt import Attempt
from rounds.errors import AuditError, DisclosureRefusal, MessageError, RoundsError
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.log_check import heads_in_messages
from rounds.exchange.masking import make_masking_key, own_masking_key, publish_masking_key
from rounds.exchange.messages import Reply, decode_request, draft_reply, send
from rounds.exchange.question import Question
from rounds.exchange.shares import ReceivedShare
from rounds.exchange.signing import SigningKey, make_own_key, own_key, publish_key
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum
from rounds.reports.insight import Certainty, Mark
from rounds.storage.audit_log import LEDGER
from rounds.storage.round_files import RoundDeclaration

SITES = ("a", "b", "c", "d")
KEYS = {site: key() for site in SITES}
TODAY = date(2024, 7, 1)


class _Silent:
    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


def _replies(of: Measure, values: Sequence[tuple[int, int]], asked: Attempt) -> tuple[Reply, ...]:
    """Return the replies of sites that have all counted the same."""
    return tuple(
        Reply(
            round_id="r1",
            site=site,
            answers="",
            issued=date(2025, 7, 1),
            tables=(),
            log=first_standing(site, SigningKey(bytes(32)))(""),
            digest="",
            shares=(ReceivedShare(measure=of.ref, numbers=share(of, count(of, values), asked, site, KEYS).numbers),),
        )
        for site in asked.sites
    )


def _sums(of: Measure, values: Sequence[tuple[int, int]]) -> PooledSum:
    asked = attempt(KEYS)
    (found,) = pooled_sums(asked, _replies(of, values, asked), [of], [periods(of)])
    return found


def test_sums_have_the_keys_the_numbers_and_the_noise() -> None:
    found = _sums(measure(), [(10, 100), (20, 200), (30, 300), (40, 400)])
    assert found.cells.columns == ["period", "numerator", "numerator_variance", "denominator", "denominator_variance"]
    assert found.cells["period"].to_list() == [date(year, 1, 1) for year in (2020, 2021, 2022, 2023)]
    for name, true in (("numerator", [40, 80, 120, 160]), ("denominator", [400, 800, 1200, 1600])):
        assert all(abs(one - two) < 40 for one, two in zip(found.cells[name], true, strict=True)), "13 standard errors"
        assert found.cells[f"{name}_variance"].to_list() == [9] * 4


def test_noise_adds_up_over_strata() -> None:
    of = measure(strata=(Stratum.SEX,))
    found = _sums(of, [(1, 100)] * 12).over_strata
    assert found.height == 4
    assert found["numerator_variance"].to_list() == [27] * 4
    assert all(abs(one - 12) < 13 * 27**0.5 for one in found["numerator"])


def test_there_is_no_sum_without_everybody() -> None:
    asked, of = attempt(KEYS), measure()
    replies = _replies(of, [(1, 2)] * 4, asked)
    for some in (replies[:3], replies[1:], (), (*replies, replies[0])):
        with pytest.raises(ValueError, match="not everybody has answered"):
            pooled_sums(asked, some, [of], [periods(of)])


def test_masks_that_do_not_cancel_are_noticed() -> None:
    """A site that was told of other participants has other masks: what is left is no number of people."""
    asked, of = attempt(KEYS), measure()
    others = _replies(of, [(1, 2)] * 4, attempt(KEYS, number=2))
    mixed = (others[0], *_replies(of, [(1, 2)] * 4, asked)[1:])
    with pytest.raises(MessageError, match="the masks of example v1 do not cancel"):
        pooled_sums(asked, mixed, [of], [periods(of)])


@pytest.mark.parametrize(
    ("value", "variance", "shown"),
    [
        (100, 9, (100, 93, 107)),
        (3, 9, (3, 0, 10)),
        (-2, 9, (0, 0, 5)),
        (-50, 9, (0, 0, 0)),
        (1000, 900, (1000, 933, 1067)),
    ],
)
def test_only_what_is_shown_is_brought_to_nothing(value: int, variance: int, shown: tuple[int, int, int]) -> None:
    known = noisy(value, variance)
    assert (known.value, known.lower, known.upper) == shown


def test_what_is_said_names_the_noise_and_the_sites() -> None:
    found = _sums(measure(), [(500, 5000), (600, 5000), (700, 5000), (0, 0)])
    (said,) = pooled_insights(found, PROVENANCE)
    assert said.id == "network-total-example-network"
    assert "in 2022 (95% interval of the noise " in said.statement
    assert said.certainty.level is Certainty.MODERATE, "a site is missing"
    assert "pooled over 4 sites, no site's number is known to the centre" in said.certainty.because
    estimate = said.certainty.estimate
    assert estimate.value is not None
    assert estimate.lower < 14 < estimate.upper
    assert estimate.lower < estimate.value < estimate.upper
    assert said.table.rows[0][0] == "2020"
    assert said.table.rows[3][1:4] == (Mark.NOT_APPLICABLE,) * 3, "of nobody there is no rate"
    assert "[c]" not in json.dumps(said.table.rows, default=str), "nothing is withheld: everything has noise"


def test_of_hardly_anybody_nothing_is_said() -> None:
    found = _sums(measure(), [(0, 0)] * 4)
    nobody = found.cells.with_columns(numerator=pl.lit(0), denominator=pl.Series([7, -7, 0, 1]))
    assert pooled_insights(replace(found, cells=nobody), PROVENANCE) == ()


def test_small_numbers_are_uncertain() -> None:
    (said,) = pooled_insights(_sums(measure(), [(1, 100)] * 4), replace(PROVENANCE, sites_out=()))
    assert said.certainty.level is Certainty.LOW
    assert "the numbers are so small that the noise hides most of them" in said.certainty.because


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    exchange = ExchangeFolder(path=tmp_path / "exchange")
    for site in SITES:
        _publish(tmp_path, site)
    return Desk(folder=tmp_path / "centre", exchange=exchange)


def _publish(folder: Path, site: str) -> None:
    own, exchange = make_own_key(folder / site, party=site, today=TODAY), folder / "exchange"
    masking = make_masking_key(folder / site, site=site, today=TODAY)
    publish_key(exchange, party=site, key=own.public)
    publish_masking_key(exchange, site=site, key=masking.public, signed_by=own)


def _plan(desk: Desk, of: Measure) -> Plan:
    wanted = Question(
        first=date(2020, 1, 1), last=date(2023, 12, 31), as_of=date(2024, 1, 1), measures=(of.ref,), members=("ZZ1",)
    )
    return Plan(
        declaration=RoundDeclaration(
            id="r1", title="R", as_of=wanted.as_of, first=wanted.first, last=wanted.last, measures=(), programmes=()
        ),
        measures=(),
        sites=(),
        pooled_measures=(of,),
        pooled=tuple(SitePlan(site=site, folder=desk.folder.parent / site, question=wanted) for site in SITES),
    )


def _answer(desk: Desk, of: Measure, asked: Attempt, *sites: str) -> None:
    """Let sites answer as they would, from masking keys that lie in their folders."""
    for site in sites:
        folder = desk.folder.parent / site
        path = desk.exchange.pooled_request_path("r1", asked.number, site)
        request = decode_request(
            path.read_bytes(), source=str(path), site=site, key=own_key(desk.folder).public, today=TODAY
        )
        assert request.pooled == asked
        keys = {site: own_masking_key(folder)}
        made = share(of, count(of, [(10, 100)] * 4), asked, site, keys)
        own, centre = own_key(folder), own_key(desk.folder).public
        told = Event(action=Action.RELEASED, round_id="r1", party=CENTRE, digest=str(hash(made.numbers)), day=TODAY)
        stamp = logging_stamp(folder / LEDGER, own=site, reader=CENTRE, key=own, reader_key=centre, told=told)
        reply = send(draft_reply(request, (), shares=[made], today=TODAY), key=own, stamp=stamp)
        desk.exchange.put(desk.exchange.pooled_reply_path("r1", asked.number, site), reply)


def test_a_missing_site_restarts_the_sum_under_the_next_number(desk: Desk) -> None:
    of = measure()
    plan = _plan(desk, of)
    first = ask_attempt(desk, plan, today=TODAY)
    assert (first.number, first.sites) == (1, SITES)
    _answer(desk, of, first, "a", "b", "c")
    assert waited_for(desk, plan, first) == ("d",)
    assert receive_attempt(desk, plan, first, today=TODAY) is None
    assert ask_attempt(desk, plan, today=TODAY) == first, "asking again waits on"
    assert ask_attempt(desk, plan, today=TODAY, without=["x"]) == first, "nobody in it is left out"
    second = ask_attempt(desk, plan, today=TODAY, without=["d"])
    assert (second.number, second.sites) == (2, ("a", "b", "c"))
    assert not desk.exchange.pooled_request_path("r1", 2, "d").exists()
    assert not desk.exchange.pooled_request_path("r1", 1, "d").exists(), "nobody waits for it any longer"
    assert desk.exchange.pooled_request_path("r1", 1, "a").exists()
    _answer(desk, of, second, *second.sites)
    replies = receive_attempt(desk, plan, second, today=TODAY)
    assert replies is not None
    (found,) = pooled_sums(second, replies, [of], [periods(of)])
    assert all(abs(one - 30) < 40 for one in found.cells["numerator"])
    assert ask_attempt(desk, plan, today=TODAY, without=["a"]) == second, "what is complete is not asked again"
    assert current_attempt(desk, plan) == second


def test_fewer_than_three_are_never_asked(desk: Desk) -> None:
    plan = _plan(desk, measure())
    with pytest.raises(DisclosureRefusal, match="2 sites take part"):
        ask_attempt(desk, plan, today=TODAY, without=["a", "b"])
    assert current_attempt(desk, plan) is None
    assert prepare_attempt(desk, plan, unable=["a", "b"], today=TODAY, progress=_Silent()) == ()
    assert current_attempt(desk, plan) is None


def test_without_a_sites_keys_nobody_is_asked(desk: Desk) -> None:
    plan = _plan(desk, measure())
    (desk.exchange.path / "keys" / "c.mask").unlink()
    assert lacking_keys(desk.exchange, plan) == ("c",)
    with pytest.raises(MessageError, match=r"c\.mask is missing.*`rounds site keys"):
        ask_attempt(desk, plan, today=TODAY)
    assert current_attempt(desk, plan) is None


def test_an_expired_attempt_is_issued_anew_for_who_has_not_answered(desk: Desk) -> None:
    of = measure()
    plan = _plan(desk, of)
    asked = ask_attempt(desk, plan, today=TODAY)
    _answer(desk, of, asked, "a")
    receive_attempt(desk, plan, asked, today=TODAY)
    before = {site: desk.exchange.pooled_request_path("r1", 1, site).read_bytes() for site in SITES}
    assert ask_attempt(desk, plan, today=date(2024, 12, 1)) == asked
    after = {site: desk.exchange.pooled_request_path("r1", 1, site).read_bytes() for site in SITES}
    assert [site for site in SITES if before[site] != after[site]] == ["b", "c", "d"]


def test_a_participant_answers_an_attempt_once(desk: Desk) -> None:
    of = measure()
    plan = _plan(desk, of)
    asked = ask_attempt(desk, plan, today=TODAY)
    _answer(desk, of, asked, *SITES)
    assert receive_attempt(desk, plan, asked, today=TODAY) is not None
    _answer(desk, of, asked, "b")  # another draw of noise: another reply
    with pytest.raises(MessageError, match="b has answered attempt 1 before with other bytes"):
        receive_attempt(desk, plan, asked, today=TODAY)


def test_the_centres_log_tells_all_of_an_attempt(desk: Desk) -> None:
    of = measure()
    plan = _plan(desk, of)
    asked = ask_attempt(desk, plan, today=TODAY)
    _answer(desk, of, asked, *SITES)
    receive_attempt(desk, plan, asked, today=TODAY)
    log = check_centre(desk.folder, outputs=None, abroad=heads_in_messages(desk.exchange.messages()))
    told = [entry.event.action for entry in log.entries]
    pinned = [*[Action.KEY_PINNED] * 2] * 4  # of each site the key that signs and the one that masks
    assert told == [*pinned, Action.PLANNED, Action.KEY_MADE, *[Action.ASKED] * 4, *[Action.RECEIVED] * 4]
    assert log.heads == 4, "a head in each request"
    folder = desk.folder / "rounds/r1/pooled/1"
    for name in ("attempt.json", "asked/a.json", "received/b.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(b'"variance": 9', b'"variance": 8').replace(b"r1", b"r9"))
        if name == "attempt.json":
            (folder / name).write_bytes(content.replace(b"9", b"8"))
        with pytest.raises(AuditError, match=f"does not tell what .*{name} shows"):
            check_centre(desk.folder, outputs=None, abroad=())
        (folder / name).write_bytes(content)
    (desk.folder / LEDGER).unlink()
    with pytest.raises(AuditError, match=r"received/a\.json was taken in, but the log does not tell it"):
        receive_attempt(desk, plan, asked, today=TODAY)


def test_a_sites_log_that_was_cut_is_noticed(desk: Desk) -> None:
    of = measure()
    plan = _plan(desk, of)
    first = ask_attempt(desk, plan, today=TODAY)
    _answer(desk, of, first, *SITES[:3])
    receive_attempt(desk, plan, first, today=TODAY)
    second = ask_attempt(desk, plan, today=TODAY, without=["d"])
    (desk.folder.parent / "a" / LEDGER).unlink()
    _answer(desk, of, second, *SITES[:3])
    with pytest.raises(AuditError, match="the log of a comes with 1 entries"):
        receive_attempt(desk, plan, second, today=TODAY)
    assert not received_path(desk, plan, second, "b").exists(), "nothing was taken in"


def test_an_answer_to_something_else_is_refused(desk: Desk) -> None:
    of = measure()
    asked = ask_attempt(desk, _plan(desk, of), today=TODAY)
    _answer(desk, of, asked, "a")
    longer = _plan(desk, of)
    longer = replace(longer, declaration=replace(longer.declaration, first=date(2021, 1, 1)))
    with pytest.raises(MessageError, match="a has sent 8 numbers where 6 were asked for"):
        receive_attempt(desk, longer, asked, today=TODAY)
    other = _plan(desk, measure(grain=Grain.MONTH))
    with pytest.raises(MessageError, match="a has answered something else than was asked"):
        receive_attempt(desk, other, asked, today=TODAY)


def test_a_damaged_attempt_stops_the_centre(desk: Desk) -> None:
    plan = _plan(desk, measure())
    ask_attempt(desk, plan, today=TODAY)
    (desk.folder / "rounds/r1/pooled/1/attempt.json").write_bytes(b"{")
    with pytest.raises(RoundsError, match=r"attempt\.json cannot be read; restore it from a copy"):
        current_attempt(desk, plan)
