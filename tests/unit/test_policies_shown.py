"""A site's policy as its people see it, what is spent of its budget, and a weaker one that two people adopt."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from rounds.audit.chain import Action
from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, SitePolicy, Terms, in_words
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.site.folder import Site, read_site
from rounds.site.noise import draw
from rounds.site.policies import adopt_policy, adopt_site_policy, look_at_policy
from rounds.storage.audit_log import read_log
from rounds.storage.facts import logged_transaction
from rounds.storage.release_store import RELEASE_SCHEMA, charge, ledger_figures, policy_in_force
from rounds.storage.sqlite_file import reading

TODAY = date(2025, 7, 1)
SETTINGS = """site: hospital
policy: {policy}
records: {{member: RX1}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SETTINGS.format(policy="hes"))
    return tmp_path


def _in_force(site: Site, policy: SitePolicy) -> None:
    with logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts:
        event = adopt_policy(facts.connection, policy, site=site.id, today=TODAY)
        assert event is not None
        facts.tell(event)


def test_a_new_site_shows_its_rule_and_nothing_spent(folder: Path) -> None:
    shown = look_at_policy(read_site(folder))
    assert shown.lines[0].startswith("hes: 0 is shown, 1 to 7 are withheld")
    assert (shown.spent, shown.weaker) == ({}, ())
    assert not (folder / "ledger.db").exists()


def test_what_is_spent_is_told_by_year(folder: Path) -> None:
    (folder / "site.yaml").write_text(SETTINGS.format(policy="noise"))
    site = read_site(folder)
    _in_force(site, site.policy)
    with logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts:
        for month in ("2025-01-01", "2025-02-01"):
            charge(facts.connection, {2025: {("d", month, 1): 0.25}}, measure="m", round_id="r")
        facts.tell(replace(read_log(site.ledger_path)[0].event, round_id="r"))
    shown = look_at_policy(site)
    assert shown.spent == {2025: 0.5}
    assert "2025: 0.5 of 1 is spent; who sees everything guesses right in 69 of 100 tries" in shown.lines[-1]
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        assert ledger_figures(connection) == ("0 rounds answered", "0.5 zCDP charged to 2025")


def test_a_weaker_policy_is_shown_and_two_people_adopt_it(folder: Path) -> None:
    site = read_site(folder)
    _in_force(site, replace(site.policy, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=12)))
    shown = look_at_policy(site)
    assert "NOT in force, it is weaker: the rule for all measures was" in shown.lines[-1]
    with pytest.raises(DisclosureRefusal, match="two different people"):
        adopt_site_policy(site, people=("Ada Okoro", "ADA  okoro"), today=TODAY)
    adopt_site_policy(site, people=("Ada Okoro", "Ben Shah"), today=TODAY)
    assert look_at_policy(site).weaker == ()
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        assert policy_in_force(connection) == site.policy
    told = [entry.event for entry in read_log(site.ledger_path)]
    assert [(event.action, event.party) for event in told] == [
        (Action.ADOPTED, "hospital"),
        (Action.ADOPTED, "Ada Okoro and Ben Shah"),
    ]


def test_every_rule_has_words() -> None:
    budget = Budget(rho_per_year=0.5, periods_per_year=48)
    said = {rule: in_words(Terms(rule=rule, budget=budget if rule is Policy.NOISE else None)) for rule in Policy}
    assert said[Policy.OPEN] == "everything is shown as it is, for it is public already"
    assert said[Policy.MIDPOINT6].startswith("0 is shown, everything else is shown as the middle of its six")
    assert said[Policy.NOISE].startswith("noise is added (standard deviation 9.8 people")
    assert [Terms(rule=rule, budget=budget if rule is Policy.NOISE else None).few for rule in Policy] == [7, 6, 0, 0]


def test_a_budget_is_one_for_all_measures() -> None:
    terms = [Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=rho, periods_per_year=4)) for rho in (0.5, 0.25)]
    with pytest.raises(DefinitionError, match="measure m: the budget is one for all measures"):
        SitePolicy(
            name="p", terms=terms[0], overrides={"m": terms[1]}, author="A", reviewer="B", next_review=date(2027, 1, 1)
        )


def test_nothing_is_drawn_for_nothing() -> None:
    assert draw(3.0, 0) == []
    assert len(draw(3.0, 5)) == 5


def test_an_override_that_is_as_strict_as_before_is_not_weaker() -> None:
    strict, stricter = (Terms(rule=Policy.HES, highest_withheld=few) for few in (12, 17))
    review = {"author": "A", "reviewer": "B", "next_review": date(2027, 1, 1)}
    before = SitePolicy(name="p", terms=Terms(rule=Policy.HES), overrides={"m": strict}, **review)  # type: ignore[arg-type]
    assert replace(before, overrides={"m": stricter}).weaker_than(before) == ()
    (said,) = before.weaker_than(replace(before, overrides={"m": stricter}))
    assert said.startswith("measure m had `0 is shown, 1 to 17 are withheld")
