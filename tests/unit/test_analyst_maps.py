"""Maps: outlines from files, who touches whom, clusters that are there and none that are not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from rounds.analyst import place_map
from rounds.analyst.frames import TableError
from rounds.cli.app import app
from rounds.learning.variation.between_places.clusters import Cluster, spatial_clusters
from rounds.learning.variation.between_places.neighbours import touching, without
from rounds.learning.variation.over_time.chart import Told
from rounds.reports.charts.map import BETWEEN_SHADES, NO_NUMBER
from rounds.storage.geojson import read_boundaries

SIDE = 6
"""Places lie on a board of 6 by 6."""
IN_CORNER = [row * SIDE + column for row in range(3) for column in range(3)]


def square(place: int) -> list[list[float]]:
    x, y = float(place % SIDE), 50 + float(place // SIDE)
    return [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]]


def board(tmp_path: Path, *, places: int = SIDE * SIDE, **changes: Any) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"code": f"P{place:02}", "name": f"Place {place}", **changes},
            "geometry": {"type": "Polygon", "coordinates": [square(place)]},
        }
        for place in range(places)
    ]
    path = tmp_path / "board.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def table(events: list[int | str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "area": [f"P{place:02}" for place in range(len(events))],
            "events": [str(one) for one in events],
            "people": [100_000] * len(events),
        }
    )


def high_corner(seed: int) -> list[int | str]:
    rng = np.random.default_rng(seed)
    return [int(rng.poisson(260 if place in IN_CORNER else 100)) for place in range(SIDE * SIDE)]


def test_who_touches_whom() -> None:
    outlines = [(tuple((x, y) for x, y in square(place)),) for place in (0, 1, 7, 20)]
    assert touching(outlines) == ((1, 2), (0, 2), (0, 1), ())
    assert without(touching(outlines), [1]) == (((1,), (0,), ()), (0, 2, 3))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One map with a high corner and two withheld places, elsewhere."""
    folder = tmp_path_factory.mktemp("map")
    events = high_corner(5)
    events[30], events[35] = "[c]", "*"
    return place_map(table(events), board(folder), better="lower"), folder


def test_a_high_corner_is_found_and_withheld_places_take_no_part(drawn: Any) -> None:
    result, _ = drawn
    high = {at for at, one in enumerate(result.clusters) if one is Cluster.HIGH}
    assert {0, 1, 6, 7} <= high <= set(IN_CORNER)
    assert (result.clusters[30], result.clusters[35]) == (None, None)
    assert "2 without a number" in result.sentence
    assert result.unit == "% of people"
    shown = result.table().filter(pl.col("place") == "P30").row(0, named=True)
    assert (shown["value"], shown["state"]) == (None, "withheld")


def test_the_picture_and_the_workbook(drawn: Any) -> None:
    result, folder = drawn
    written = result.write(folder / "out")
    assert [path.name for path in written] == ["map.xlsx", "map.svg", "map.png"]
    svg = (folder / "out" / "map.svg").read_text()
    assert NO_NUMBER in svg
    assert "High beside high" in result.sentence.capitalize() or "high beside high" in result.sentence
    assert "<svg" in result._repr_html_()


def test_clusters_are_certain_or_possible_where_counts_are_withheld(tmp_path: Path) -> None:
    """Small bounds far off leave the high corner certain; one whose own counts may be anything is only possible."""
    path = board(tmp_path)
    events = high_corner(5)
    events[30], events[35] = "1-7", "<5"
    far = place_map(table(events), path)
    assert (far.clusters[0], far.told[0]) == (Cluster.HIGH, Told.CERTAIN)
    assert far.told[30] is not None
    assert "2 known only between bounds" in far.sentence
    near = place_map(table([f"1-{one}" if at in (0, 1, 6, 7) else one for at, one in enumerate(high_corner(5))]), path)
    assert Told.POSSIBLE in near.told
    assert near.told[0] is not Told.CERTAIN
    assert "possibly high beside high" in near.sentence
    drawn = json.dumps(near.spec)
    assert BETWEEN_SHADES in drawn
    assert '"H?"' in drawn
    row = near.table().filter(pl.col("place") == "P00").row(0, named=True)
    assert (row["value"], row["state"], row["lowest"]) == (None, "between bounds", pytest.approx(0.001))


