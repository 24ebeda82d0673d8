"""A quarterly return: sums that add up as shown, what counts where, what is said when it is not complete."""

import csv
import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import benefit_cases as given
import openpyxl
import pytest
import reports_fixture
from benefit_cases import made, year_of

from rounds.errors import DefinitionError
from rounds.learning.benefit.reconcile import Unreconciled
from rounds.learning.benefit.rules import FIRST_IN_EFFECT, RULES, SPLIT_EVENLY, RuleBook
from rounds.learning.benefit.totals import Quarter
from rounds.network.successions import Succession, Successions
from rounds.reports.benefit_files import RETURN_FOLDER, RETURN_WORKBOOK, write_return
from rounds.reports.content.benefit import benefit_insight
from rounds.reports.content.benefit_lines import ALL_PROGRAMMES, Level, Span, check_lines
from rounds.reports.content.benefit_nation import national_lines
from rounds.reports.insight import Certainty, Direction
from rounds.storage.benefit_rule_files import read_rule_book

MONTHS = given.months()


def test_shown_parts_are_the_sums_of_shown_totals_everywhere() -> None:
    found = made(given.statement(year_of("X1") + year_of("X2", -0.6) + year_of("X3", 2.77)))
    whole = next(line for line in found.of(Level.NETWORK, Span.ALL))
    quarters, sites = found.of(Level.NETWORK, Span.QUARTER), found.of(Level.SITE, Span.ALL)
    assert whole.shown == sum(line.shown or 0 for line in quarters) == sum(line.shown or 0 for line in sites)
    assert abs((whole.shown or 0) - 12 * 3.57) < 1
    assert [line.window.label for line in found.of(Level.NETWORK, Span.YEAR)] == ["2023/24", "2024/25 to Dec 2024"]
    naive = sum(
        round(line.total.benefited.value) for line in found.of(Level.SITE, Span.QUARTER) if line.total.benefited
    )
    assert naive != whole.shown, "the case is one in which rounding each by itself does not add up"


def test_a_return_that_does_not_add_up_is_not_made() -> None:
    lines = list(made(given.statement(year_of("X1") + year_of("X2"))).lines)
    check_lines(lines, what="the return")
    for at, line in enumerate(lines):
        wrong = [*lines[:at], replace(line, shown=(line.shown or 0) + 1), *lines[at + 1 :]]
        with pytest.raises(Unreconciled, match=r"the return: .*not published"):
            check_lines(wrong, what="the return")
        if line.total.benefited is not None:
            off = replace(line.total.benefited, value=line.total.benefited.value + 0.01)
            wrong[at] = replace(line, total=replace(line.total, benefited=off))
            with pytest.raises(Unreconciled, match=r"before rounding: .*not published"):
                check_lines(wrong, what="the return")
    region = next(line for line in lines if line.level is Level.REGION)
    with pytest.raises(Unreconciled, match="the network"):
        check_lines([line for line in lines if line is not region], what="the return")


def test_two_programmes_on_one_measure_count_each_event_once() -> None:
    one = given.statement(year_of("X1", 3.0) + year_of("X2", 3.0))
    two = given.statement(year_of("X1", 5.0, since=date(2023, 1, 1)), innovation="outreach")
    found = made(one, two)
    whole = {line.innovation: line for line in found.of(Level.NETWORK, Span.ALL)}
    values = {name: line.total.benefited.value for name, line in whole.items() if line.total.benefited}
    assert values == pytest.approx({"news2": 54.0, "outreach": 30.0, ALL_PROGRAMMES: 84.0})
    assert (whole["news2"].total.shared, whole[ALL_PROGRAMMES].total.shared) == (12, 24)
    reached = whole[ALL_PROGRAMMES].total.reached
    assert (reached.lower, reached.upper) == (2400, 24 * 104), "the same admissions of X1 count once"
    first = made(one, two, book=RuleBook(overlap=((date(2020, 1, 1), FIRST_IN_EFFECT),)))
    values = {
        line.innovation: line.total.benefited.value
        for line in first.of(Level.NETWORK, Span.ALL)
        if line.total.benefited
    }
    assert values == pytest.approx({"news2": 36.0, "outreach": 60.0, ALL_PROGRAMMES: 96.0})
    assert str(SPLIT_EVENLY) not in [str(rule) for rule in first.rules]
    assert str(FIRST_IN_EFFECT) in [str(rule) for rule in first.rules]


