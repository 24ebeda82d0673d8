"""People who are excluded are in no count: every engine counts as if their rows had never been written."""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from every_engine import LEFT_TO_SQL
from generated_sites import PEOPLE, Site, measures, periods_of, sites, write_generated
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_site import open_site

from rounds.engines import duck, pack, reference
from rounds.engines.asked import Asked
from rounds.measures.definitions import Measure
from rounds.records.exclusion import Exclusion
from rounds.records.omop import Records, person_files


def excluding(records: Records, *people: int) -> Records:
    """Return some records without some people."""
    return records.without(Exclusion(person_ids=np.array(sorted(people), dtype=np.int64), files=person_files(records)))


def copied_without(folder: Path, into: Path, people: list[int]) -> None:
    """Write a site's tables again, less everything about some people."""
    into.mkdir()
    for path in folder.glob("*.parquet"):
        frame = pl.read_parquet(path)
        if "person_id" in frame.columns:
            frame = frame.filter(~pl.col("person_id").is_in(people))
        frame.write_parquet(into / path.name)


@settings(max_examples=4, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    site=sites(),
    asked=st.lists(measures(), min_size=8, max_size=8),
    people=st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True),
)
def test_every_engine_counts_as_if_they_had_never_been_there(
    site: Site, asked: list[Measure], people: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "whole").mkdir()
        write_generated(folder / "whole", site)
        copied_without(folder / "whole", folder / "less", people)
        less = open_site(folder / "less", outside="exclude")
        records = excluding(open_site(folder / "whole", outside="exclude"), *people)
        batch = [Asked(measure=one, periods=periods_of(one)) for one in asked]
        expected = duck.count_all(batch, less, member="RX1")
        fast = duck.count_all(batch, records, member="RX1")
        packed = pack.count_saying_how(batch, records, member="RX1")
        assert {one.reason for one in packed.fell_back} <= LEFT_TO_SQL
        judged = reference.count_all(batch, records, member="RX1")
        for one, want, slow, found, faster in zip(batch, expected, judged, fast, packed.counts, strict=True):
            assert found.cells.rows() == want.cells.rows(), one.measure.question
            assert faster.cells.rows() == want.cells.rows(), one.measure.question
            assert slow.cells.rows() == want.cells.rows(), one.measure.question
