"""The pages: every audience's, well-formed, linked, accessible, and the same every time."""

from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest
import reports_fixture as given
from jinja2 import UndefinedError

from rounds.errors import RoundsError
from rounds.network.members import Membership
from rounds.reports.charts.render import SvgCache
from rounds.reports.insight import Audience, Direction
from rounds.reports.outputs import write_outputs
from rounds.reports.pages import write_pages
from rounds.reports.pages.plan import change_summary, icon_table, pages_of
from rounds.reports.pages.views import VIEWS, Layout, Section, rank, selected
from rounds.reports.pages.write import _environment
from rounds.reports.report import Report

CACHE = SvgCache()
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """What a page holds, and whether its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def having(self, name: str) -> list[str]:
        return [found[name] or "" for _, found in self.tags if name in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All outputs of a small report."""
    found = tmp_path_factory.mktemp("outputs")
    downloads = (("insights.xlsx", "Excel"), ("insights.json", "JSON"))
    for name, _ in downloads:
        (found / name).write_bytes(b"")
    write_pages(found, report=given.report(members=3), downloads=downloads, cache=CACHE)
    return found


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, Reader]:
    return {
        path.relative_to(folder).as_posix(): Reader(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")
    }


def test_every_audience_measure_and_organisation_has_a_page(pages: dict[str, Reader]) -> None:
    expected = {"index.html", "round.html"}
    expected |= {f"{audience}.html" for audience in Audience}
    expected |= {f"measures/{of.id}.html" for of in given.report().measures} | {f"measures/{given.INNOVATION.id}.html"}
    expected |= {f"organisations/{code.lower()}.html" for code in given.CODES[:3]}
    assert set(pages) == expected


def test_every_audience_has_exactly_one_view() -> None:
    assert [view.audience for view in VIEWS] == list(Audience)


def test_every_link_leads_somewhere(pages: dict[str, Reader], folder: Path) -> None:
    checked = 0
    for path, page in pages.items():
        for link in page.having("href"):
            if link == "data:,":
                continue
            target, _, anchor = link.partition("#")
            where = normpath(join(dirname(path), target)) if target else path
            assert (folder / where).is_file(), f"{path} links to {link}"
            if anchor:
                checked += 1
                assert anchor in pages[where].having("id"), f"{path} links to {link}"
    assert checked > 20


def test_identifiers_are_unique_on_a_page_and_references_resolve(pages: dict[str, Reader]) -> None:
    for path, page in pages.items():
        found = page.having("id")
        assert len(found) == len(set(found)), path
        references = {
            name
            for kind in ("aria-labelledby", "aria-describedby")
            for text in page.having(kind)
            for name in text.split()
        }
        assert references <= set(found), path


def test_nothing_runs_and_nothing_is_styled_in_line(pages: dict[str, Reader]) -> None:
    for path, page in pages.items():
        tags = {tag for tag, _ in page.tags}
        assert not tags & {"script", "style", "iframe", "object", "embed", "form"}, path
        names = {name for _, found in page.tags for name in found}
        assert "style" not in names, path
        assert not {name for name in names if name.startswith("on")}, path
        policy = next(found["content"] for tag, found in page.tags if "http-equiv" in found)
        assert policy is not None
        assert policy.startswith("default-src 'none'; style-src 'self';")


def test_headings_descend_by_one_from_a_single_first(pages: dict[str, Reader]) -> None:
    for path, page in pages.items():
        levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(now <= before + 1 for before, now in pairwise(levels)), path


def test_tables_have_captions_and_scopes(pages: dict[str, Reader]) -> None:
    for path, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert tags.count("table") == tags.count("caption"), path
        assert all(found.get("scope") in ("row", "col") for tag, found in page.tags if tag == "th"), path


def test_every_chart_has_a_way_to_its_numbers(pages: dict[str, Reader]) -> None:
    for path, page in pages.items():
        if path.startswith("organisations/"):
            articles = sum(tag == "article" for tag, _ in page.tags)
            assert sum(tag == "table" for tag, _ in page.tags) == articles, path


def test_the_same_report_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written = write_pages(tmp_path / name, report=given.report(members=1), cache=CACHE)
        assert len(written) == len(set(written))
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) > 10
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_names_with_markup_are_shown_as_text(tmp_path: Path) -> None:
    nasty = "<img src=x onerror=alert(1)> & Sons"
    members = tuple(
        replace(member, name=nasty) if member.ods_code == "RX01" else member for member in given.MEMBERSHIP.members
    )
    report = replace(given.report(members=0), network_name=nasty, membership=Membership(members=members))
    write_pages(tmp_path, report=report, cache=CACHE)
    text = (tmp_path / "round.html").read_text(encoding="utf-8")
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; Sons" in text


