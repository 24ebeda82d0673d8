"""A pack that grows month by month counts as one built anew, and as the reference engine, whatever the months bring."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from every_engine import LEFT_TO_SQL
from generated_sites import Site, measures, periods_of, sites
from growing_site import MONTHS, grow, months_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rounds.engines import reference
from rounds.engines.asked import Asked
from rounds.engines.pack import count_saying_how, growing
from rounds.engines.pack.layout import MANIFEST, Pack
from rounds.measures.definitions import Measure
from rounds.records.omop import Records

MET: Counter[str] = Counter()


@settings(max_examples=10, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    site=sites(),
    asked=st.lists(measures(), min_size=10, max_size=10),
    seed=st.integers(0, 1_000_000),
    disturbed=st.booleans(),
    segments=st.sampled_from((2, 12, 12)),
)
def grows(site: Site, asked: list[Measure], seed: int, disturbed: bool, segments: int) -> None:
    """Hold a pack that grows against one built anew each month, and the last one against the judge."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    with tempfile.TemporaryDirectory() as name, patch.object(growing, "MOST_SEGMENTS", segments):
        folder, before = Path(name), None
        for now, records in enumerate(months_of(folder, site, rng, disturbed=disturbed)):
            grown = grow(records, folder / "packs" / f"grown-{now}", before=before)
            MET["people in a file of their own"] += before is not None and _longer(before, grown)
            before = grown.folder
            anew = grow(records, folder / "packs" / f"anew-{now}", before=None)
            note(grown, anew, last=now == MONTHS - 1)
            found, expected = counted(asked, records, grown), counted(asked, records, anew)
            for one, mine, theirs in zip(asked, found, expected, strict=True):
                assert mine == theirs, one.question
        judged = reference.count_all(batch_of(asked), records, member="RX1")
        for one, mine, slow in zip(asked, found, judged, strict=True):
            assert mine == slow.cells.rows(), one.question


def batch_of(asked: list[Measure]) -> list[Asked]:
    return [Asked(measure=one, periods=periods_of(one)) for one in asked]


def counted(asked: list[Measure], records: Records, pack: Pack) -> list[object]:
    found = count_saying_how(batch_of(asked), records, member="RX1", pack=pack)
    assert {one.reason for one in found.fell_back} <= LEFT_TO_SQL
    return [one.cells.rows() for one in found.counts]


def _longer(before: Path, grown: Pack) -> bool:
    """Say whether people came behind in the same file."""
    file = grown.folder / "people.mark.npy"
    return (
        file.samefile(before / file.name) and len(grown.mark) > json.loads((before / MANIFEST).read_bytes())["people"]
    )


def note(grown: Pack, anew: Pack, *, last: bool) -> None:
    several = [len(set(table.codes.tolist())) < len(table.codes) for table in grown.tables.values()]
    MET["a concept in several segments"] += any(several)
    MET["a table in several and one in one"] += any(several) and not all(several)
    MET["everything in one segment after months"] += last and not any(several)
    MET["numbers in the order they came"] += grown.mark.tolist() != anew.mark.tolist()
    MET["ids in the order they came"] += any(np.any(np.diff(ids) < 0) for ids in grown.ids.values())
    MET["rows outside observation"] += any(table.has("inside") for table in grown.tables.values())


@pytest.mark.slow
def test_a_pack_that_grows_counts_as_one_built_anew_and_everything_was_met() -> None:
    MET.clear()
    grows()  # one test, for two could run in two processes, of which one has met nothing
    assert all(number > 1 for number in MET.values()), MET
    assert len(MET) == 7
