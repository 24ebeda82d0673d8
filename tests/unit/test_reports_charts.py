"""Charts: what is drawn, in which colours, and how assistive technology reads it."""

import json
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
import reports_fixture as given

from rounds.errors import RoundsError
from rounds.measures.definitions import Better
from rounds.reports.charts import theme
from rounds.reports.charts.funnel import FunnelSite, funnel_chart
from rounds.reports.charts.icons import icon_svg
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.charts.render import SvgCache, accessible, spec_hash
from rounds.reports.charts.spc import SpcPoint, spc_chart
from rounds.reports.charts.theme import MOBILE, WEB, sized, thinned

PALETTE = {theme.GREY, theme.BLUE, theme.ORANGE, theme.INK, theme.PALE, "#e8edee"}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def insights():
    return given.report(members=2).insights


def small_chart(title: str = "Rate per 1,000", label: str = "Jan 2024") -> dict:
    seen = (
        (label, 2.0, None, "common_cause"),
        ("Feb 2024", None, (0.5, 3.5), "common_cause"),
        ("Mar 2024", 9.0, None, "concern"),
    )
    points = tuple(
        SpcPoint(label=when, value=value, bounds=bounds, variation=variation, mean=3.0, limits=(0.0, 6.0))
        for when, value, bounds, variation in seen
    )
    return spc_chart(points=points, target=1.0, title=title)


def test_charts_are_plain_json_without_a_link_to_load(insights) -> None:
    for insight in insights:
        text = json.dumps(insight.chart, allow_nan=False)
        assert '"url"' not in text, insight.id


def test_charts_use_our_colours_and_no_other(insights) -> None:
    for insight in insights:
        used = set(re.findall(r"#[0-9a-fA-F]{6}", json.dumps(insight.chart)))
        assert used <= PALETTE, insight.id


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [theme.GREY, theme.BLUE, theme.ORANGE, theme.INK, theme.PALE])
def test_every_colour_stands_out_from_white(colour: str) -> None:
    needed = 3.0 if colour == theme.PALE else 4.5  # graphics need 3:1, letters 4.5:1
    assert 1.05 / (luminance(colour) + 0.05) >= needed


def test_a_withheld_point_is_a_bar_between_its_bounds_and_no_point() -> None:
    chart = small_chart()
    bars = [layer for layer in chart["layer"] if layer["mark"]["type"] == "bar"]
    assert bars[0]["data"]["values"] == [
        {"period": "Feb 2024", "lower": 0.5, "upper": 3.5, "state": theme.WITHHELD_LABEL}
    ]
    points = next(layer for layer in chart["layer"] if layer["mark"]["type"] == "point")
    assert [row["period"] for row in points["data"]["values"]] == ["Jan 2024", "Mar 2024"]
    assert theme.WITHHELD_LABEL in points["encoding"]["color"]["scale"]["domain"]


def test_a_withheld_group_has_an_interval_and_no_point() -> None:
    rows = (
        IntervalRow(label="a", value=2.0, lower=1, upper=3, withheld=False),
        IntervalRow(label="b", value=None, lower=0, upper=5, withheld=True),
    )
    layers = {layer["mark"]["type"]: layer["data"]["values"] for layer in interval_chart(rows=rows, title="t")["layer"]}
    assert len(layers["rule"]) == 2
    assert [row["group"] for row in layers["point"]] == ["a"]


def test_a_size_can_be_changed_and_changed_back(insights) -> None:
    for insight in insights:
        small = sized(insight.chart, MOBILE)
        assert (small["width"], insight.chart["width"]) == (340, 800)
        assert sized(small, WEB) == insight.chart


def test_period_labels_fit_and_fall_on_the_same_months() -> None:
    labels = [f"{month} {year}" for year in range(2015, 2025) for month in ("Jan", "Apr", "Jul", "Oct")]
    kept = thinned(labels, 4)
    assert len(kept) <= 4
    assert {label.split()[0] for label in kept} == {"Jan"}
    assert thinned([], 4) == []
    steps = [labels.index(second) - labels.index(first) for first, second in pairwise(kept)]
    assert len(set(steps)) == 1