def test_the_command_takes_a_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events = high_corner(5)
    events[30] = "[c]"
    table(events).write_csv("t.csv")
    command = ["map", "t.csv", "--boundaries", str(board(tmp_path)), "--withheld-range", "1-7"]
    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "1 known only between bounds" in shown.stdout


def test_where_nothing_clusters_few_maps_name_any() -> None:
    """At 5 % of findings false, maps without any cluster name one in at most about 5 of 100."""
    outlines = [(tuple((x, y) for x, y in square(place)),) for place in range(SIDE * SIDE)]
    rng = np.random.default_rng(11)
    named = 0
    for seed in range(40):
        found = spatial_clusters(
            events=rng.poisson(100, SIDE * SIDE).astype(float),
            populations=np.full(SIDE * SIDE, 100_000.0),
            neighbours=touching(outlines),
            seed=seed,
            permutations=999,
        )
        named += any(one is not Cluster.NONE for one in found.places)
    assert named <= 6  # 40 maps at 5 %: more than 6 has a chance of 0.3 %


def test_the_same_seed_gives_the_same_clusters() -> None:
    outlines = [(tuple((x, y) for x, y in square(place)),) for place in range(SIDE * SIDE)]
    given = {
        "events": np.array(high_corner(3), dtype=float),
        "populations": np.full(SIDE * SIDE, 100_000.0),
        "neighbours": touching(outlines),
        "permutations": 199,
    }
    one, other = (spatial_clusters(seed=9, **given) for _ in range(2))  # type: ignore[arg-type]
    assert one.p_values.tolist() == other.p_values.tolist()


@pytest.mark.parametrize(
    ("events", "says"),
    [([1.0] * 4, "4 places have neighbours"), ([np.nan] * 4, "place 1 has no finite count"), ([-1.0] * 4, "below 0")],
)
def test_what_has_no_clusters_is_refused(events: list[float], says: str) -> None:
    neighbours = ((1,), (0,), (3,), (2,))
    with pytest.raises(ValueError, match=says):
        spatial_clusters(events=np.array(events), populations=np.full(4, 10.0), neighbours=neighbours, seed=1)


def test_few_places_are_drawn_without_clusters(tmp_path: Path) -> None:
    result = place_map(table([5, 7, 9]), board(tmp_path, places=3))
    assert result.notes == ("No clusters are looked for: 3 places touch another, and 10 are needed.",)
    assert "clusters were not looked for" in result.sentence


def test_places_are_matched_by_the_property_that_holds_them(tmp_path: Path) -> None:
    found = read_boundaries(board(tmp_path), ["Place 1", "Place 2"], key=None, error=TableError)
    assert found.key == "name"


def features(geometry: str) -> str:
    return f'{{"features": [{{"properties": {{"code": "P00"}}, "geometry": {geometry}}}]}}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json", "this is not JSON"),
        ("{}", "there are no features"),
        (features('{"type": "Point", "coordinates": [0, 1]}'), "feature 1: it is not a polygon"),
        (features('{"type": "Polygon", "coordinates": [[[400000, 300000], [1, 1], [2, 2]]]}'), "national grid"),
    ],
)
def test_bad_boundaries_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "b.geojson"
    path.write_text(text)
    with pytest.raises(TableError, match=says):
        place_map(table([1, 2]), path)


def test_places_without_an_outline_are_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no place has the code P02"):
        place_map(table([1, 2, 3]), board(tmp_path, places=2))
    with pytest.raises(TableError, match="none of its properties"):
        place_map(table([1, 2]).with_columns(area=pl.lit("X") + pl.col("area")), board(tmp_path))


def test_one_number_a_place(tmp_path: Path) -> None:
    twice = pl.concat([table([1, 2]).with_columns(sex=pl.lit("f")), table([3, 4]).with_columns(sex=pl.lit("m"))])
    with pytest.raises(TableError, match="one for each sex; choose with --where"):
        place_map(twice, board(tmp_path))
    assert place_map(twice, board(tmp_path), where={"sex": "m"}).counts.rows["numerator"].to_list() == [3.0, 4.0]
