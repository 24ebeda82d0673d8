"""Names of the trusts of England, as ODS has them, changed by seeded rules: none is taken for another."""

import csv
import random
from datetime import date
from pathlib import Path

import pytest
from messy_trackers import misspelt, written

from rounds.network.matching import Certainty, Organisation, Register, register_of
from rounds.storage.register_files import read_register
from rounds.storage.succession_files import read_successions

HELD_AGAINST = (
    ("names matched to ODS codes", "ODS's list of trusts, 2022, names changed by seeded rules", "no wrong one settled"),
    ("names matched to ODS codes", "another list of the same trusts (geographr)", "212 of 214 settled, none wrong"),
    ("successions of trusts", "mergers of covid19.nhs.data", "exact, code and date"),
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ETR = SHARED / "nhs_organisations_2022" / "etr.csv"
SUCCESSIONS = SHARED / "geography_nhs" / "lookup_trust_trust.csv"
pytestmark = pytest.mark.skipif(not ETR.exists(), reason="needs the third-party data in shared/data")


@pytest.fixture(scope="module")
def register() -> Register:
    return register_of(read_register(ETR))


def _abroad(name: str, seed: int) -> str:
    rng = random.Random(seed)  # noqa: S311 - a name is no secret
    return misspelt(name.title(), rng) if rng.random() < 0.4 else written(name.title(), rng)


def test_no_changed_name_is_taken_for_another_trust(register: Register) -> None:
    settled = proposed = best = 0
    names = [(one, seed) for seed in range(3) for one in register.organisations]
    for place, (one, seed) in enumerate(names):
        match = register.match(_abroad(one.name, seed * 10_000 + place))
        assert match.best is None or match.certainty is not Certainty.CERTAIN or match.best.organisation == one
        settled += match.certainty is Certainty.CERTAIN
        if match.certainty is not Certainty.CERTAIN and match.best is not None:
            proposed += 1
            best += match.best.organisation == one
    assert settled / len(names) > 0.70
    assert best / proposed > 0.97


def test_no_trust_is_taken_for_another_where_it_is_not_listed(register: Register) -> None:
    """A tenth of the trusts at a time is left out of the list; none of their names may be settled."""
    for tenth in range(10):
        listed = register_of(one for place, one in enumerate(register.organisations) if place % 10 != tenth)
        for place, one in enumerate(register.organisations):
            if place % 10 == tenth:
                assert listed.match(one.name).certainty is not Certainty.CERTAIN
                assert listed.match(_abroad(one.name, place)).certainty is not Certainty.CERTAIN


def test_another_list_of_the_same_trusts_agrees(register: Register) -> None:
    path = SHARED / "geography_nhs" / "lookup_nhs_trusts22_nhs_region21.csv"
    certain = total = 0
    with path.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            total += 1
            match = register.match(row["nhs_trust22_name"])
            if match.certainty is Certainty.CERTAIN:
                certain += 1
                assert match.best is not None
                assert match.best.organisation.ods_code == row["nhs_trust22_code"]
    assert (total, certain) == (214, 212)  # two trusts have changed their name since


def test_the_mergers_of_trusts_are_those_that_another_list_has() -> None:
    with (SHARED / "nhs_trust_mapping" / "trust_mergers.csv").open(encoding="utf-8-sig") as stream:
        mergers = list(csv.DictReader(stream))
    found = read_successions(SUCCESSIONS, about=[row["trust_code_old"] for row in mergers])
    told = [row for row in mergers if found.ended(row["trust_code_old"])]
    assert len(told) >= 9
    for row in told:
        assert row["trust_code_new"] in found.after(row["trust_code_old"], date.fromisoformat(row["from_date"]))
    assert found.after("RW6", date(2022, 1, 1)) == ("R0A", "RM3")  # one that was split


def test_a_name_of_a_place_or_a_university_waits_for_a_person() -> None:
    listed = register_of([Organisation(ods_code="R0A", name="MANCHESTER UNIVERSITY NHS FOUNDATION TRUST")])
    assert listed.match("University of Manchester").certainty is Certainty.PROPOSED
    assert listed.match("Manchester Uni NHS FT").certainty is Certainty.CERTAIN
    assert listed.match("Anything", code="R0A").certainty is Certainty.AMBIGUOUS