def test_a_changed_rule_restates_with_both_numbers(tmp_path: Path) -> None:
    one = given.statement(year_of("X1", 3.0))
    two = given.statement(year_of("X1", 5.0), innovation="outreach")
    (tmp_path / "benefit_rules.csv").write_text("rule,since\nsplit-evenly@1,2020-01-01\nfirst-in-effect@1,2025-01-01\n")
    book = read_rule_book(tmp_path / "benefit_rules.csv")
    assert made(one, two, book=book, as_of=date(2024, 12, 31)).restated == ()
    found = made(one, two, book=book)
    both = {
        restated.line.innovation: (restated.line.total.benefited.value, restated.before.benefited.value)
        for restated in found.restated
        if restated.line.window.span is Span.ALL and restated.line.total.benefited and restated.before.benefited
    }
    due = {"news2": (36.0, 18.0), "outreach": (0.0, 30.0), ALL_PROGRAMMES: (36.0, 48.0)}
    assert both.keys() == due.keys()
    assert all(both[name] == pytest.approx(due[name]) for name in due)
    write_return(tmp_path, found, code_version="0")
    rows = list(csv.DictReader(io.StringIO((tmp_path / RETURN_FOLDER / "restated.csv").read_text())))
    assert {(row["Now by"], row["Before by"]) for row in rows} == {("first-in-effect@1", "split-evenly@1")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rule,since\nhalf@1,2020-01-01\n", r"line 2: there is no rule `half@1`"),
        ("rule,since\nsplit-evenly@1,2020-01-01\nfirst-in-effect@1,2020-01-01\n", "from different days"),
        ("rule,since\n", "from different days"),
    ],
)
def test_a_rule_book_that_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "benefit_rules.csv").write_text(text)
    with pytest.raises(DefinitionError, match=says):
        read_rule_book(tmp_path / "benefit_rules.csv")
    with pytest.raises(DefinitionError, match="no rule for overlapping programmes holds"):
        RuleBook(overlap=((date(2025, 1, 1), SPLIT_EVENLY),)).at(date(2024, 1, 1))


def test_a_member_counts_while_it_belongs_and_under_its_successor_after_a_merger() -> None:
    statement = given.statement(year_of("X1") + year_of("X2"))
    found = made(statement, left={"X2": date(2024, 7, 1)})
    whole = found.of(Level.NETWORK, Span.ALL)[0]
    assert whole.total.entries == 18
    assert any("6 site-periods at X2 are not counted" in note for note in found.notes)
    merged = made(
        statement,
        left={"X2": date(2024, 7, 1)},
        counts_under=Successions(all=(Succession(old_code="X2", new_code="X1", day=date(2024, 7, 1)),)).counts_under,
    )
    by_site = {line.scope: line.total.entries for line in merged.of(Level.SITE, Span.ALL)}
    assert by_site == {"X1": 18, "X2": 6}
    assert merged.notes[-1] != found.notes[-1]
    assert (whole.total.sites, found.sites["news2", "cardiac-arrests"]) == (2, 2)
    assert (merged.members, merged.sites["news2", "cardiac-arrests"]) == (found.members, 1)
    into_two = [Succession(old_code="X2", new_code=new, day=date(2024, 7, 1)) for new in ("X1", "X3")]
    assert Successions(all=tuple(into_two)).counts_under("X2", date(2024, 8, 1)) == "X2", "divided: nobody's"


def test_a_total_over_two_definitions_says_so() -> None:
    older = given.statement(
        [one for one in year_of("X1") if one.start.month < 7], last=date(2024, 6, 30), data_as_of=date(2024, 7, 1)
    )
    newer = given.statement(
        [one for one in year_of("X1") if one.start.month > 6], measure="cardiac-arrests v2", first=date(2024, 7, 1)
    )
    said = (
        "Totals of cardiac-arrests add up numbers of several definitions: cardiac-arrests v1 from 2024-01-01 to "
        "2024-06-30 and cardiac-arrests v2 from 2024-07-01 to 2024-12-31. Have the later one counted over the whole "
        "time to compare them."
    )
    assert said in made(older, newer).notes
    assert not any("several definitions" in note for note in made(newer).notes)


def test_a_quarter_that_is_not_complete_says_why() -> None:
    whole = given.statement(year_of("X1"), members=("X1", "X2", "X3"))
    assert made(whole).incomplete == ()
    early = made(given.statement(year_of("X1"), data_as_of=date(2024, 12, 31)), as_of=date(2024, 12, 15))
    assert "The quarter ends on 2024-12-31, after the day of this return (2024-12-15)." in early.incomplete
    short = given.statement(
        [one for one in year_of("X1") if one.start.month < 12], last=date(2024, 11, 30), members=("X1", "X2")
    )
    said = " ".join(made(short).incomplete)
    assert "the numbers end on 2024-11-30, and the quarter on 2024-12-31" in said
    assert "no numbers came from X3 Hospital" in said
    untold = replace(whole, entries=tuple(replace(one, avoided=None) for one in whole.entries))
    (because,) = made(untold).incomplete
    assert "In 3 of 3 site-periods of the quarter nothing can be expected" in because
    assert {line.shown for line in made(untold).lines} == {None}


