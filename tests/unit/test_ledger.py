"""The site's ledger: what left leaves again as it was, draws and charges are one transaction, edits are noticed."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from ledger_rounds import (
    FALLS,
    FEWER,
    HES,
    NOISE,
    REF,
    SEXES,
    answer_in,
    counted_of,
    measure_of,
    one_cell,
    question_of,
    rules_of,
)

from rounds.disclosure.bounded import State
from rounds.disclosure.budget import Budget
from rounds.disclosure.completeness import BoundedShare
from rounds.disclosure.gate import certify
from rounds.disclosure.gate.solver import Effort
from rounds.disclosure.policy import Policy, SitePolicy, Terms
from rounds.errors import DisclosureRefusal, RoundsError
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain
from rounds.site.noise import draw
from rounds.site.policies import adopt_policy, adopt_weaker
from rounds.site.releasing import Counted, keep, prepare
from rounds.storage.opt_out_ways import adopt_way
from rounds.storage.release_store import (
    RELEASE_SCHEMA,
    Answer,
    answered_rounds,
    charged,
    keep_answer,
    keep_draft,
    kept_cells,
    ledger_figures,
    policy_in_force,
    read_answer,
    refuse_altered,
)
from rounds.storage.sqlite_file import reading, transaction

TODAY = date(2025, 3, 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.mark.parametrize("policy", [HES, NOISE])
def test_a_cell_is_released_once_and_for_all(ledger: Path, policy: SitePolicy) -> None:
    (first,) = answer_in(ledger, counted_of(20, 40), policy=policy)
    (again,) = answer_in(ledger, counted_of(26, 41), policy=policy, round_id="later")
    assert again.cells.equals(first.cells)
    (longer,) = answer_in(ledger, counted_of(26, 41, months=(1, 2)), policy=policy, round_id="longer")
    assert longer.cells.filter(pl.col("period") == date(2025, 1, 1)).equals(first.cells)
    assert longer.cells.height == 6


def test_another_version_of_a_measure_is_drawn_for_itself(ledger: Path) -> None:
    (first,) = answer_in(ledger, counted_of(20, 40))
    (other,) = answer_in(ledger, counted_of(9, 28, measure=measure_of(version=2, more=True)))
    assert first.cells["numerator_value"].to_list() == [20, 40, 0]
    assert other.cells["numerator_value"].to_list() == [10, 30, 0]


def test_a_revision_is_counted_anew_and_a_second_one_refused(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40))
    (revised,) = answer_in(ledger, counted_of(33, 41), epoch=2)
    assert revised.cells["numerator_value"].to_list() == [35, 40, None]
    shown = ["numerator_state", "numerator_lower", "numerator_upper"]
    assert revised.cells.select(shown).rows() == [
        (State.ROUNDED, 33, 37),
        (State.ROUNDED, 24, 54),  # 40 stands: no more than seven have surely come or gone
        (State.WITHHELD, 0, 12),
    ]
    with pytest.raises(DisclosureRefusal, match="epoch 3 is asked for, and policy `hes` lets a number be released 2"):
        answer_in(ledger, counted_of(26, 40), epoch=3)


def test_what_only_waited_is_drawn_anew_under_a_stricter_policy(ledger: Path) -> None:
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=27))
    (waits,) = answer_in(ledger, counted_of(20, 40), left=False)
    (again,) = answer_in(ledger, counted_of(26, 40), left=False)
    assert again.cells.equals(waits.cells)
    (stricter,) = answer_in(ledger, counted_of(20, 40), policy=strict)
    assert stricter.cells["numerator_state"].to_list() == [State.WITHHELD, State.ROUNDED, State.EXACT]
    (left,) = answer_in(ledger, counted_of(20, 40), policy=HES)
    assert left.cells.equals(stricter.cells), "what has left stays as it is"


WAYS = [("", "one list", "without", "with"), ("one list", "", "with", "without")]


@pytest.mark.parametrize("policy", [HES, NOISE])
@pytest.mark.parametrize(("first", "other", "before", "now"), WAYS)
def test_with_and_without_opt_outs_never_both_leave(
    ledger: Path, policy: SitePolicy, first: str, other: str, before: str, now: str
) -> None:
    (released,) = answer_in(ledger, counted_of(20, 40), policy=policy, opt_outs=first)
    kept = ledger.read_bytes()
    says = f"has left this site was counted {before} opt-outs, and would be counted {now} them now: .* never release bo"
    same_under_other_names = (FALLS, measure_of(id="falls-again"), measure_of(version=2), measure_of(grain=Grain.YEAR))
    for measure in same_under_other_names:
        for months, epoch in (((1,), 1), ((1,), 2), ((2,), 1)):  # the same cells, a revision of them, other months
            with pytest.raises(DisclosureRefusal, match=says):
                answer_in(
                    ledger,
                    counted_of(20, 40, months=months, measure=measure),
                    policy=policy,
                    epoch=epoch,
                    opt_outs=other,
                )
    assert ledger.read_bytes() == kept
    (again,) = answer_in(ledger, counted_of(19, 38), policy=policy, opt_outs=first and "a newer list", round_id="later")
    assert again.cells.equals(released.cells), "another list of opt-outs changes nothing that has left"


@pytest.mark.parametrize(("first", "other", "before", "now"), WAYS)
def test_what_two_people_change_holds_for_days_that_have_not_left(
    ledger: Path, first: str, other: str, before: str, now: str
) -> None:
    (released,) = answer_in(ledger, counted_of(20, 40), opt_outs=first)
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        assert adopt_way(connection, opt_outs=bool(other), day=TODAY, adopted_by=("Ada", "Ben")) == 2
    (again,) = answer_in(ledger, counted_of(30, 60), opt_outs=other, round_id="again")
    assert again.cells.equals(released.cells), "what has left stays as it is"
    (later,) = answer_in(ledger, counted_of(30, 60, months=(2,)), opt_outs=other, round_id="later")
    assert later.cells["numerator_value"].to_list() == [30, 60, 0]
    says = (
        f"2025-01-01 to 2025-..-31 would be counted {now} opt-outs, and days up to 2025-01-31 have left {before} them"
    )
    for measure, epoch in ((FALLS, 2), (measure_of(id="falls-again"), 1), (measure_of(grain=Grain.YEAR), 1)):
        with pytest.raises(DisclosureRefusal, match=says):
            answer_in(ledger, counted_of(20, 40, measure=measure), opt_outs=other, epoch=epoch)
    with pytest.raises(DisclosureRefusal, match=f"was counted {now} opt-outs, and would be counted {before} them now"):
        answer_in(ledger, counted_of(20, 40, months=(3,)), opt_outs=first)


def test_a_count_over_all_dates_is_not_released_both_ways_for_other_dates_either(ledger: Path) -> None:
    ever = measure_of(grain=Grain.ALL)
    answer_in(ledger, counted_of(20, 40, measure=ever))
    other = counted_of(20, 40, measure=ever, days=(date(2024, 1, 1), date(2024, 12, 31)))
    with pytest.raises(DisclosureRefusal, match="would be counted with them now"):
        answer_in(ledger, other, opt_outs="one list")
    answer_in(ledger, other)


@pytest.mark.parametrize(("first", "other"), [("", "one list"), ("one list", ""), ("one list", "a newer list")])
def test_what_only_waited_is_counted_anew_with_another_list_of_opt_outs(ledger: Path, first: str, other: str) -> None:
    (waits,) = answer_in(ledger, counted_of(20, 40, missing=11), opt_outs=first, left=False)
    assert waits.completeness == (BoundedShare(name="sex", lower=90, upper=95),)
    (fresh,) = answer_in(ledger, counted_of(30, 60, missing=30), opt_outs=other)
    assert fresh.cells["numerator_value"].to_list() == [30, 60, 0]
    assert fresh.completeness == (BoundedShare(name="sex", lower=85, upper=90),)
    if not (first and other):
        with pytest.raises(DisclosureRefusal, match="never release both"):
            answer_in(ledger, counted_of(20, 40), opt_outs=first)


def test_how_complete_records_are_is_said_once_and_for_all(ledger: Path) -> None:
    (first,) = answer_in(ledger, counted_of(20, 40, missing=11))
    assert first.completeness == (BoundedShare(name="sex", lower=90, upper=95),)
    for round_id in ("later", "again"):
        (later,) = answer_in(ledger, counted_of(20, 40, missing=30), round_id=round_id)
        assert later.completeness == first.completeness, "one more row can cross a step, and would tell of itself"
    (other,) = answer_in(ledger, counted_of(20, 40, missing=30, measure=measure_of(version=2)))
    assert other.completeness == (BoundedShare(name="sex", lower=85, upper=90),)
    (revised,) = answer_in(ledger, counted_of(20, 40, missing=30), epoch=2)
    assert revised.completeness == (BoundedShare(name="sex", lower=85, upper=90),)
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=12))
    (still,) = answer_in(ledger, counted_of(20, 40, missing=30), policy=strict)
    assert still.completeness == first.completeness


def test_under_noise_nothing_is_said_of_how_complete_records_are(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40, missing=11))
    (noisy,) = answer_in(ledger.with_name("noisy.db"), counted_of(20, 40, missing=11), policy=NOISE)
    (again,) = answer_in(ledger, counted_of(20, 40, missing=11), policy=NOISE)
    assert noisy.completeness == again.completeness == ()
    with sqlite3.connect(ledger.with_name("noisy.db")) as open_file:
        assert open_file.execute("SELECT count(*) FROM shares").fetchone() == (0,)
    open_file.close()


def test_a_changed_share_is_noticed(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40, missing=11))
    with sqlite3.connect(ledger) as open_file:
        open_file.execute("UPDATE shares SET lower = 85, upper = 90")
    open_file.close()
    with pytest.raises(RoundsError, match="how complete the records of measure falls v1 are was changed"):
        answer_in(ledger, counted_of(20, 40, missing=11))


def test_noise_is_charged_once_and_refused_when_the_year_is_spent(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40), policy=NOISE)
    answer_in(ledger, counted_of(20, 40), policy=NOISE)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert charged(connection) == {2025: {(REF.digest, "2025-01-01", 1): 0.25}}
    answer_in(ledger, counted_of(20, 40), policy=NOISE, epoch=2)  # a revision costs as much again
    before = ledger.read_bytes()
    for numerators in ((20, 40), (0, 0), (3, 400)):  # whatever the records hold
        with pytest.raises(
            DisclosureRefusal, match=r"falls v1: the budget of 2025 is spent: 1 more periods cost 0\.25"
        ):
            answer_in(ledger, counted_of(*numerators, months=(2,)), policy=NOISE)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert kept_cells(connection, REF, SEXES, epoch=1, policy="any", opt_outs="").height == 3
    assert len(ledger.read_bytes()) == len(before)


def test_what_two_measures_of_one_request_cost_is_added_before_anything_is_drawn(ledger: Path) -> None:
    asked = (*counted_of(20, 40, months=(1, 2)), *counted_of(20, 40, measure=measure_of(id="others", more=True)))
    drawn: list[int] = []

    def counting(_: float, many: int) -> list[int]:
        drawn.append(many)
        return [0] * many

    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        with pytest.raises(DisclosureRefusal, match="others v1: the budget of 2025 is spent"):
            prepare(connection, rules_of(NOISE, asked, counting), asked, question=question_of())
        assert drawn == []
        prepare(connection, rules_of(NOISE, asked, counting), asked[:1], question=question_of())
    assert sum(drawn) == 12


def test_withheld_cells_are_kept_with_their_bounds(ledger: Path) -> None:
    (first,) = answer_in(ledger, counted_of(3, 0))
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        kept = kept_cells(connection, REF, SEXES, epoch=1, policy="any", opt_outs="")
    assert kept.select(first.cells.columns).sort("sex").equals(first.cells.sort("sex"))
    assert kept.filter(pl.col("sex") == "female")["numerator_state"].to_list() == [State.WITHHELD]


def test_a_transaction_that_fails_leaves_nothing(ledger: Path) -> None:
    def fail() -> None:
        with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
            counted = counted_of(20, 40)
            rules = rules_of(NOISE, counted, draw)
            prepared, _ = prepare(connection, rules, counted, question=question_of())
            keep(connection, prepared, rules, question=question_of(), round_id="r")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert kept_cells(connection, REF, SEXES, epoch=1, policy="any", opt_outs="").height == 0
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
    answer_in(ledger, counted_of(20, 40))
    subprocess.run([sys.executable, "-c", KILLED, str(ledger)], check=False)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert charged(connection) == {}
        assert kept_cells(connection, REF, SEXES, epoch=1, policy="any", opt_outs="").height == 3


def test_a_changed_cell_or_reply_is_noticed(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40))
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
            kept_cells(connection, REF, SEXES, epoch=1, policy="any", opt_outs="")
        with pytest.raises(RoundsError, match="the reply to round r was changed"):
            read_answer(connection, "r")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE answers SET reply = zeroblob(length(reply))",
        "UPDATE drafts SET draft = zeroblob(length(draft))",
        "UPDATE policies SET policy = replace(policy, 'hes', 'her')",
    ],
)
def test_what_a_half_written_page_has_changed_is_noticed_in_any_round(ledger: Path, change: str) -> None:
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        keep_answer(connection, "r1", Answer(request_digest="q", reply=b"reply"), day=TODAY)
        keep_draft(connection, "r1", b"draft", day=TODAY)
        adopt_policy(connection, HES, site="s", today=TODAY)
        refuse_altered(connection)
        connection.execute(change)
        with pytest.raises(RoundsError, match=r"ledger\.db: .* was changed after it was kept; restore"):
            refuse_altered(connection)


@pytest.fixture(params=["cut", "torn", "not SQLite"])
def damaged(request: pytest.FixtureRequest, ledger: Path) -> Path:
    answer_in(ledger, counted_of(20, 40, months=tuple(range(1, 13))))
    content = ledger.read_bytes()
    match request.param:
        case "cut":
            ledger.write_bytes(content[: len(content) // 2])
        case "torn":  # the last page was half written when the power went
            ledger.write_bytes(content[:-2048] + bytes(range(256)) * 8)
        case _:
            ledger.write_bytes(b"something else" * 500)
    return ledger


def test_a_damaged_file_is_refused_and_left_as_it_is(damaged: Path) -> None:
    before = damaged.read_bytes()
    with pytest.raises(RoundsError, match=r"ledger\.db: .*restore"):
        answer_in(damaged, counted_of(20, 40, months=tuple(range(1, 13))))
    assert damaged.read_bytes() == before


def test_only_its_owner_reads_it(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40))
    assert ledger.stat().st_mode & 0o077 == 0
    assert list(ledger.parent.iterdir()) == [ledger]


def test_a_weaker_policy_is_refused_until_two_people_adopt_it(ledger: Path) -> None:
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=12))
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        assert (first := adopt_policy(connection, HES, site="s", today=TODAY)) is not None
        assert (first.round_id, first.party) == ("policy-1", "s")
        assert adopt_policy(connection, HES, site="s", today=TODAY) is None
        assert adopt_policy(connection, strict, site="s", today=TODAY) is not None
        with pytest.raises(DisclosureRefusal, match=r"policy `hes` is weaker than `strict`.*1 to 12 are withheld"):
            adopt_policy(connection, HES, site="s", today=TODAY)
        for people, said in ((("Eve", " eve"), "two different people"), (("A", "Eve"), "A wrote policy `hes`")):
            with pytest.raises(DisclosureRefusal, match=said):
                adopt_weaker(connection, HES, today=TODAY, people=people)
        assert policy_in_force(connection) == strict
        event = adopt_weaker(connection, HES, today=TODAY, people=("Eve", "Ada"))
        assert (event.round_id, event.party, event.digest) == ("policy-3", "Eve and Ada", HES.digest)
        assert policy_in_force(connection) == HES
        assert adopt_policy(connection, HES, site="s", today=TODAY) is None


def _of_year(
    measure: Measure, *numerators: int, denominators: tuple[int, int], months: tuple[int, ...] = (1,)
) -> Counted:
    return counted_of(*numerators, months=months, measure=measure, denominators=denominators)[0]


def test_a_complement_of_few_people_is_not_left_to_be_subtracted(ledger: Path) -> None:
    counted = (_of_year(FALLS, 98, 40, denominators=(101, 500)),)
    (released,) = answer_in(ledger, counted)
    row = released.cells.row(0, named=True)  # 100 of 100 by rounding: 0 to 4 are left, and it is 3
    assert (row["numerator_state"], row["numerator_value"]) == (State.WITHHELD, None)
    assert (row["numerator_lower"], row["numerator_upper"]) == (0, 102)
    assert row["denominator_value"] == 100
    assert released.cells.row(1, named=True)["numerator_value"] == 40
    (again,) = answer_in(ledger, counted, round_id="later")
    assert again.cells.equals(released.cells)


def test_a_part_is_withheld_where_another_measure_shows_nearly_as_many(ledger: Path) -> None:
    fewer = measure_of(id="fell-on-a-visit", more=True)
    january = (_of_year(FALLS, 40, 33, denominators=(500, 500)), _of_year(fewer, 0, 28, denominators=(500, 500)))
    whole, part = answer_in(ledger, january)  # 33 to 37 and 28 to 32: between 1 and 9 are left
    assert whole.cells["numerator_value"].to_list() == [40, 35, 0]
    assert part.cells["numerator_value"].to_list() == [0, 30, 0]
    february = (
        _of_year(FALLS, 40, 34, denominators=(500, 500), months=(2,)),
        _of_year(fewer, 0, 33, denominators=(500, 500), months=(2,)),
    )
    whole, part = answer_in(ledger, february, round_id="later")  # both are shown as 35: 0 to 4 are left, and it is 1
    assert whole.cells["numerator_value"].to_list() == [40, 35, 0]
    assert part.cells["numerator_state"].to_list() == [State.EXACT, State.WITHHELD, State.EXACT]


def test_what_has_left_before_is_looked_at_too(ledger: Path) -> None:
    fewer = measure_of(id="fell-on-a-visit", more=True)
    answer_in(ledger, (_of_year(FALLS, 0, 10, denominators=(500, 500)),))
    counted = (_of_year(fewer, 0, 3, denominators=(500, 500)),)
    question, rules = question_of(), rules_of(HES, counted, draw)
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        (prepared,), _ = prepare(connection, rules, counted, question=question)
    assert prepared.released.cells["numerator_state"].to_list() == [State.EXACT, State.WITHHELD, State.EXACT]
    assert prepared.released.cells["numerator_upper"].to_list() == [0, 7, 0]


def test_what_can_be_worked_out_from_margins_of_another_measure_is_withheld(ledger: Path) -> None:
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=12))
    everybody = replace(FALLS, id="falls-of-everybody", strata=())
    rows = [("RX1", date(2025, 1, 1), 39, 1000)]
    cells = pl.DataFrame(rows, schema=count_schema(()), orient="row")
    (by_sex,) = counted_of(9, 30)
    whole = Counted(
        measure=everybody,
        periods=by_sex.periods,
        count=Count(measure=everybody.ref, strata=(), cells=cells),
        completeness=(),
    )
    (alone,) = answer_in(ledger.with_name("alone.db"), (by_sex,), policy=strict)
    assert alone.cells["numerator_value"].to_list() == [None, 30, 0]
    # 28 to 32 men and 38 to 42 people: 6 to 10 women, where the policy owes 1 to 10.
    first, second = answer_in(ledger, (by_sex, whole), policy=strict)
    shown = [*first.cells["numerator_value"], *second.cells["numerator_value"]]
    assert shown in ([None, None, 0, 40], [None, 30, 0, None])


def test_a_solver_that_settles_nothing_withholds_all_that_is_tied(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In doubt nothing shows of the group: neither the numbers in danger, nor what they are parts of."""
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=12))
    (by_sex,) = counted_of(9, 30)
    whole = one_cell(replace(FALLS, id="falls-of-everybody", strata=()), 39, 1000)
    monkeypatch.setattr(certify, "Effort", lambda: Effort(steps=0, nodes=0))
    first, second = answer_in(ledger, (by_sex, whole), policy=strict)
    for released in (first, second):
        assert set(released.cells["numerator_state"]) | set(released.cells["denominator_state"]) == {State.WITHHELD}
        assert (released.cells["numerator_upper"] >= 1000).all(), "bounds that no number decides"