def test_a_round_without_findings_still_has_every_audience(tmp_path: Path) -> None:
    report = replace(given.report(members=0), insights=())
    write_pages(tmp_path, report=report, cache=CACHE)
    assert {f"{audience}.html" for audience in Audience} <= {path.name for path in tmp_path.iterdir()}
    text = (tmp_path / "policy-maker.html").read_text(encoding="utf-8")
    assert "This round follows no programme, so there is no spread to show." in text


def test_a_misspelt_name_in_a_template_is_an_error() -> None:
    environment = _environment(given.report(members=0), CACHE)
    with pytest.raises(UndefinedError):
        environment.from_string("{{ nothing_of_this_name }}").render()


def test_practitioners_see_at_most_three_changes_and_policy_makers_one_page() -> None:
    contexts = {page.path: page.context for page in pages_of(given.report())}
    charts = {
        path: [i for part in context["sections"] if part["section"].layout is Layout.CARDS for i in part["insights"]]
        for path, context in contexts.items()
        if "sections" in context
    }
    shown = charts["practitioner.html"]
    assert 1 <= len(shown) <= 3
    assert all(insight.direction in (Direction.BETTER, Direction.WORSE) for insight in shown)
    assert len(charts["policy-maker.html"]) <= 2
    assert all(len(contexts[f"organisations/{code.lower()}.html"]["changes"]) <= 3 for code in given.CODES)


def test_the_icon_table_holds_every_organisation_and_measure() -> None:
    section = next(part for view in VIEWS for part in view.sections if part.layout is Layout.ICON_TABLE)
    table = icon_table(selected(section, given.report().insights))
    assert len(table["rows"]) == 15
    assert list(table["columns"].values()) == sorted(of.title for of in given.report().measures)
    assert [name for _, name, _ in table["rows"]] == sorted(given.NAMES)
    assert all(None not in row for _, _, row in table["rows"])


def test_what_got_worse_comes_first_and_the_surest_of_it() -> None:
    section = Section(heading="h", layout=Layout.LINES, kinds=tuple({i.kind for i in given.report().insights}))
    ordered = sorted(given.report().insights, key=rank)
    assert ordered[0].direction is Direction.WORSE
    assert ordered[-1].direction is Direction.NO_CHANGE
    assert len(selected(replace(section, limit=2), given.report().insights)) == 2


def test_the_summary_adds_up() -> None:
    mine = tuple(insight for insight in given.report().insights if insight.scope == "RX01")
    assert change_summary(mine) == "2 of 4 charts changed (1 better, 1 worse), 1 did not, 1 cannot be told."


def test_a_report_refuses_two_insights_of_one_id_and_those_of_another_round() -> None:
    report = given.report(members=1)
    with pytest.raises(RoundsError, match="twice"):
        replace(report, insights=(*report.insights, report.insights[0]))
    with pytest.raises(RoundsError, match="not to 2024-q4"):
        replace(report, round_id="2024-q4")


def test_all_outputs_link_to_each_other(tmp_path: Path) -> None:
    small: Report = replace(given.report(members=0), insights=given.report(members=0).insights[:1])
    written = write_outputs(tmp_path, report=small)
    assert all(path.is_file() for path in written)
    text = (tmp_path / "researcher.html").read_text(encoding="utf-8")
    assert 'href="insights.xlsx"' in text
    assert 'href="insights.json"' in text
