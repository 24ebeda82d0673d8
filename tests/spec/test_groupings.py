"""Groupings: what a file may say, where its values come from, and what a site must have to be split by them."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from every_engine import ENGINES, Engine
from language_cases import Asked, Case, counted, read_measure, write_case
from small_site import open_site, people_measure, write_site, years

from rounds.errors import DefinitionError, RecordsError
from rounds.measures.definitions import Measure
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.questions import RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.measures.traits import InGroup, Sex
from rounds.storage.library import Library, read_library, shipped_library_folder

WARDS = """\
id: wards
version: 1
title: Wards
by: ward
attribute: care_site.care_site_name
author: A
reviewer: B
next_review: 2030-01-01
"""
OBSERVED = "1001 2020-01-01 2020-12-31\n1002 2020-01-01 2020-12-31"
LEVELS = "levels: {critical care: {icu: Intensive care}, medical: {ward-7: Ward 7}}\n"


@pytest.fixture(params=ENGINES.values(), ids=ENGINES.keys())
def count(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


def _library(folder: Path, text: str, *, look_ups: Path | None = None) -> Library:
    (folder / "library" / "groupings").mkdir(parents=True, exist_ok=True)
    (folder / "library" / "groupings" / "wards.yaml").write_text(text, encoding="utf-8")
    return read_library(folder / "library", look_ups=look_ups)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (WARDS + "levels: {critical care: null}\n", "say once which values belong to the levels"),
        (WARDS + LEVELS + "values_from: site\n", "say once which values belong to the levels"),
        (WARDS + "levels: {unknown: {icu: x}}\n", "`unknown` is there in any case; remove it"),
        (WARDS + "levels: {9434765919: {icu: x}}\n", "`9434765919` is no level: write a few plain words"),
        (WARDS + "levels: {'<b>': {icu: x}}\n", "`<b>` is no level"),
        (WARDS + "levels: {medical: {icu: x}, surgical: null}\n", "a level has no value"),
        (WARDS + "levels: {medical: {icu: x}, surgical: {icu: x}}\n", "a value belongs to two levels"),
        (WARDS.replace("ward\n", "sex\n") + LEVELS, "sex has levels of its own and needs no grouping"),
        (
            WARDS.replace("care_site.care_site_name", "location.zip") + LEVELS,
            "ward is grouped by care_site.care_site_source_value or care_site.care_site_name, not location.zip",
        ),
        (WARDS.replace("care_site.care_site_name", "care_site.name") + LEVELS, "did you mean"),
        (WARDS.replace("reviewer: B", "reviewer: A") + LEVELS, "the reviewer must be somebody other than the author"),
        (WARDS + "levels: {medical: null}\ntable: {file: wards.csv}\n", "wards.csv is in no library"),
        (
            WARDS + "levels: {medical: null}\ntable: {file: ../wards.csv}\n",
            "`table.file`: write the name of a CSV file",
        ),
        (
            WARDS.replace("by: ward", "by: ethnicity").replace("care_site.care_site_name", "person.race_concept_id")
            + LEVELS,
            "person.race_concept_id holds concepts; write their ids, digits only and no leading zeros",
        ),
    ],
)
def test_what_a_grouping_may_not_say(tmp_path: Path, text: str, refusal: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        _library(tmp_path, text)
    assert refusal in str(caught.value)
    assert "wards.yaml" in str(caught.value)


def test_values_may_be_a_table_beside_the_grouping(tmp_path: Path) -> None:
    said = WARDS + "levels: {critical care: null, medical: null}\ntable: {file: wards.csv, value: name, level: kind}\n"
    (tmp_path / "library" / "groupings").mkdir(parents=True)
    table = tmp_path / "library" / "groupings" / "wards.csv"
    table.write_text("kind,name,beds\nmedical, ward-7 ,30\ncritical care,icu,8\n", encoding="utf-8")
    (grouping,) = _library(tmp_path, said).groupings
    assert grouping.values == (("icu", "critical care"), ("ward-7", "medical"))
    assert grouping.levels == ("critical care", "medical", "unknown")
    (same,) = _library(tmp_path, WARDS + LEVELS).groupings
    assert same == grouping
    table.write_text("kind,name\nmedicall,ward-7\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"wards.csv, line 2: the level is none of the grouping's; did you mean"):
        _library(tmp_path, said)
    table.write_text("kind,name\nmedical,ward-7\ncritical care,ward-7\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"wards.csv, line 3: the value is on line 2 already"):
        _library(tmp_path, said)


def test_a_look_up_without_a_value_is_refused(tmp_path: Path) -> None:
    said = WARDS + "levels: {critical care: null, medical: null}\nvalues_from: site\n"
    (tmp_path / "wards.csv").write_text("value,level\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"wards.csv: no value is listed below the header"):
        _library(tmp_path, said, look_ups=tmp_path)


def test_a_concept_is_written_in_one_way() -> None:
    with pytest.raises(DefinitionError, match="no leading zeros"):
        _by_ethnicity((("8515", "Asian"), ("08515", "Asian")))


def test_what_a_site_says_itself_does_not_change_what_a_measure_means(tmp_path: Path) -> None:
    said = WARDS + "levels: {critical care: null, medical: null}\nvalues_from: site\n"
    (at_centre,) = _library(tmp_path, said).groupings
    assert at_centre.values is None
    (tmp_path / "wards.csv").write_text("value,level\nicu,critical care\n", encoding="utf-8")
    (at_site,) = _library(tmp_path, said, look_ups=tmp_path).groupings
    assert at_site.values == (("icu", "critical care"),)
    assert at_centre.meaning == at_site.meaning
    (by_library,) = _library(tmp_path, WARDS + LEVELS).groupings
    assert by_library.meaning != at_site.meaning


def test_the_grouping_is_in_the_digest_of_a_measure_and_of_one_without_it_is_not() -> None:
    plain = people_measure(Sex(among=("female",)), strata=(Stratum.SEX,))
    assert plain.digest == "367db9b15e42c58f51002916e98bccef63627b48e93eaf73e724ac9b524174f6"
    assert len({_by_ethnicity((("8515", "Asian"),)).digest, _by_ethnicity((("8516", "Asian"),)).digest}) == 2


def _by_ethnicity(values: tuple[tuple[str, str], ...] | None, *, held_by_site: bool = False) -> Measure:
    grouping = Grouping(
        id="some",
        version=1,
        title="Some",
        by=Stratum.ETHNICITY,
        attribute=Attribute.RACE,
        named=("Asian",),
        values=values,
        held_by_site=held_by_site,
    )
    return people_measure(Sex(among=("female",)), strata=(Stratum.ETHNICITY,), groupings=(grouping,))


COUNT_VISITS = "count: visits\nvisits: inpatient\nnumerator: {sex: female}\ngrain: year\n"
COUNT_PEOPLE = "count: people\nnumerator: {sex: female}\ngrain: year\n"


@pytest.mark.parametrize(
    ("measure", "refusal"),
    [
        (COUNT_PEOPLE + "strata: [ethnicity]\n", "line 4 column 10: "),
        (COUNT_PEOPLE + "strata: [{ethnicity: ethnic-grop}]\n", "there is no grouping `ethnic-grop`; did you mean"),
        (COUNT_PEOPLE + "strata: [{area: ethnic-group}]\n", "grouping `ethnic-group` is of ethnicity, not of area"),
        (COUNT_PEOPLE + "strata: [{ward: kind-of-ward}]\n", "a person has no one ward; count rows of visit_detail"),
        (COUNT_VISITS + "strata: [{ward: kind-of-ward}]\n", "a row of visit_occurrence has no one ward"),
        (
            COUNT_PEOPLE.replace("{sex: female}", "{care_site: {grouping: hospital, among: [Rojal]}}"),
            "line 2 column 45: `numerator.care_site.among`: the levels of “Hospital” are General, Royal, unknown; not "
            "`Rojal`",
        ),
        (
            COUNT_PEOPLE.replace("{sex: female}", "{ward: {grouping: kind-of-ward, among: [medical]}}"),
            "line 2 column 13: `numerator.ward`: a person has no one ward",
        ),
        (
            "count: events\nevents: {event: drug_era, codes: aspirin}\nnumerator: {sex: female}\ngrain: year\n"
            "strata: [{care_site: hospital}]\n",
            "a row of drug_era does not say during which visit it happened, so it has no care site",
        ),
    ],
)
def test_what_a_measure_may_not_ask_of_a_grouping(tmp_path: Path, measure: str, refusal: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_measure(measure, tmp_path)
    assert refusal in str(caught.value)


BY_WARD = """
count: events
events: {event: condition_occurrence, codes: fall}
numerator: {sex: female}
grain: year
strata: [{ward: kind-of-ward}]
"""
TABLES = {
    "care_site": "site name\n1 icu",
    "condition_occurrence": "person code first stay\n1 fall 2020-01-11 7",
    "visit_detail": "person code first stay site\n1 inpatient 2020-01-11 7 1",
}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("condition_occurrence", "visit_detail_id"),
        ("visit_detail", "visit_detail_id"),
        ("visit_detail", "care_site_id"),
        ("care_site", "care_site_name"),
    ],
)
def test_a_site_without_what_leads_to_the_level_is_refused(
    count: Engine, tmp_path: Path, table: str, column: str
) -> None:
    measure = read_measure(BY_WARD, tmp_path)
    write_case(Case(title="A", why="B", tables=TABLES, asked=(Asked(measure="-", counts="-"),)), tmp_path / "site")
    found = count(measure, open_site(tmp_path / "site"), member="RX1", periods=years(2020, 2020))
    assert counted(found, measure) == (("2020 critical-care", 1, 1),)
    path = tmp_path / "site" / f"{table}.parquet"
    pl.read_parquet(path).drop(column).write_parquet(path)
    with pytest.raises(
        RecordsError, match=rf"grouping kind-of-ward v1 needs the column `{column}` of {table}\.parquet"
    ):
        count(measure, open_site(tmp_path / "site"), member="RX1", periods=years(2020, 2020))


def test_a_site_without_the_table_or_its_own_list_is_refused(count: Engine, tmp_path: Path) -> None:
    measure = read_measure(BY_WARD, tmp_path)
    write_case(Case(title="A", why="B", tables=TABLES, asked=(Asked(measure="-", counts="-"),)), tmp_path / "site")
    (tmp_path / "site" / "care_site.parquet").unlink()
    with pytest.raises(RecordsError, match="grouping kind-of-ward v1 needs the table care_site, and there is no"):
        count(measure, open_site(tmp_path / "site"), member="RX1", periods=years(2020, 2020))
    unsaid = _by_ethnicity(None, held_by_site=True)
    with pytest.raises(RecordsError, match=r"groupings/some\.csv is not there; write it, with the columns value"):
        count(unsaid, open_site(tmp_path / "site"), member="RX1", periods=years(2020, 2020))


def test_only_spaces_are_left_out_around_a_text(count: Engine, tmp_path: Path) -> None:
    """DuckDB trims other blanks too if it is not told, and PostgreSQL does not."""
    measure = read_measure(BY_WARD, tmp_path)
    write_case(Case(title="A", why="B", tables=TABLES, asked=(Asked(measure="-", counts="-"),)), tmp_path / "site")
    for name, level in (" icu  ", "critical-care"), ("\u00a0icu", "unknown"), ("icu\t", "unknown"):
        places = pl.DataFrame({"care_site_id": [1], "care_site_name": [name]})
        places.write_parquet(tmp_path / "site" / "care_site.parquet")
        found = count(measure, open_site(tmp_path / "site"), member="RX1", periods=years(2020, 2020))
        assert counted(found, measure) == ((f"2020 {level}", 1, 1),)


def test_a_grouping_is_what_it_says_and_not_which_object_it_is(count: Engine, tmp_path: Path) -> None:
    write_site(
        tmp_path,
        person="| person_id gender_concept_id year_of_birth race_concept_id\n1001 8532 1950 0\n1002 8507 1950 0",
        observation_period=OBSERVED,
    )
    split = _by_ethnicity((("8515", "Asian"),))
    again = _by_ethnicity((("8515", "Asian"),)).groupings[0]
    assert isinstance(split.question, RecordsQuestion)
    asked = replace(split, question=replace(split.question, numerator=InGroup(grouping=again, among=("unknown",))))
    found = count(asked, open_site(tmp_path), member="RX1", periods=years(2020, 2020)).cells
    assert found.filter(ethnicity="unknown").select("numerator", "denominator").rows() == [(2, 2)]


def test_no_table_has_more_cells_than_may_be() -> None:
    many = tuple(f"level {number}" for number in range(50))
    groupings = tuple(
        Grouping(id=by, version=1, title=by, by=by, attribute=attribute, named=many, values=(), held_by_site=True)
        for by, attribute in ((Stratum.AREA, Attribute.COUNTY), (Stratum.DEPRIVATION, Attribute.COUNTY))
    )
    with pytest.raises(DefinitionError, match="these strata make 2,601 groups, and 1,000 is the most"):
        people_measure(Sex(among=("male",)), strata=(Stratum.AREA, Stratum.DEPRIVATION), groupings=groupings)
    with pytest.raises(DefinitionError, match="a grouping has 1 to 50 levels, not 51"):
        Grouping(
            id="a",
            version=1,
            title="A",
            by=Stratum.AREA,
            attribute=Attribute.COUNTY,
            named=(*many, "more"),
            held_by_site=True,
        )


def test_the_shipped_groupings_can_be_read() -> None:
    found = {grouping.id: grouping for grouping in read_library(shipped_library_folder()).groupings}
    assert found["ethnic-group-5"].levels == ("White", "Mixed", "Asian", "Black", "unknown")
    assert found["kind-of-ward"].held_by_site


def test_deprivation_may_be_said_by_the_published_index(tmp_path: Path) -> None:
    (shipped,) = (
        one for one in read_library(shipped_library_folder(), look_ups=tmp_path).groupings if one.id == "imd-quintile"
    )
    assert shipped.values is None
    areas = pl.DataFrame({"lsoa11_code": ["E01000001", "E01000002"], "IMD_decile": [1, 9]})
    areas.write_parquet(tmp_path / "imd-quintile.parquet")
    (found,) = (
        one for one in read_library(shipped_library_folder(), look_ups=tmp_path).groupings if one.id == "imd-quintile"
    )
    assert found.values == (("E01000001", "1 most deprived"), ("E01000002", "5 least deprived"))
    assert found.meaning == shipped.meaning
    areas.write_csv(tmp_path / "imd-quintile.csv")
    with pytest.raises(DefinitionError, match="are both there; keep one"):
        read_library(shipped_library_folder(), look_ups=tmp_path)
