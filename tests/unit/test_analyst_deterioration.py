"""An analyst's table of observations: scored by the library's table, told in counts, and never a cell repeated."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest
from scipy.stats import mannwhitneyu
from typer.testing import CliRunner

from rounds.analyst import deterioration
from rounds.analyst.early_warning import INSIDE, DeteriorationResult
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.moments import minutes_in
from rounds.analyst.observation_columns import ObservationColumns, observation_columns
from rounds.cli.app import app
from rounds.learning.deterioration.discrimination import Auroc
from rounds.learning.deterioration.shares import Interval

START = datetime.fromisoformat("2026-03-01T08:00")
NORMAL = {"resp_rate": 16, "spo2": 97, "o2": "air", "sbp": 120, "hr": 80, "avpu": "A", "temp": 37.0}


def chart(**changed: list[object]) -> pl.DataFrame:
    """Three sets of one stay, six hours apart, all normal but for what is said."""
    rows = {name: [value] * 3 for name, value in NORMAL.items()}
    times = [(START + timedelta(hours=6 * at)).strftime("%Y-%m-%d %H:%M") for at in range(3)]
    return pl.DataFrame({"stay_id": ["s1"] * 3, "obs_time": times, **rows, **changed}, strict=False)


def ward_round(stays: int = 60, seed: int = 3) -> pl.DataFrame:
    """Stays of which every fourth ends in an arrest, whose breathing is faster before it."""
    generator = np.random.default_rng(seed)
    rows = []
    for stay in range(stays):
        ill = stay % 4 == 0
        begin = START + timedelta(days=2 * stay)
        for at in range(8):
            row = {
                "stay_id": f"stay-{stay:03}",
                "patient_id": f"patient-{stay // 2:03}",
                "ward": ("North", "South")[stay % 2],
                "obs_time": begin + timedelta(hours=5 * at),
                **NORMAL,
                "resp_rate": int(np.clip(generator.normal(19 + 5 * ill * (at > 4), 4), 6, 40)),
                "hr": int(np.clip(generator.normal(88 + 20 * ill * (at > 4), 20), 40, 160)),
                "stay_end": begin + timedelta(hours=38),
                "arrest_time": begin + timedelta(hours=37) if ill else None,
            }
            rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.fixture(scope="module")
def found() -> DeteriorationResult:
    return deterioration(ward_round())


def test_columns_are_guessed_by_their_names_and_said() -> None:
    table = table_of(
        pl.DataFrame(
            {
                name: ["1"]
                for name in (
                    "spell_id", "Patient Number", "Admission time", "observationDateTime", "Respiratory rate", "SpO2",
                    "SpO2 scale 2", "Air or oxygen", "Systolic BP", "Pulse", "ACVPU", "Temperature", "Ward",
                    "Discharge time", "Death time",
                )
            }
        )
    )  # fmt: skip
    columns, guesses = observation_columns(table, ObservationColumns(), event_elsewhere=False)
    assert columns == ObservationColumns(
        stay="spell_id",
        patient="Patient Number",
        time="observationDateTime",
        respiratory_rate="Respiratory rate",
        saturation="SpO2",
        scale_2="SpO2 scale 2",
        oxygen="Air or oxygen",
        systolic="Systolic BP",
        pulse="Pulse",
        consciousness="ACVPU",
        temperature="Temperature",
        ward="Ward",
        stay_end="Discharge time",
        event="Death time",
    )
    assert len(guesses) == 14


def test_what_could_be_two_things_or_is_not_there_is_asked() -> None:
    with pytest.raises(TableError, match=r"pulse could be pulse_a or pulse_b; say which with --pulse COLUMN"):
        deterioration(chart().drop("hr").with_columns(pulse_a=80, pulse_b=80))
    with pytest.raises(TableError, match=r"no column is called after temperature .*--temperature"):
        deterioration(chart().drop("temp"))
    with pytest.raises(TableError, match="there is no column hart; did you mean `hr`"):
        deterioration(chart(), columns=ObservationColumns(pulse="hart"))


def test_sets_are_scored_by_the_declared_table_and_partial_ones_have_no_total() -> None:
    result = deterioration(chart(resp_rate=[16, 25, None], temp=[37.0, 39.5, 37.0], o2=["air", "2", "air"]))
    assert result.sets.totals.tolist() == [0, 3 + 2 + 2]
    assert (result.sets.partial, result.sets.lacking) == (1, {"respiratory-rate": 1})
    assert "without a score: 1 set; nothing is taken for normal (not recorded: respiratory rate 1)" in str(result)
    assert result.warned is None


@pytest.mark.parametrize(
    ("changed", "totals"),
    [
        ({"avpu": ["Alert", "c", "new confusion"]}, [0, 3, 3]),
        ({"o2": ["Yes", "no", "ROOM AIR"]}, [2, 0, 0]),
        ({"o2": ["0", "2", "0.5"]}, [0, 2, 2]),
        ({"spo2": [85, 91, 96]}, [3, 3, 0]),
    ],
)
def test_answers_are_read_as_charts_write_them(changed: dict[str, list[object]], totals: list[int]) -> None:
    assert deterioration(chart(**changed)).sets.totals.tolist() == totals


def test_units_that_a_columns_name_says_are_read_and_said() -> None:
    frame = chart().rename({"o2": "fio2", "avpu": "gcs", "temp": "temp_f"})
    frame = frame.with_columns(fio2=pl.Series([0.21, 28, 0.4]), gcs=pl.Series([15, 14, 15]), temp_f=98.6)
    result = deterioration(frame)
    assert result.sets.totals.tolist() == [0, 5, 2]
    assert sum("by its name" in said for said in result.notes) == 3
    with pytest.raises(TableError, match=r"column temp: 3 of 3 numbers cannot be temperature.*called so, as in temp_f"):
        deterioration(chart(temp=[98.6] * 3))
    with pytest.raises(TableError, match=r"column o2: it looks like a fraction of inspired oxygen"):
        deterioration(chart(o2=[0.21, 0.4, 0.21]))


def test_an_impossible_number_is_not_recorded_and_never_taken_for_air() -> None:
    frame = chart().drop("o2").with_columns(fio2=pl.Series([None, 0.21, 0.02]))
    result = deterioration(frame, blank_oxygen_is_air=True)
    assert (len(result.sets.totals), result.sets.lacking) == (2, {"oxygen": 1})
    assert "1 number in fio2 outside 0.2 to 1 taken as not recorded; the first on row 3." in result.notes
    assert deterioration(frame).sets.partial == 2


def test_scale_2_is_for_those_a_clinician_decided_it_for() -> None:
    result = deterioration(chart(spo2=[90, 90, 97], o2=["no", "no", "yes"], spo2_scale_2=["no", "yes", "yes"]))
    assert result.sets.totals.tolist() == [3, 0, 3 + 2]
    assert result.sets.by_scale_2 == 2


def test_parts_of_a_set_are_joined_and_contradictions_refused() -> None:
    parts = pl.concat([chart(temp=[37.0, None, 37.0]), chart(hr=[None] * 3).with_columns(temp=37.0)])
    result = deterioration(parts)
    assert result.sets.totals.tolist() == [0, 0, 0]
    assert "3 rows went into a set of the same stay and minute." in result.notes
    with pytest.raises(TableError, match="row 5, column hr: another row of this stay at this minute says something"):
        deterioration(pl.concat([chart(), chart(hr=[80, 93, 80])]))


@pytest.mark.parametrize(
    ("cells", "minutes"),
    [
        (["1970-01-02 00:01", "1970-01-01T23:59:59.5"], [1441, 1439]),
        (["02/01/1970 00:01", "31/01/1970 9:05"], [1441, 30 * 1440 + 545]),
        (["1970-01-01T01:00+01:00", "1970-01-01T00:00Z"], [0, 0]),
    ],
)
def test_times_of_day_are_read_to_the_minute(cells: list[str], minutes: list[int]) -> None:
    table = table_of(pl.DataFrame({"t": cells}))
    assert minutes_in(table, "t", written=None, may_be_empty=False).to_list() == minutes


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1970-01-02 00:01", "1970-01-03"], "row 2, column t: the cell is no date with a time of day"),
        (["1970-01-02 00:01", ""], "row 2, column t: the time is empty"),
        (["1970-01-02 00:01Z", "1970-01-02 00:01"], "row 2, column t: other cells say how far they are"),
        (["02/01/1970 00:01", "03/01/1970 00:01"], "day and month may stand in either order"),
    ],
)
def test_times_that_cannot_be_told_are_refused(cells: list[str], said: str) -> None:
    with pytest.raises(TableError, match=said):
        minutes_in(table_of(pl.DataFrame({"t": cells})), "t", written=None, may_be_empty=False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"avpu": ["A", "SECRET", "A"]}, "row 2, column avpu: the cell is none of the answers that are known"),
        ({"o2": ["air", "SECRET", "air"]}, "row 2, column o2: the cell is none of the answers that are known"),
        ({"hr": ["80", "SECRET", "80"]}, "row 2, column hr: the cell is no number"),
        ({"obs_time": ["2026-03-01 08:00", "SECRET", "2026-03-01 09:00"]}, "row 2, column obs_time"),
        ({"stay_id": ["SECRET", None, "SECRET"]}, "row 2, column stay_id: the cell is empty"),
        ({"ward": [f"SECRET {at}" for at in range(3)] * 3}, "names no wards"),
    ],
)
def test_refusals_name_the_place_and_never_the_cell(changed: dict[str, list[object]], said: str) -> None:
    frame = chart(**changed) if len(next(iter(changed.values()))) == 3 else None
    if frame is None:
        frame = pl.concat(
            [
                chart().with_columns(pl.lit(f"s{at}").alias("stay_id"), pl.lit(f"SECRET {at}").alias("ward"))
                for at in range(9)
            ]
        )
    with pytest.raises(TableError, match=said) as refused:
        deterioration(frame)
    assert "SECRET" not in str(refused.value)


def test_the_area_is_that_of_the_rows_and_patients_widen_its_interval(found: DeteriorationResult) -> None:
    assert found.warned is not None
    area, sets = found.warned.areas[0][1], found.sets
    assert isinstance(area, Auroc)
    frame = ward_round()
    hours = (frame["arrest_time"] - frame["obs_time"]).dt.total_minutes() / 60
    followed = ((hours > 0) & (hours <= 24)).fill_null(value=False).to_numpy()
    assert area.events.value == followed.sum()
    u = mannwhitneyu(sets.totals[followed], sets.totals[~followed]).statistic
    assert area.value == pytest.approx(u / (followed.sum() * (~followed).sum()), abs=1e-12)
    assert isinstance(found.warned.by_patient, Interval)
    assert found.warned.outcome == "cardiac arrest within 24 hours"
    assert {name for name, _ in found.warned.figures} == {"roc", "efficiency", "calibration", "decision"}
    assert found.scores()["sets"].sum() == len(sets.totals)
    assert found.scores()["with_outcome"].sum() == followed.sum()


def test_observations_are_on_time_by_the_schedule(found: DeteriorationResult) -> None:
    by_group = {one.group: one for one in found.by_ward}
    assert set(by_group) == {"North", "South"}
    # Sets are five hours apart: after 0 to 4 the next is on time, after 5 or more or a 3 it is late.
    first_seven = np.tile(np.arange(8) < 7, 60)
    soon = (found.sets.totals >= 5) | (found.sets.highest >= 3)
    assert sum(one.on_time for one in found.by_score) == int((~soon & first_seven).sum())
    # After the last set of a stay three hours are left: too few for a set due in six.
    assert sum(one.late for one in found.by_ward) == int(soon.sum())


def test_events_of_their_own_table_say_the_same(found: DeteriorationResult) -> None:
    frame = ward_round()
    events = frame.select("stay_id", "arrest_time").unique().drop_nulls()
    plain = frame.drop("arrest_time")
    by_stay = deterioration(plain, events=events)
    by_patient = deterioration(
        plain, events=events.join(frame, on="stay_id").select("patient_id", "arrest_time").unique()
    )
    assert found.warned is not None
    for other in (by_stay, by_patient):
        assert other.warned is not None
        assert other.warned.areas == found.warned.areas
    with pytest.raises(TableError, match="column stay_id: not one of its cells is in the same column"):
        deterioration(plain, events=events.with_columns(stay_id=pl.lit("another")))
    with pytest.raises(TableError, match="it has no column stay_id"):
        deterioration(plain, events=events.rename({"stay_id": "who"}))


def test_without_events_only_scores_and_times_are_told() -> None:
    result = deterioration(ward_round().drop("arrest_time"))
    assert result.warned is None
    assert "On time were" in str(result)
    assert "AUROC" not in str(result)
    never = deterioration(ward_round(), within=0.5)
    assert "cannot be told" in str(never)


def test_the_command_writes_counts_and_no_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ward_round().write_csv("obs.csv")
    shown = CliRunner().invoke(app, ["deterioration", "obs.csv"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "Cardiac arrest within 24 hours followed" in shown.stdout
    assert INSIDE in " ".join(shown.stderr.split())
    names = sorted(path.name for path in Path("obs-deterioration").iterdir())
    assert names == sorted(
        [f"{name}.{kind}" for name in ("roc", "efficiency", "calibration", "decision") for kind in ("svg", "png")]
        + ["deterioration.xlsx"]
    )
    book = openpyxl.load_workbook("obs-deterioration/deterioration.xlsx")
    assert book.sheetnames == ["notes", "areas", "thresholds", "scores", "on-time", "decisions"]
    cells = [str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]
    told = [*cells, shown.stdout, shown.stderr, *(path.read_text() for path in Path("obs-deterioration").glob("*.svg"))]
    assert INSIDE in cells
    assert not [text for text in told if "stay-0" in text or "patient-0" in text or "2026-0" in text]


def test_the_command_gives_json_and_names_the_file_in_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chart().write_csv("obs.csv")
    shown = CliRunner().invoke(app, ["--json", "--quiet", "deterioration", "obs.csv"], catch_exceptions=False)
    assert json.loads(shown.stdout)["scores"][0] == {"score": 0, "sets": 3}
    chart(hr=["80", "SECRET", "80"]).write_csv("obs.csv")
    with pytest.raises(TableError, match=r"obs.csv, line 3, column hr"):
        CliRunner().invoke(app, ["deterioration", "obs.csv"], catch_exceptions=False)