def test_there_is_no_return_for_a_quarter_of_which_nothing_is_known() -> None:
    statement = given.statement(year_of("X1"))
    with pytest.raises(DefinitionError, match="Jan to Mar 2026 has not begun on 2025-01-14"):
        made(statement, quarter=Quarter(year=2026, number=1))
    with pytest.raises(DefinitionError, match="no entry for Jan to Mar 2025"):
        made(statement, quarter=Quarter(year=2025, number=1), as_of=date(2025, 6, 1))
    with pytest.raises(DefinitionError, match="no entry for Oct to Dec 2023"):
        made(statement, quarter=Quarter(year=2023, number=4))


def test_harm_stays_in_and_is_said() -> None:
    found = made(given.statement(year_of("X1", 4.0) + year_of("X2", -3.0)))
    assert any(line.shown == -36 for line in found.of(Level.SITE, Span.ALL))
    assert found.of(Level.NETWORK, Span.ALL)[0].shown == 12
    assert any(note.startswith("At X2 Hospital it got worse, beyond chance.") for note in found.notes)


CHANGE = "there were 48 {} cardiac arrests in hospital than expected without it (95% CI 41 to 55)"


@pytest.mark.parametrize(
    ("value", "gained", "words", "direction"),
    [
        (4.0, False, CHANGE.format("fewer"), Direction.BETTER),
        (4.0, True, CHANGE.format("more"), Direction.BETTER),
        (-4.0, False, CHANGE.format("more"), Direction.WORSE),
        (0.1, False, "whether anybody benefited is not clear: -6 to +8 cardiac arrests", Direction.NO_CHANGE),
        (None, False, "how many benefited cannot be said", Direction.NEUTRAL),
    ],
)
def test_an_insight_never_calls_reached_benefited(
    value: float | None, gained: bool, words: str, direction: Direction
) -> None:
    statement = given.statement(
        [given.entry("X1", *month, value) for month in MONTHS], gained=gained, members=("X1", "X2", "X3")
    )
    insight = benefit_insight(
        made(statement), statement, level=Certainty.MODERATE, because="Because.", provenance=reports_fixture.PROVENANCE
    )
    assert insight.statement.startswith("“NEWS2” reached 1,200 to 1,248 admissions (not patients) at 1 site of 3; ")
    assert words in insight.statement
    assert insight.direction is direction
    assert (insight.benefit is not None) == (direction is Direction.BETTER)


def test_the_workbook_and_the_csv_files_hold_the_same_numbers(tmp_path: Path) -> None:
    title = '=HYPERLINK("http://x")'
    statement = replace(given.statement(year_of("X1") + year_of("X2", 2.3)), innovation_title=title)
    written = write_return(tmp_path, made(statement), code_version="0.1.0")
    assert write_return(tmp_path, made(statement), code_version="0.1.0") == written
    book = openpyxl.load_workbook(tmp_path / RETURN_WORKBOOK)
    assert book.sheetnames[:3] == ["cover", "contents", "notes"]
    for name in book.sheetnames[3:]:
        assert len(book[name].tables) == 1, name
    cover = {row[0].value: row[1].value for row in book["cover"].iter_rows(min_row=3)}
    assert cover["Quarter"] == "Oct to Dec 2024: quarter 3 of 2024/25 (2024-Q4 of the calendar)"
    assert cover["Complete"].startswith("NO: ")
    assert "split-evenly@1" in cover["Rules"]
    sheet = book[next(name for name in book.sheetnames if name.startswith("return-for"))]
    header = [cell.value for cell in sheet[3]]
    rows = list(csv.reader(io.StringIO((tmp_path / RETURN_FOLDER / "return.csv").read_text())))
    assert rows[0] == header
    assert rows[1][0] == f"'{title}", "no cell runs as a formula"
    at = header.index("Benefited")
    assert [sheet.cell(row=4 + row, column=at + 1).value for row in range(3)] == [int(row[at]) for row in rows[1:]]


def test_a_nation_is_the_sum_of_its_networks() -> None:
    north = made(given.statement(year_of("X1", 1.4, own=9.0)))
    south = made(given.statement(year_of("Y1", 2.4, own=16.0), network="south"), codes=("Y1",))
    south = replace(south, asked=replace(south.asked, network_id="south", network_name="South"))
    found = {line.label: line for line in national_lines([north, south])}
    whole = found["since the start"]
    assert whole.shown == sum(value or 0 for _, value in whole.parts)
    assert (whole.networks, whole.sites, whole.reached_lower) == (2, 2, 2400)
    assert (whole.upper - whole.lower) / 2 == pytest.approx(1.96 * (12 * 25) ** 0.5, abs=1)
    with pytest.raises(DefinitionError, match="Three Rivers is there twice"):
        national_lines([north, north])
    twice = replace(south, statements=north.statements)
    with pytest.raises(DefinitionError, match="X1 is in Three Rivers and in South"):
        national_lines([north, twice])


def test_every_rule_is_in_the_documentation_word_for_word() -> None:
    page = (Path(__file__).parents[2] / "docs" / "statistics" / "benefit.md").read_text()
    for rule in RULES:
        assert f"| `{rule}` | {rule.says} |" in page