def test_what_waits_under_another_policy_is_forgotten_and_ties_nothing(ledger: Path) -> None:
    """It never left, and never will: it would be counted anew."""
    strict = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=12))
    answer_in(ledger, counted_of(0, 40, measure=FEWER), left=False)
    (now,) = answer_in(ledger, counted_of(0, 41), policy=strict, known=(FEWER,))
    assert now.cells["numerator_value"].to_list() == [0, 40, 0]


def test_counts_over_nearly_the_same_dates_are_refused(ledger: Path) -> None:
    ever = measure_of(id="ever", grain=Grain.ALL)
    answer_in(ledger, counted_of(20, 40, measure=ever))
    days = (date(2025, 1, 1), date(2025, 12, 30))
    with pytest.raises(DisclosureRefusal, match=r"ever v1: it was released for .* differs by 1 days"):
        answer_in(ledger, counted_of(20, 40, measure=ever, days=days))
    (same,) = answer_in(ledger, counted_of(26, 40, measure=ever))
    assert same.cells["numerator_value"].to_list() == [20, 40, 0]
    other = (date(2025, 1, 1), date(2025, 6, 30))
    (half,) = answer_in(ledger, counted_of(12, 20, measure=ever, days=other))
    assert half.cells["numerator_value"].to_list() == [10, 20, 0]