def test_a_chart_is_one_named_image_with_unique_identifiers() -> None:
    svg = SvgCache().svg(small_chart(), MOBILE, key="over-time-x", name="It rose.", description="A chart.")
    root = ET.fromstring(str(svg))  # noqa: S314  # our own drawing
    assert root.attrib["role"] == "img"
    found = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(found) == len(set(found))
    assert root.find(f"{SVG}title").text == "It rose."
    assert root.find(f"{SVG}desc").text == "A chart."
    assert root.attrib["aria-labelledby"] == root.find(f"{SVG}title").attrib["id"]
    assert not [element for element in root.iter() if element is not root and "role" in element.attrib]


def test_markup_in_names_and_labels_stays_text() -> None:
    nasty = '</title><script>alert("1")</script>&'
    svg = str(SvgCache().svg(small_chart(title=nasty, label=nasty), WEB, key="k", name=nasty, description=nasty))
    root = ET.fromstring(svg)  # noqa: S314  # our own drawing
    assert "<script" not in svg
    assert root.find(f"{SVG}title").text == nasty
    assert not list(root.iter(f"{SVG}script"))


def test_roles_inside_words_are_kept() -> None:
    drawn = '<svg class="marks" width="1"><g role="graphics-object" class="x"><text> role="x" &amp; y</text></g></svg>'
    assert ' role="x" &amp; y' in accessible(drawn, key="k", name="n", description="d")


def test_the_same_chart_is_drawn_once() -> None:
    cache = SvgCache()
    cache.svg(small_chart(), MOBILE, key="a", name="n", description="d")
    first = cache.svg(small_chart(), WEB, key="a", name="n", description="d")
    assert cache.svg(small_chart(), WEB, key="a", name="n", description="d") == first
    assert len(cache) == 2
    assert spec_hash(small_chart()) != spec_hash(small_chart(title="another"))


def test_a_chart_that_cannot_be_drawn_is_our_own_error() -> None:
    broken = small_chart()
    broken["layer"][0]["mark"] = {"type": "no such mark"}
    with pytest.raises(RoundsError, match="cannot be drawn"):
        SvgCache().svg(broken, WEB, key="a", name="n", description="d")


@pytest.mark.parametrize(
    ("name", "better", "letter", "words"),
    [
        ("improvement", Better.LOWER, "L", "Improvement: lower than usual"),
        ("improvement", Better.HIGHER, "H", "Improvement: higher than usual"),
        ("concern", Better.LOWER, "H", "Concern: higher than usual"),
        ("concern", None, "C", "Concern"),
        ("neither_low", Better.NEITHER, "L", "Changed: lower than usual"),
        ("common_cause", Better.LOWER, "–", "No clear change"),
        ("consistently_failing", Better.LOWER, "F", "Target will not be met without change"),
    ],
)
def test_an_icon_has_a_letter_and_says_what_it_means(name, better, letter, words) -> None:
    root = ET.fromstring(str(icon_svg(name, better)).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"'))  # noqa: S314
    assert root.attrib["aria-label"] == words
    assert root.find(f"{SVG}text").text == letter


def test_every_kind_of_signal_has_a_shape_of_its_own() -> None:
    shapes = {
        str(icon_svg(name)).split("<g ")[1].split("</g>")[0] for name in ("improvement", "concern", "common_cause")
    }
    assert len(shapes) == 3


def test_sizes_of_organisations_are_written_out() -> None:
    sites = [
        FunnelSite(
            name=f"Site {size}",
            size=size,
            value=90.0,
            bounds=(90.0, 90.0),
            limits95=(85.0, 95.0),
            limits998=(80.0, 100.0),
            outside=False,
            far_outside=False,
        )
        for size in (15_000, 28_000, 42_000)
    ]
    chart = funnel_chart(sites=tuple(sites), centre=90.0, size_title="Admissions", title="Funnel")
    drawn = SvgCache().svg(chart, WEB, key="a", name="n", description="d")
    assert "20,000" in drawn
    assert "e+" not in drawn
