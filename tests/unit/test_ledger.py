"""The site's ledger: what left leaves again as it was, draws and charges are one transaction, edits are noticed."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rounds.disclosure.bounded import State
from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, SitePolicy, Terms
from rounds.disclosure.release import Released
from rounds.errors import DisclosureRefusal, RoundsError
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.measures.strata import Stratum
from rounds.site.noise import draw
from rounds.site.releasing import Counted, adopt_policy, adopt_weaker, keep, prepare
from rounds.storage.release_store import (
    RELEASE_SCHEMA,
    Answer,
    answered_rounds,
    charged,
    keep_answer,
    kept_cells,
    mark_left,
    policy_in_force,
    read_answer,
)
from rounds.storage.sqlite_file import reading, transaction

REF = MeasureRef(id="falls", version=1, digest="a" * 64)
TODAY = date(2025, 3, 1)
HES = SitePolicy(name="hes", terms=Terms(rule=Policy.HES), author="A", reviewer="B", next_review=date(2027, 1, 1))
NOISE = replace(HES, name="noise", terms=Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=0.5, periods_per_year=2)))
SEXES = (Stratum.SEX,)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def _counted(*numerators: int, months: tuple[int, ...] = (1,), ref: MeasureRef = REF) -> tuple[Counted, ...]:
    """Return counts by sex: the numerators of women and of men, the same in each month."""
    rows = [
        ("RX1", date(2025, month, 1), sex, numerator, 500)
        for month in months
        for sex, numerator in zip(("female", "male"), numerators, strict=True)
    ]
    frame = pl.DataFrame(rows, schema=count_schema(SEXES), orient="row")
    return ((Count(measure=ref, strata=SEXES, cells=frame), ()),)


def _answer(
    ledger: Path,
    counted: tuple[Counted, ...],
    *,
    policy: SitePolicy = HES,
    epoch: int = 1,
    round_id: str = "r",
    left: bool = True,
) -> tuple[Released, ...]:
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        prepared = prepare(connection, policy, counted, epoch=epoch, already_public=False, draw=draw)
        released = keep(connection, prepared, policy, epoch=epoch, round_id=round_id)
        if left:
            digests = [count.measure.digest for count, _ in counted]
            mark_left(connection, digests, epoch=epoch, first=date(2025, 1, 1), last=date(2025, 12, 31))
        return released


@pytest.mark.parametrize("policy", [HES, NOISE])
def test_a_cell_is_released_once_and_for_all(ledger: Path, policy: SitePolicy) -> None:
    (first,) = _answer(ledger, _counted(20, 40), policy=policy)
    (again,) = _answer(ledger, _counted(26, 41), policy=policy, round_id="later")
    assert again.cells.equals(first.cells)
    (longer,) = _answer(ledger, _counted(26, 41, months=(1, 2)), policy=policy, round_id="longer")
    assert longer.cells.filter(pl.col("period") == date(2025, 1, 1)).equals(first.cells)
    assert longer.cells.height == 4


def test_another_version_of_a_measure_is_drawn_for_itself(ledger: Path) -> None:
    (first,) = _answer(ledger, _counted(20, 40))
    (other,) = _answer(ledger, _counted(26, 40, ref=replace(REF, version=2, digest="b" * 64)))
    assert first.cells["numerator_value"].to_list() == [20, 40]
    assert other.cells["numerator_value"].to_list() == [25, 40]


def test_a_revision_is_counted_anew_and_a_second_one_refused(ledger: Path) -> None:
    _answer(ledger, _counted(20, 40))
    (revised,) = _answer(ledger, _counted(26, 40), epoch=2)
    assert revised.cells["numerator_value"].to_list() == [25, 40]
    with pytest.raises(DisclosureRefusal, match="epoch 3 is asked for, and policy `hes` lets a number be released 2"):
        _answer(ledger, _counted(26, 40), epoch=3)


def test_what_only_waited_is_drawn_anew_under_a_stricter_policy(ledger: Path) -> None:
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=25))
    (waits,) = _answer(ledger, _counted(20, 40), left=False)
    (again,) = _answer(ledger, _counted(26, 40), left=False)
    assert again.cells.equals(waits.cells)
    (stricter,) = _answer(ledger, _counted(20, 40), policy=strict)
    assert stricter.cells["numerator_state"].to_list() == [State.WITHHELD, State.ROUNDED]
    (left,) = _answer(ledger, _counted(20, 40), policy=HES)
    assert left.cells.equals(stricter.cells), "what has left stays as it is"


def test_noise_is_charged_once_and_refused_when_the_year_is_spent(ledger: Path) -> None:
    _answer(ledger, _counted(20, 40), policy=NOISE)
    _answer(ledger, _counted(20, 40), policy=NOISE)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert charged(connection) == {2025: {(REF.digest, "2025-01-01", 1): 0.25}}
    _answer(ledger, _counted(20, 40), policy=NOISE, epoch=2)  # a revision costs as much again
    before = ledger.read_bytes()
    for numerators in ((20, 40), (0, 0), (3, 400)):  # whatever the records hold
        with pytest.raises(
            DisclosureRefusal, match=r"falls v1: the budget of 2025 is spent: 1 more periods cost 0\.25"
        ):
            _answer(ledger, _counted(*numerators, months=(2,)), policy=NOISE)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert kept_cells(connection, REF, SEXES, epoch=1, policy="any").height == 2
    assert len(ledger.read_bytes()) == len(before)


def test_what_two_measures_of_one_request_cost_is_added_before_anything_is_drawn(ledger: Path) -> None:
    other = replace(REF, id="others", digest="b" * 64)
    asked = (*_counted(20, 40, months=(1, 2)), *_counted(20, 40, ref=other))
    drawn: list[int] = []

    def counting(_: float, many: int) -> list[int]:
        drawn.append(many)
        return [0] * many

    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        with pytest.raises(DisclosureRefusal, match="others v1: the budget of 2025 is spent"):
            prepare(connection, NOISE, asked, epoch=1, already_public=False, draw=counting)
        assert drawn == []
        prepare(connection, NOISE, asked[:1], epoch=1, already_public=False, draw=counting)
    assert sum(drawn) == 8


def test_withheld_cells_are_kept_with_their_bounds(ledger: Path) -> None:
    (first,) = _answer(ledger, _counted(3, 0))
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        kept = kept_cells(connection, REF, SEXES, epoch=1, policy="any")
    assert kept.sort("sex").equals(first.cells.sort("sex"))
    assert kept.filter(pl.col("sex") == "female")["numerator_state"].to_list() == [State.WITHHELD]


def test_a_transaction_that_fails_leaves_nothing(ledger: Path) -> None:
    def fail() -> None:
        with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
            prepared = prepare(connection, NOISE, _counted(20, 40), epoch=1, already_public=False, draw=draw)
            keep(connection, prepared, NOISE, epoch=1, round_id="r")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert kept_cells(connection, REF, SEXES, epoch=1, policy="any").height == 0
        assert charged(connection) == {}


KILLED = """
import os, signal, sys
from pathlib import Path
from rounds.storage.release_store import RELEASE_SCHEMA
from rounds.storage.sqlite_file import transaction
with transaction(Path(sys.argv[1]), schema=RELEASE_SCHEMA) as connection:
    connection.execute("INSERT INTO charges VALUES (2025, 'd', '2025-01-01', 1, 0.5, 'm', 'r')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_in_the_middle_leaves_nothing(ledger: Path) -> None:
    _answer(ledger, _counted(20, 40))
    subprocess.run([sys.executable, "-c", KILLED, str(ledger)], check=False)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert charged(connection) == {}
        assert kept_cells(connection, REF, SEXES, epoch=1, policy="any").height == 2


def test_a_changed_cell_or_reply_is_noticed(ledger: Path) -> None:
    _answer(ledger, _counted(20, 40))
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        keep_answer(connection, "r", Answer(request_digest="q", reply=b"reply"), day=TODAY)
    for change in (
        "UPDATE cells SET numerator_value = 45 WHERE stratum LIKE '%female%'",
        "UPDATE answers SET reply = x'00'",
    ):
        with sqlite3.connect(ledger) as open_file:
            open_file.execute(change)
        open_file.close()
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert answered_rounds(connection) == (("r", "q"),)
        with pytest.raises(RoundsError, match="a cell of measure falls v1, period 2025-01-01, was changed"):
            kept_cells(connection, REF, SEXES, epoch=1, policy="any")
        with pytest.raises(RoundsError, match="the reply to round r was changed"):
            read_answer(connection, "r")


@pytest.fixture(params=["cut", "torn", "not SQLite"])
def damaged(request: pytest.FixtureRequest, ledger: Path) -> Path:
    _answer(ledger, _counted(20, 40, months=tuple(range(1, 13))))
    content = ledger.read_bytes()
    match request.param:
        case "cut":
            ledger.write_bytes(content[:-2000])
        case "torn":  # the last page was half written when the power went
            ledger.write_bytes(content[:-2048] + bytes(range(256)) * 8)
        case _:
            ledger.write_bytes(b"something else" * 500)
    return ledger


def test_a_damaged_file_is_refused_and_left_as_it_is(damaged: Path) -> None:
    before = damaged.read_bytes()
    with pytest.raises(RoundsError, match=r"ledger\.db: .*restore"):
        _answer(damaged, _counted(20, 40, months=tuple(range(1, 13))))
    assert damaged.read_bytes() == before


def test_only_its_owner_reads_it(ledger: Path) -> None:
    _answer(ledger, _counted(20, 40))
    assert ledger.stat().st_mode & 0o077 == 0
    assert list(ledger.parent.iterdir()) == [ledger]


def test_a_weaker_policy_is_refused_until_two_people_adopt_it(ledger: Path) -> None:
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=10))
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        assert (first := adopt_policy(connection, HES, site="s", today=TODAY)) is not None
        assert (first.round_id, first.party) == ("policy-1", "s")
        assert adopt_policy(connection, HES, site="s", today=TODAY) is None
        assert adopt_policy(connection, strict, site="s", today=TODAY) is not None
        with pytest.raises(DisclosureRefusal, match=r"policy `hes` is weaker than `strict`.*1 to 10 are withheld"):
            adopt_policy(connection, HES, site="s", today=TODAY)
        for people, said in ((("Eve", " eve"), "two different people"), (("A", "Eve"), "A wrote policy `hes`")):
            with pytest.raises(DisclosureRefusal, match=said):
                adopt_weaker(connection, HES, today=TODAY, people=people)
        assert policy_in_force(connection) == strict
        event = adopt_weaker(connection, HES, today=TODAY, people=("Eve", "Ada"))
        assert (event.round_id, event.party, event.digest) == ("policy-3", "Eve and Ada", HES.digest)
        assert policy_in_force(connection) == HES
        assert adopt_policy(connection, HES, site="s", today=TODAY) is None
