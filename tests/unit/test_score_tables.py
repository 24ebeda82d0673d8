"""From records to a score table at the centre: counted by band, released by a policy, never a number from zeros."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_site import make_measure, open_site, write_site

from rounds.centre.score_tables import score_tables
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.engines import reference
from rounds.errors import DefinitionError
from rounds.learning.deterioration.calibration import fit_risk
from rounds.learning.deterioration.discrimination import Auroc, auroc
from rounds.learning.deterioration.score_table import add_tables, count_scores
from rounds.learning.deterioration.shares import NoAnswer
from rounds.measures.criteria import Events, Has, Scored
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.linked import Quantities, Table, relations
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import People, RecordsQuestion, Rows
from rounds.measures.score_levels import LevelBand, level_bands, measures_by_level
from rounds.measures.scores import Score, Step
from rounds.measures.windows import Anchor, Edge, Window
from rounds.storage.library import read_library, shipped_library_folder

NEWS2 = next(score for score in read_library(shipped_library_folder()).scores if score.id == "news2")
NEWS2_BANDS = level_bands(NEWS2)
YEAR = periods_between(grain=Grain.YEAR, first=date(2020, 1, 1), last=date(2020, 12, 31))
SIGNS = {
    "respiratory-rate": 16,
    "oxygen-saturation": 97,
    "oxygen-flow": 0,
    "systolic-blood-pressure": 120,
    "body-temperature": 37,
}
PULSES = {0: 70, 1: 100, 2: 120, 3: 140}
"""Pulses that give so many points; oxygen gives two more."""


def _measure(score: Score = NEWS2) -> Measure:
    until = Window(first=Edge(anchor=Anchor.START), last=Edge(anchor=Anchor.END, days=1))
    died = Has(events=Events(table=EventTable.DEATH, codes=None), window=until)
    return make_measure(RecordsQuestion(unit=Rows(events=Scored(score=score)), numerator=died), unit="sets")


def _site(folder: Path, people: list[tuple[int, int | None]]) -> Path:
    """Write one set of observations for each person: its total, 0 to 5, and after how many days they died."""
    by_code = {one.codes.id: one for one in NEWS2.components}
    rows, deaths = [], []
    for person, (total, days) in enumerate(people, start=1):
        values = SIGNS | {"heart-rate": PULSES[min(total, 3)], "oxygen-flow": 2 if total > 3 else 0}
        if total > 3:
            values["heart-rate"] = PULSES[total - 2]
        for name, value in values.items():
            one = by_code[name]
            rows.append(f"{person} {one.codes.concept_ids[0]} 2020-03-01 {value} {one.units[0]} -")
        rows.append(f"{person} {by_code['consciousness'].codes.concept_ids[0]} 2020-03-01 - - 2000400011")
        if days is not None:
            deaths.append(f"{person} {date(2020, 3, 1) + timedelta(days=days)}")
    head = "| person_id measurement_concept_id measurement_date value_as_number unit_concept_id value_as_concept_id\n"
    return write_site(
        folder,
        person="\n".join(f"{person} female 1950" for person in range(1, len(people) + 1)),
        observation_period="\n".join(f"{person} 2020-01-01 2020-12-31" for person in range(1, len(people) + 1)),
        measurement=head + "\n".join(rows),
        death="| person_id death_date\n" + "\n".join(deaths),
    )


def test_the_highest_band_has_every_total() -> None:
    air, oxygen = (replace(NEWS2.components[1], id=name) for name in ("air", "oxygen-given"))
    flow = next(one for one in NEWS2.components if one.id == "oxygen")
    either = (replace(air, only_if=(("oxygen", 0),)), replace(oxygen, only_if=(("oxygen", 2),)), flow)
    assert level_bands(replace(NEWS2, components=either))[-1] == LevelBand(low=5, high=5)
    both = (air, replace(oxygen, only_if=(("oxygen", 2),)), flow)  # on oxygen a set is asked for both
    assert level_bands(replace(NEWS2, components=both))[-1] == LevelBand(low=8, high=8)


def test_a_score_that_may_be_below_0_has_no_table() -> None:
    below = replace(NEWS2.components[0], steps=(Step(up_to=8.0, points=-1), Step(up_to=None, points=3)))
    with pytest.raises(DefinitionError, match="score news2: a component gives less than 0 points"):
        level_bands(replace(NEWS2, components=(below, *NEWS2.components[1:])))


def test_from_records_by_a_policy_to_a_table(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    totals = generator.integers(0, 6, 360)
    died = generator.random(360) < 0.01 + 0.06 * totals
    later = ~died & (generator.random(360) < 0.1)  # two days after: not followed by it
    days = [
        int(generator.integers(0, 2)) if here else 2 if then else None for here, then in zip(died, later, strict=True)
    ]
    records = open_site(_site(tmp_path, list(zip(totals.tolist(), days, strict=True))), outside="exclude")
    released, exact = {}, {}
    bands = NEWS2_BANDS[:6]
    for band, measure in zip(bands, measures_by_level(_measure(), bands), strict=True):
        count = reference.count(measure, records, member="RX1", periods=YEAR)
        exact[band.low] = count.cells
        released[band.low] = release(count, terms=Terms(rule=Policy.HES), already_public=False).cells
    true = count_scores(totals, died, levels=range(6))
    assert [cells["numerator"].sum() for cells in exact.values()] == true.events.value.tolist()
    assert [cells["denominator"].sum() for cells in exact.values()] == (true.events.value + true.others.value).tolist()
    (table,) = score_tables(released).values()
    assert table.withheld > 0
    for told, counted in ((table.events, true.events), (table.others, true.others)):
        assert (told.lower <= counted.value).all()
        assert (counted.value <= told.upper).all()
    found, truth = auroc(add_tables([table, table])), auroc(add_tables([true, true]))
    assert isinstance(found, Auroc)
    assert isinstance(truth, Auroc)
    assert found.value is None
    assert found.lower <= (truth.value or 0) <= found.upper
    assert isinstance(fit_risk(table), NoAnswer)


def test_a_member_that_released_some_bands_only_is_named(tmp_path: Path) -> None:
    records = open_site(_site(tmp_path, [(0, None), (1, 0)]), outside="exclude")
    cells = {
        measure.title: release(
            reference.count(measure, records, member="RX1", periods=YEAR),
            terms=Terms(rule=Policy.HES),
            already_public=False,
        ).cells
        for measure in measures_by_level(_measure(), NEWS2_BANDS[:2])
    }
    first, second = cells.values()
    other = first.with_columns(pl.lit("RX2").alias("member"))
    with pytest.raises(ValueError, match="RX2 released no counts of scores from 1 on"):
        score_tables({0: pl.concat([first, other]), 1: second})
    with pytest.raises(ValueError, match="no band of a score"):
        score_tables({})


def test_noise_is_taken_between_its_bounds() -> None:
    cells = pl.DataFrame(
        {
            "member": ["RX1"],
            "numerator_state": ["noisy"],
            "numerator_value": [-2],
            "numerator_lower": [0],
            "numerator_upper": [4],
            "denominator_state": ["noisy"],
            "denominator_value": [20],
            "denominator_lower": [14],
            "denominator_upper": [26],
        }
    )
    (table,) = score_tables({0: cells, 1: cells}).values()
    assert table.withheld == 4
    assert (table.events.lower.tolist(), table.events.upper.tolist()) == ([0, 0], [4, 4])
    assert (table.others.lower.tolist(), table.others.upper.tolist()) == ([10, 10], [26, 26])


def test_the_gate_knows_that_a_band_is_a_part_of_all_sets() -> None:
    measures = (_measure(), *measures_by_level(_measure(), (LevelBand(low=0, high=4), LevelBand(low=5, high=20))))
    found = relations(Quantities(tables=tuple(Table(measure=one, periods=YEAR) for one in measures)))
    pairs = {tuple(pair) for pair in found.contained.tolist()}
    # Numbers go by measure, numerator first: 0 and 1 are those of all sets, 2 and 3 of one band, 4 and 5 of the other.
    assert {(2, 0), (3, 1), (4, 0), (5, 1), (2, 3), (4, 5)} <= pairs
    assert not {(2, 4), (3, 5), (4, 2), (5, 3)} & pairs


def test_what_has_no_bands_of_a_score() -> None:
    with pytest.raises(DefinitionError, match="does not count sets of a score"):
        measures_by_level(
            make_measure(RecordsQuestion(unit=People(), numerator=_measure().question.numerator)), NEWS2_BANDS
        )
    with pytest.raises(DefinitionError, match="overlap"):
        measures_by_level(_measure(), (LevelBand(low=0, high=3), LevelBand(low=3, high=4)))
    with pytest.raises(DefinitionError, match="from 5 to 4"):
        LevelBand(low=5, high=4)
    assert [band.high - band.low for band in NEWS2_BANDS][-2:] == [1, 9]