def test_what_was_withheld_in_an_earlier_round_stays_protected(ledger: Path) -> None:
    everybody = replace(FALLS, id="falls-of-everybody", strata=())
    (by_sex,) = counted_of(7, 101, denominators=(500, 500))
    cells = pl.DataFrame([("RX1", date(2025, 1, 1), 108, 1000)], schema=count_schema(()), orient="row")
    count = Count(measure=everybody.ref, strata=(), cells=cells)
    whole = Counted(measure=everybody, periods=by_sex.periods, count=count, completeness=())
    (first,) = answer_in(ledger, (by_sex,))
    assert first.cells["numerator_value"].to_list() == [None, 100, 0]
    # 98 to 102 men and 108 to 112 people: 6 or 7 women, where 1 to 7 are owed.
    (second,) = answer_in(ledger, (whole,), round_id="later", known=(FALLS,))
    assert second.cells["numerator_state"].to_list() == [State.WITHHELD]
    (again,) = answer_in(ledger, (by_sex,), round_id="again", known=(everybody,))
    assert again.cells.equals(first.cells), "what has left is never withheld"


def test_a_difference_to_what_has_left_is_looked_at(ledger: Path) -> None:
    fewer = measure_of(id="fell-on-a-visit", more=True)
    answer_in(ledger, (_of_year(fewer, 0, 40, denominators=(500, 500)),))
    (later,) = answer_in(ledger, (_of_year(FALLS, 0, 41, denominators=(500, 500)),), round_id="later", known=(fewer,))
    assert later.cells["numerator_state"].to_list() == [State.EXACT, State.WITHHELD, State.EXACT]
    other = measure_of(id="others", version=3)
    (same,) = answer_in(
        ledger, (_of_year(other, 0, 41, denominators=(500, 500)),), round_id="third", known=(fewer, FALLS)
    )
    assert same.cells["numerator_state"].to_list() == [State.EXACT, State.WITHHELD, State.EXACT]


