"""What a site's policy, agreements and people say holds for pooled sums too; every draw is charged and logged."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from kept_ledger import ledger_of
from pooled_sites import (
    FIRST,
    LAST,
    SITES,
    TODAY,
    PooledNetwork,
    admitted,
    answered,
    attempt,
    key,
    measure,
    write_sites,
)

from rounds.audit.chain import Action
from rounds.disclosure.budget import MOST_RHO, Budget
from rounds.disclosure.policy import Policy, SitePolicy, Terms
from rounds.disclosure.pooled import charges
from rounds.disclosure.pooled_costs import pooled_costs
from rounds.errors import AuditError, DefinitionError, DisclosureRefusal, RoundsError
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.log_check import heads_in_messages
from rounds.exchange.messages import decode_request
from rounds.exchange.question import Question
from rounds.exchange.signing import own_key
from rounds.measures.periods import Grain
from rounds.network.roles import Approval
from rounds.site.answer import count
from rounds.site.audit_check import check_site
from rounds.site.folder import OptOutsBlock, Site
from rounds.site.ledger import prepare_reply
from rounds.site.opt_out_ways import adopt_opt_outs
from rounds.site.policies import look_at_policy
from rounds.site.pooled import preview_pooled
from rounds.site.restoring import restore
from rounds.storage.audit_log import LEDGER, read_log
from rounds.storage.release_store import RELEASE_SCHEMA, charged, ledger_figures, policy_in_force
from rounds.storage.sqlite_file import reading

YEARS = [str(year) for year in range(FIRST.year, LAST.year + 1)]
RHO = 0.264
"""Of one year's sum over three sites, see `test_pooled_requests`."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Site]]:
    folder = tmp_path_factory.mktemp("made")
    return folder, write_sites(folder, sites=SITES)[0]


@pytest.fixture
def network(made: tuple[Path, dict[str, Site]], tmp_path: Path) -> PooledNetwork:
    folder, sites = made
    return PooledNetwork(Path(shutil.copytree(folder, tmp_path / "network")), sites)


def _policy(name: str, terms: Terms, *, never: bool = False, most_epochs: int = 2) -> SitePolicy:
    overrides = {"people-admitted": replace(terms, never=True)} if never else {}
    return SitePolicy(
        name=name,
        terms=terms,
        overrides=overrides,
        most_epochs=most_epochs,
        author="A",
        reviewer="B",
        next_review=date(2027, 1, 1),
    )


HES = Terms(rule=Policy.HES)
NOISE = Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=0.5, periods_per_year=4))


def _refused(network: PooledNetwork, says: str, error: type[RoundsError] = DisclosureRefusal, number: int = 1) -> None:
    """Neither an answer nor a preview is made, nothing is counted, and nothing is written."""
    before = _files(network.site.folder)
    with pytest.MonkeyPatch.context() as counting:
        counting.setattr("rounds.site.pooled.count", lambda *_, **__: pytest.fail("it was counted"))
        with pytest.raises(error, match=says):
            network.answer(number=number)
        with pytest.raises(error, match=says):
            preview_pooled(network.site, network.exchange, round_id="r1", number=number, today=TODAY)
    assert not network.reply(number).exists()
    assert _files(network.site.folder) == before


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("approval", [Approval.ONE, Approval.TWO])
def test_where_people_look_at_every_reply_nothing_is_pooled(approval: Approval, network: PooledNetwork) -> None:
    network.ask()
    network.site = replace(network.site, approval=approval)
    _refused(network, rf"pooled sums are asked of site-a \(people-admitted v1\).*`approval: {approval}`")


def test_a_standing_approval_is_asked_for_in_this_lane_too(network: PooledNetwork) -> None:
    network.ask()
    network.site = replace(network.site, approval=Approval.STANDING)
    _refused(network, r"approvals\.yaml is missing", DefinitionError)
    network.site.people_path.write_text("people:\n  - {name: Ada Example, role: data guardian, since: 2024-01-01}\n")
    line = (
        "approvals:\n  - {{measure: {}, version: 1, approved_by: Ada Example, since: 2024-01-01, until: 2024-12-31}}\n"
    )
    network.site.standing_path.write_text(line.format("celecoxib-ever"))
    _refused(network, "people-admitted v1: nobody has signed it off")
    network.site.standing_path.write_text(line.format("people-admitted"))
    assert network.answer()


