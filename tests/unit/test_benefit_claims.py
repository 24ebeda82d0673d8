"""Claims beside evidence: what each status means, what does not add up, and files that cannot be read as claims."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from rounds.errors import DefinitionError
from rounds.learning.benefit.claims import Quantity, Said, Source, Status, side_by_side
from rounds.learning.benefit.reconcile import (
    Figure,
    Shown,
    Sum,
    Unreconciled,
    precision_of,
    published_sum,
    refuse_unreconciled,
)
from rounds.reports.content.claims import claim_insight
from rounds.storage.claim_files import read_claim_file

YEAR = {"first": date(2022, 4, 1), "last": date(2023, 3, 31), "dated": date(2023, 6, 1)}


def said(value: float | None, *, source: Source = Source.CLAIM, ends: tuple[float, float] | None = None) -> Said:
    lower, upper = ends or (None, None)
    return Said(
        id=f"{source}-1",
        source=source,
        by="The programme" if source is Source.CLAIM else "The national evaluation",
        innovation="faster-diagnosis",
        scope="network",
        quantity=Quantity.EFFECT,
        what="days to diagnosis",
        value=value,
        lower=lower,
        upper=upper,
        unit="days",
        basis="Annual report, page 7",
        **YEAR,
    )


def judged(claim: Said, *evidence: Said) -> tuple[Status, str]:
    (found,) = side_by_side([claim], list(evidence))
    return found.status, found.because


def test_a_claim_of_153_days_fewer_stays_beside_an_evaluation_of_55_more() -> None:
    """The published pair gives no interval for the evaluation, so nobody can say how sure it is of the other way."""
    claim, evaluation = said(-153), said(55, source=Source.EVALUATION)
    (found,) = side_by_side([claim], [evaluation])
    assert (found.claim.value, found.beside[0].evidence.value) == (-153, 55), "both numbers stay, unchanged"
    assert found.status is Status.NOT_SUPPORTED
    assert "the other way" in found.because
    assert "gives no interval" in found.because

    import reports_fixture

    insight = claim_insight(found, provenance=reports_fixture.PROVENANCE)
    assert insight is not None
    assert "-153 days" in insight.statement
    assert "+55 days" in insight.statement
    drawn = [row["value"] for layer in insight.chart["layer"] for row in layer["data"]["values"] if "who" in row]
    assert {-153, 55} <= set(drawn)
    assert {-153, 55} <= set(insight.table.rows[0])


@pytest.mark.parametrize(
    ("claimed", "ends", "status"),
    [
        (-153, (20, 90), Status.CONTRADICTED),
        (153, (-90, -20), Status.CONTRADICTED),
        (-153, (-20, 90), Status.NOT_SUPPORTED),
        (-153, (-90, -20), Status.NOT_SUPPORTED),
        (-5, (-90, -20), Status.NOT_SUPPORTED),
        (-55, (-90, -20), Status.SUPPORTED),
        (0, (20, 90), Status.NOT_SUPPORTED),
        (0, (-20, 90), Status.NOT_SUPPORTED),
    ],
)
def test_the_interval_decides(claimed: float, ends: tuple[float, float], status: Status) -> None:
    evidence = said(sum(ends) / 2, source=Source.EVALUATION, ends=ends)
    assert judged(said(claimed), evidence)[0] is status


def test_the_gravest_of_several_holds_and_the_others_are_told() -> None:
    good = said(-150, source=Source.EVALUATION, ends=(-200, -100))
    bad = replace(said(55, source=Source.EVALUATION, ends=(20, 90)), id="another", by="Another study")
    status, because = judged(said(-153), good, bad)
    assert status is Status.CONTRADICTED
    assert "Another study" in because
    assert "Other evidence says otherwise" in because


def test_evidence_on_something_else_is_no_evidence() -> None:
    evidence = said(55, source=Source.EVALUATION, ends=(20, 90))
    for other in (
        replace(evidence, innovation="another"),
        replace(evidence, scope="X1"),
        replace(evidence, what="days to treatment"),
        replace(evidence, first=date(2020, 1, 1), last=date(2020, 12, 31)),
    ):
        assert judged(said(-153), other)[0] is Status.NO_EVIDENCE
    status, because = judged(said(-153), replace(evidence, unit="weeks", **YEAR))
    assert status is Status.NO_EVIDENCE
    assert "counts weeks, not days" in because


def test_reached_passed_on_as_benefited_is_said() -> None:
    about = {"quantity": Quantity.BENEFITED, "what": "cardiac-arrests", "unit": "events"}
    claim = replace(said(467_000), **about)
    reached = replace(
        said(None, source=Source.LEDGER, ends=(466_981, 467_789)),
        quantity=Quantity.REACHED, what="cardiac-arrests", unit="admissions", by="our ledger",
    )  # fmt: skip
    avoided = replace(said(1097, source=Source.LEDGER, ends=(760, 1433)), **about, by="our ledger")
    status, because = judged(claim, avoided, reached)
    assert status is Status.NOT_SUPPORTED
    assert "reached is not benefited" in because
    assert "reached" not in judged(replace(claim, value=1100.0), avoided, reached)[1]

    counted = replace(reached, source=Source.CLAIM, value=480_000.0, lower=None, upper=None)
    assert judged(counted, reached)[0] is Status.CONTRADICTED
    assert judged(replace(counted, value=467_000.0), reached)[0] is Status.SUPPORTED
    assert judged(replace(counted, value=100_000.0), reached)[0] is Status.NOT_SUPPORTED


def test_the_published_total_that_does_not_add_up_is_flagged() -> None:
    """Patients benefited, as published: 2.3 million and 1.228 million, reported as 3.8 million."""
    parts = [Figure(place="one", value=2.3e6, precision=1e5), Figure(place="two", value=1.228e6, precision=1e3)]
    found = published_sum(Figure(place="patients benefited", value=3.8e6, precision=1e5), parts)
    assert not found.adds_up
    assert "2,300,000 + 1,228,000 = 3,528,000, and 3,800,000 is stated" in found.says
    assert "a difference of +272,000, of which rounding cannot explain +171,500" in found.says
    assert published_sum(Figure(place="patients benefited", value=3.5e6, precision=1e5), parts).adds_up
    assert not published_sum(Figure(place="patients benefited", value=3.4e6, precision=1e5), parts).adds_up


def test_an_unreconciled_table_is_refused_by_place() -> None:
    good = Sum(
        total=Shown(place="network, Q1", value=5), parts=(Shown(place="X1", value=2), Shown(place="X2", value=3))
    )
    refuse_unreconciled([good], what="the return")
    for total in (6.0, float("nan")):
        bad = replace(good, total=Shown(place="network, Q2", value=total))
        with pytest.raises(Unreconciled, match=r"(?s)the return: a total is not .* network, Q2: .* add up to 5"):
            refuse_unreconciled([good, bad], what="the return")


def test_precision_is_that_of_the_last_digit() -> None:
    assert [precision_of(text) for text in ("2300000", "0", "-153", "1.50", "1,228,000")] == [1e5, 1, 1, 0.01, 1e3]


HEADER = "id,source,by,innovation,scope,quantity,what,number,unit,first,last,basis,dated,lower,upper,part_of\n"
ROW = "c1,claim,The programme,news2,network,effect,days,-153,days,2022-04-01,2023-03-31,Report,2023-06-01,,,\n"


def read(tmp_path: Path, text: str) -> tuple[Said, ...]:
    path = tmp_path / "claims.csv"
    path.write_text(text)
    return read_claim_file(path, innovations=["news2"], members=["RX1"], measures=["cardiac-arrests"])


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    row = ROW.replace("c1,claim", "e1,evaluation").replace(",-153,", ",55,").replace("06-01,,", "06-01,20.5,90")
    claim, evaluation = read(tmp_path, HEADER + ROW + row)
    assert (claim.value, claim.precision, claim.unit, claim.has_interval) == (-153, 1, "days", False)
    assert (evaluation.lower, evaluation.upper, evaluation.source) == (20.5, 90, Source.EVALUATION)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (",-153,", ",,", r"line 2, column number: the cell is empty"),
        (",-153,days,", ",-153,,", r"line 2, column unit: the cell is empty"),
        (",-153,", ",many,", r"line 2, column number: the cell is not a number"),
        (",-153,", ",1e999,", r"line 2, column number: the cell is not a number"),
        (",-153,", ",nan,", r"line 2, column number: the cell is not a number"),
        ("news2", "news3", r'line 2, column innovation: there is no innovation in the library "news3"; did you mean'),
        ("network", "RX2", r'line 2, column scope: there is no member "RX2"'),
        ("effect,days", "reached,days", r'line 2, column what: there is no measure in the library "days"'),
        ("effect", "effects", r"line 2, column quantity: write reached or benefited or effect; did you mean"),
        ("c1,claim", "c1,rumour", r"line 2, column source: write claim or evaluation"),
        ("2022-04-01", "1/4/2022", r"line 2, column first: the date is not written as 2024-03-31"),
        ("2023-03-31", "2022-03-31", r"line 2: claim c1: its period ends \(2022-03-31\) before it starts"),
        ("2023-06-01", "2021-06-01", r"line 2: claim c1: it is dated 2021-06-01"),
        ("06-01,,", "06-01,20,", r"line 2: claim c1: it has one end of an interval"),
        ("06-01,,", "06-01,20,90", r"line 2: claim c1: its number does not lie in its interval"),
        ("effect,days,-153", "reached,cardiac-arrests,-153", r"line 2: claim c1: fewer than 0 are reached"),
        (",unit,", ",units,", r"there is no column unit; did you mean `units`"),
    ],
)
def test_a_file_that_is_no_list_of_claims_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = HEADER + ROW
    assert old in text
    with pytest.raises(DefinitionError, match=says):
        read(tmp_path, text.replace(old, new))


def test_one_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"line 3: c1 is at claims.csv, line 2 already"):
        read(tmp_path, HEADER + ROW + ROW)


def workbook(
    tmp_path: Path, *rows: dict[str, object], heading: tuple[str, ...] = tuple(HEADER.strip().split(","))
) -> Path:
    """As people keep one: a title above the table, the days as dates, and a sheet that is no list of claims."""
    book = Workbook()
    book.active.title = "Claims"
    for line in (["What we claim"], [], heading, *([row.get(name) for name in heading] for row in rows)):
        book.active.append(line)
    book.create_sheet("Notes").append(["ask Pat"])
    book.save(tmp_path / "claims.xlsx")
    return tmp_path / "claims.xlsx"


def from_workbook(path: Path) -> tuple[Said, ...]:
    return read_claim_file(path, innovations=["news2"], members=["RX1"], measures=["cardiac-arrests"])


CELLS: dict[str, object] = {
    **dict(zip(HEADER.strip().split(","), ROW.strip().split(","), strict=True)),
    "number": -153,
    "first": datetime(2022, 4, 1),  # noqa: DTZ001 - a cell of Excel has no time zone
    "lower": None,
    "upper": None,
    "part_of": None,
}


def test_a_workbook_says_what_the_csv_says(tmp_path: Path) -> None:
    (from_csv,) = read(tmp_path, HEADER + ROW)
    assert from_workbook(workbook(tmp_path, CELLS)) == (from_csv,)
    (summed,) = from_workbook(workbook(tmp_path, {**CELLS, "number": 0.1 + 0.2}))
    assert (summed.value, summed.precision) == (0.3, 0.1), "the dust of floating point is no digit that was printed"


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"number": None}, "row 4, column number: the cell is empty"),
        ({"number": "=1/0"}, "row 4, column number: the cell is empty, or a formula without a value"),
        ({"number": "#REF!"}, "row 4, column number: the cell is empty, or a formula without a value"),
        ({"number": True}, "row 4, column number: the cell is TRUE or FALSE"),
        ({"number": datetime(2024, 1, 1)}, "row 4, column number: the cell is not a number"),  # noqa: DTZ001
        ({"number": "£5m"}, "row 4, column number: the cell is not a number"),
        ({"number": -5, "quantity": "reached", "what": "cardiac-arrests"}, "row 4: claim c1: fewer than 0 are reached"),
        ({"innovation": "nwes2"}, 'row 4, column innovation: there is no innovation in the library "nwes2"; did you'),
        ({"first": 44652}, "row 4, column first: the date is not written as 2024-03-31"),
    ],
)
def test_a_bad_cell_of_a_workbook_is_named(tmp_path: Path, cells: dict[str, object], says: str) -> None:
    with pytest.raises(DefinitionError, match=rf"claims.xlsx, sheet Claims, {says}"):
        from_workbook(workbook(tmp_path, {**CELLS, **cells}))


def test_a_workbook_without_a_list_of_claims_is_refused(tmp_path: Path) -> None:
    names = tuple(HEADER.strip().split(","))
    with pytest.raises(DefinitionError, match=r"sheet Claims, row 3: there is no column innovation; did you mean"):
        from_workbook(workbook(tmp_path, CELLS, heading=(*names[:3], "inovation", *names[4:])))
    with pytest.raises(DefinitionError, match=r"sheet Claims, row 3: two columns are called id"):
        from_workbook(workbook(tmp_path, CELLS, heading=(*names, "id")))
    with pytest.raises(DefinitionError, match=r"no sheet has a row of headings .* there is Claims, Notes"):
        from_workbook(workbook(tmp_path, CELLS, heading=("a", "b")))
    with pytest.raises(
        DefinitionError, match=r"sheet Claims, row 5: c1 is at claims.xlsx, sheet Claims, row 4 already"
    ):
        from_workbook(workbook(tmp_path, CELLS, CELLS))
    assert from_workbook(workbook(tmp_path)) == (), "a heading and no rows: nothing is claimed"