@pytest.mark.parametrize("known", [(), (replace(FALLS, per=1000, grain=Grain.QUARTER),)])
def test_what_left_by_a_meaning_that_the_library_has_no_more_is_not_tied(
    ledger: Path, known: tuple[Measure, ...]
) -> None:
    """Its cells stand for something that nothing is known of any more; another meaning under its name is not it."""
    fewer = measure_of(id="fell-on-a-visit", more=True)
    answer_in(ledger, (_of_year(FALLS, 0, 41, denominators=(500, 500)),))
    counted = (_of_year(fewer, 0, 40, denominators=(500, 500)),)
    library = replace(rules_of(HES, counted, draw).library, measures=(fewer, *known))
    rules = replace(rules_of(HES, counted, draw), library=library)
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        (prepared,), _ = prepare(connection, rules, counted, question=question_of())
    assert prepared.released.cells["numerator_value"].to_list() == [0, 40, 0]


def test_records_that_came_late_do_not_stop_the_gate(ledger: Path) -> None:
    answer_in(ledger, counted_of(0, 0))
    everybody = replace(FALLS, id="falls-of-everybody", strata=())
    (by_sex,) = counted_of(0, 3)
    cells = pl.DataFrame([("RX1", date(2025, 1, 1), 3, 1000)], schema=count_schema(()), orient="row")
    count = Count(measure=everybody.ref, strata=(), cells=cells)
    whole = Counted(measure=everybody, periods=by_sex.periods, count=count, completeness=())
    counted, question = (by_sex, whole), question_of(as_of=date(2026, 6, 1))
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        prepared, told = prepare(connection, rules_of(HES, counted, draw), counted, question=question)
    assert prepared[0].released.cells["numerator_value"].to_list() == [0, 0, 0]
    assert prepared[1].released.cells["numerator_state"].to_list() == [State.WITHHELD]
    assert told == ()


def test_a_period_of_several_years_costs_in_each(ledger: Path) -> None:
    ever = measure_of(id="ever", grain=Grain.ALL)
    days = (date(2023, 1, 1), date(2024, 12, 31))
    answer_in(ledger, counted_of(20, 40, measure=ever, days=days), policy=NOISE)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert {year: list(periods.values()) for year, periods in charged(connection).items()} == {
            2023: [0.25],
            2024: [0.25],
        }


def test_a_redraw_is_charged_on_top(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40), policy=NOISE, left=False)
    wider = replace(NOISE, terms=Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=1.0, periods_per_year=2)))
    answer_in(ledger, counted_of(20, 40), policy=wider)
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert charged(connection)[2025] == {(REF.digest, "2025-01-01", 1): 0.75}


def test_figures_tell_how_much_has_left_and_nothing_about_patients(ledger: Path) -> None:
    answer_in(ledger, counted_of(3, 40))
    with reading(ledger, schema=RELEASE_SCHEMA) as connection:
        assert ledger_figures(connection) == (
            "0 rounds answered",
            "3 cells released by rule hes, in 1 of them a number is withheld",
        )