def test_an_agreement_must_cover_what_is_pooled(network: PooledNetwork) -> None:
    network.ask()
    network.site = replace(network.site, agreements_required=True)
    _refused(network, r"agreements\.yaml is missing", DefinitionError)
    text = (
        "agreements:\n  - id: dsa-1\n    between: [site-a, the network]\n    purpose: p\n    measures: [{}]\n"
        "    from: 2024-01-01\n    until: 2024-12-31\n    reviewer: Ada Example\n"
    )
    network.site.agreements_path.write_text(text.format("celecoxib-ever"))
    _refused(network, "people-admitted v1: no agreement covers it")
    network.site.agreements_path.write_text(text.format("people-admitted v1"))
    assert network.answer()


def test_a_measure_of_which_nothing_leaves_is_in_no_sum(network: PooledNetwork) -> None:
    network.ask()
    network.site = replace(network.site, policy=_policy("ours", HES, never=True))
    _refused(network, "people-admitted v1: policy `ours` lets nothing of it leave, in no lane")


def test_a_weaker_policy_is_refused_before_anything_is_drawn(network: PooledNetwork) -> None:
    network.ask()
    network.site = replace(network.site, policy=_policy("strict", replace(HES, highest_withheld=12)))
    assert network.answer()
    with reading(network.site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        assert policy_in_force(connection) == network.site.policy
    network.ask(number=2)
    network.site = replace(network.site, policy=_policy("weak", HES))
    _refused(network, "policy `weak` is weaker than `strict`, which is in force", number=2)


def test_numbers_are_not_revised_more_often_than_the_policy_allows(network: PooledNetwork) -> None:
    network.ask(epoch=2)
    network.site = replace(network.site, policy=_policy("once", HES, most_epochs=1))
    _refused(network, "epoch 2 is asked for, and policy `once` lets a number be released 1 times at most")


def test_every_attempt_of_every_year_is_charged_until_the_ceiling(network: PooledNetwork) -> None:
    """No policy sets a budget here, and the ceiling holds: the refusal is made before anything is counted."""
    network.site = replace(network.site, policy=_policy("hes", HES))
    lasts = int(MOST_RHO / RHO)
    for number in range(1, lasts + 1):
        network.ask(number=number)
        assert network.answer(number=number)
    with reading(network.site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        spent = charged(connection)
        assert ledger_figures(connection)[:2] == ("0 rounds answered", f"{lasts} attempts at pooled sums answered")
    assert list(spent) == [int(year) for year in YEARS]
    for year, periods in spent.items():
        digest = admitted(network.site).digest
        assert sorted(periods) == [(f"{digest}/r1", f"{year}-01-01", number) for number in range(1, lasts + 1)]
        assert list(periods.values()) == pytest.approx([RHO] * lasts, abs=5e-4)
    network.ask(number=lasts + 1)
    says = r"people-admitted v1: the budget of 2020 is spent: 1 more periods cost 0\.264, and 0\.153 of 2 is left"
    _refused(network, says, number=lasts + 1)
    assert "2023: 1.85 of 2 is spent" in "\n".join(look_at_policy(network.site).lines)
    network.reply(1).unlink()
    network.ask(number=1)
    assert not network.answer(number=1), "what was answered is answered again, and not charged"


def test_what_two_measures_of_one_request_cost_is_added_up() -> None:
    keys = {site: key() for site in SITES}
    asked, (one, other) = attempt(keys), (measure(), measure(grain=Grain.QUARTER))
    year = one.periods(first=FIRST, last=date(2020, 12, 31))
    quarters = other.periods(first=FIRST, last=date(2020, 12, 31))
    spent = (*charges(one, periods=year, attempt=asked), *charges(other, periods=quarters, attempt=asked))
    costs = pooled_costs(spent, {}, _policy("hes", HES), attempt=asked)
    assert [{year: len(periods) for year, periods in costs[of.ref].items()} for of in (one, other)] == [
        {2020: 1},
        {2020: 4},
    ]
    tight = _policy("noisy", replace(NOISE, budget=Budget(rho_per_year=1.2, periods_per_year=4)))
    for alone in (spent[:1], spent[1:]):
        assert pooled_costs(alone, {}, tight, attempt=asked)
    with pytest.raises(DisclosureRefusal, match=r"4 more periods cost 1\.06, and 0\.936 of 1\.2 is left"):
        pooled_costs(spent, {}, tight, attempt=asked)


def test_both_lanes_spend_one_budget(network: PooledNetwork) -> None:
    network.site = replace(network.site, policy=_policy("noisy", NOISE))
    network.ask()
    assert network.answer()
    network.ask(number=2)
    _refused(network, r"the budget of 2020 is spent: 1 more periods cost 0\.264, and 0\.236 of 0\.5 is left", number=2)
    wanted = Question(
        first=FIRST, last=LAST, as_of=date(2024, 6, 30), measures=(admitted(network.site).ref,), members=("ZZ1",)
    )
    _prepare_in_the_site_lane(network, wanted, round_id="r2")
    with pytest.raises(DisclosureRefusal, match=r"the budget of 2020 is spent: 1 more periods cost 0\.125, and 0\.111"):
        _prepare_in_the_site_lane(network, replace(wanted, epoch=2), round_id="r3")


def _prepare_in_the_site_lane(network: PooledNetwork, wanted: Question, *, round_id: str) -> None:
    path = network.exchange.pooled_request_path("r1", 1, "site-a")
    centre = own_key(network.folder / "centre").public
    request = decode_request(path.read_bytes(), source="q", site="site-a", key=centre, today=TODAY)
    request = replace(request, round_id=round_id, question=wanted, pooled=None)
    found = count(network.site, wanted, today=TODAY, progress=lambda _: None)
    prepare_reply(network.site, request, found, day=TODAY)


def test_days_that_left_one_way_about_opt_outs_are_not_pooled_the_other_way(network: PooledNetwork) -> None:
    """Whichever lane they left in: sums of both ways are as telling as counts of both."""
    network.ask()
    without = network.site
    opted_out = replace(without, opt_outs=OptOutsBlock(nhs_numbers="numbers.csv", without_number="exclude"))
    assert network.answer()
    network.ask(number=2)
    network.site = opted_out
    _refused(network, "was counted without opt-outs, and would be counted with them now", number=2)
    assert adopt_opt_outs(opted_out, people=("Ada", "Ben"), today=TODAY) == LAST
    _refused(network, f"would be counted with opt-outs, and days up to {LAST} have left without them", number=2)
    network.site = without
    assert adopt_opt_outs(without, people=("Ada", "Ben"), today=TODAY) is None
    assert network.answer(number=2)


def test_an_old_backup_is_noticed_before_another_draw(network: PooledNetwork) -> None:
    """Answered once more, an attempt would have the same masks and other noise."""
    network.ask()
    network.answer()
    held, reply = ledger_of(network.site.ledger_path), network.reply().read_bytes()
    for name in (LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm"):
        (network.site.folder / name).unlink(missing_ok=True)
    with pytest.raises(AuditError, match="site-a"):
        network.answer()
    assert answered(network.site) == ()
    assert restore(network.site, network.exchange, today=TODAY).messages == ("r1/pooled-1",)
    assert ledger_of(network.site.ledger_path) == held
    assert sum(1 for _ in held["charges"]) == 4
    assert not network.answer(), "it knows again that it has"
    assert network.reply().read_bytes() == reply


def test_the_log_tells_of_every_share(network: PooledNetwork) -> None:
    """The site's check finds its shares told, and the heads in pooled messages count as others do."""
    network.ask()
    network.answer()
    messages = ExchangeFolder(path=network.exchange.path).messages()
    assert [path.name for path in messages] == ["site-a.json", *(f"{site}.json" for site in SITES)]
    log = check_site(network.site.folder, site="site-a", abroad=heads_in_messages(messages))
    assert log.tells(Action.ANSWERED, "r1", "centre", None)
    assert log.heads == 1
    network.ask(number=2)
    network.answer(number=2)
    assert check_site(network.site.folder, site="site-a", abroad=heads_in_messages(messages)).heads == 2


def test_an_answer_that_the_log_does_not_tell_is_not_given_again(
    network: PooledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.ask()
    network.answer()
    network.reply().unlink()
    monkeypatch.setattr("rounds.site.ledger.is_recorded", lambda *_: False)
    with pytest.raises(AuditError, match="round r1 was answered, but the log does not tell it"):
        network.answer()
    assert not network.reply().exists()
    assert len(read_log(network.site.ledger_path)) == 7 + 3, "of keys, and of the first answer"
