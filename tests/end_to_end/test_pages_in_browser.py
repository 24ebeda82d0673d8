"""The pages in a real browser: they reflow, they have names, and they ask nobody for anything."""

import functools
import http.server
import importlib.util
import json
import shutil
import threading
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("selenium", reason="selenium is not installed; it comes with the development dependencies")

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from rounds.reports.case.write import write_case
from rounds.reports.outputs import write_outputs
from rounds.reports.pages import write_pages

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and DRIVER),
        reason="chromium or chromedriver is not installed (apt-get install chromium chromium-driver)",
    ),
]


def unit_module(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "unit" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_for_browser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: the test looks at the browser's own log."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("pages")
    write_outputs(found, report=unit_module("reports_fixture").report(members=2))
    return found


@pytest.fixture(scope="module")
def root(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def paths(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))


def widen(browser: webdriver.Chrome, width: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )


@pytest.mark.parametrize("width", [320, 1280])
def test_no_page_scrolls_sideways(browser: webdriver.Chrome, root: str, paths: list[str], width: int) -> None:
    widen(browser, width)
    for path in paths:
        browser.get(root + path)
        browser.execute_script("document.querySelectorAll('details').forEach(item => { item.open = true; })")
        found = browser.execute_script("return document.scrollingElement.scrollWidth")
        assert found <= width, f"{path} is {found} px wide at {width}"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_very_long_word_breaks(browser: webdriver.Chrome, root: str, width: int) -> None:
    """People name organisations and innovations, and nothing stops a name of 300 letters."""
    widen(browser, width)
    for path in ("index.html", "policy-maker.html", "measures/cardiac-arrests.html", "organisations/rx01.html"):
        browser.get(root + path)
        opened = "document.querySelectorAll('details').forEach(item => { item.open = true; })"
        browser.execute_script(opened)
        named = "[...document.querySelectorAll('h1, h2, h3, p:not(.tags), main li, main dd, main a, caption span')]"
        written = f"return {named}.map(item => item.append('X'.repeat(300))).length"
        assert browser.execute_script(written) > 20
        assert browser.execute_script("return document.scrollingElement.scrollWidth") <= width, path


@pytest.mark.parametrize(("width", "shown"), [(320, "narrow"), (1280, "wide")])
def test_one_size_of_each_chart_is_shown(browser: webdriver.Chrome, root: str, width: int, shown: str) -> None:
    widen(browser, width)
    browser.get(root + "policy-maker.html")
    figures = browser.find_elements(By.CSS_SELECTOR, ".figure > div")
    assert len(figures) == 4
    visible = [figure.get_attribute("class") for figure in figures if figure.is_displayed()]
    assert visible == [shown, shown]


def test_every_image_link_and_table_has_a_name(browser: webdriver.Chrome, root: str, paths: list[str]) -> None:
    widen(browser, 1280)
    named = 0
    for path in [path for path in paths if path in ("index.html", "service-manager.html") or "/rx01" in path]:
        browser.get(root + path)
        browser.execute_script("document.querySelectorAll('details').forEach(item => { item.open = true; })")
        for element in browser.find_elements(By.CSS_SELECTOR, "svg, a, table, summary, article, nav, [role=region]"):
            if element.is_displayed():
                named += 1
                assert element.accessible_name.strip(), f"{path}: {element.get_attribute('outerHTML')[:120]}"
    assert named > 50


def test_charts_keep_their_letters_readable_on_a_phone(browser: webdriver.Chrome, root: str) -> None:
    widen(browser, 360)
    browser.get(root + "practitioner.html")
    heights = browser.execute_script(
        "return [...document.querySelectorAll('.narrow svg.chart text')].map(t => t.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) >= 9


CROWDED = """
    return [...document.querySelectorAll('svg.chart')].filter(chart => chart.getClientRects().length).flatMap(chart => {
        const frame = chart.getBoundingClientRect();
        const boxes = [...chart.querySelectorAll('text')].filter(text => text.textContent.trim())
            .map(text => ({name: text.textContent, box: text.getBoundingClientRect()}));
        const cut = boxes.filter(one => one.box.left < frame.left - 1 || one.box.right > frame.right + 1);
        const apart = (a, b) => a.right <= b.left || b.right <= a.left
            || a.bottom - 4 <= b.top || b.bottom - 4 <= a.top;
        const over = boxes.flatMap((one, at) => boxes.slice(at + 1)
            .filter(other => !apart(one.box, other.box)).map(other => one.name + ' | ' + other.name));
        return [...cut.map(one => one.name + ' is cut off'), ...over];
    });
"""


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_no_words_of_a_chart_overlap_or_are_cut_off(browser: webdriver.Chrome, root: str, width: int) -> None:
    """In whatever font this browser has: widths were measured in Arial, and few machines have that."""
    widen(browser, width)
    seen = 0
    for name in ("deterioration-programme", "cardiac-arrests", "ae-over-4-hours"):
        path = f"measures/{name}.html"
        browser.get(root + path)
        browser.execute_script("document.querySelectorAll('details').forEach(item => { item.open = true; })")
        seen += browser.execute_script("return document.querySelectorAll('svg.chart text').length")
        assert browser.execute_script(CROWDED) == [], f"{path} at {width}"
    assert seen > 200


def test_a_score_tables_page_reads_well_without_scripts(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """Its figures are there in both sizes, nothing scrolls sideways, and no words lie over each other."""
    round_ = unit_module("test_score_table_round")
    answers = (round_.reply("one", "ZZ1", round_.MANY), round_.reply("two", "ZZ2", round_.FEW))
    report, figures = round_.reported(tmp_path / "network", *answers)
    (tmp_path / "pages").mkdir()
    write_pages(tmp_path / "pages", report=report)
    url = (tmp_path / "pages" / "measures" / "news2-before-death.html").as_uri()
    for width in (320, 1280):
        widen(browser, width)
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            browser.get(url)
            shown = [one for one in browser.find_elements(By.CSS_SELECTOR, ".figure svg.chart") if one.is_displayed()]
            assert len(shown) == len(figures) >= 3
        finally:
            browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        browser.get(url)
        assert browser.execute_script("return document.scrollingElement.scrollWidth") <= width
        assert browser.execute_script(CROWDED) == []


AXE = """
    const done = arguments[0];
    axe.run(document, {resultTypes: ['violations']}).then(found => done({passes: found.passes.length,
        violations: found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 120))])}));
"""


SAID_ONCE = """
    const seen = new Set(arguments[0]);
    const bare = html => html.replace(/ (id|href|aria-[a-z]+)="[^"]*"/g, '').replace(/<(.?)h[1-6]/g, '<$1h');
    const key = text => [...text].reduce((sum, one) => Math.imul(31, sum) + one.codePointAt() | 0, text.length);
    document.querySelectorAll('.narrow, tbody tr:nth-child(n+4)').forEach(item => item.remove());
    document.querySelectorAll('article').forEach(item => {
        const card = key(bare(item.outerHTML));
        if (seen.has(card)) item.remove(); else seen.add(card);
    });
    [...document.querySelectorAll('svg.chart')].slice(1).forEach(chart =>
        chart.querySelectorAll(':scope > g').forEach(marks => marks.remove()));
    return [...seen];
"""
"""Leaves rows beyond the third of a table, a card that an earlier page had, and the marks of all but one chart, out of
a page: axe takes minutes over them, and they are made by the templates of those that stay."""


def opened(browser: webdriver.Chrome, url: str) -> None:
    """Open a page and its folded parts."""
    browser.get(url)
    browser.execute_script("document.querySelectorAll('details').forEach(item => { item.open = true; })")


def axe_finds(browser: webdriver.Chrome) -> list[object]:
    """Return what axe finds wrong with the page that is open."""
    browser.execute_script((resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script(AXE)
    assert found["passes"] > 20, f"{browser.current_url}: axe looked at little of it"
    return list(found["violations"])


def test_axe_finds_nothing(
    browser: webdriver.Chrome, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of audiences, of a round, of an impact with its checks, of a measure, and a case; folded parts open."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "unit"))
    case = unit_module("test_value_case")
    document = case.case(tmp_path, case.evidence(groups=case.GROUPS))
    (tmp_path / "case").mkdir()
    write_case(tmp_path / "case", document=document, made_on=date(2025, 5, 1))
    pages = (
        "policy-maker.html",
        "round.html",
        "measures/deterioration-programme.html",
        "measures/cardiac-arrests.html",
    )
    widen(browser, 1280)
    for url in ((tmp_path / "case" / "index.html").as_uri(), *(root + path for path in pages)):
        opened(browser, url)
        assert axe_finds(browser) == [], url


def test_axe_finds_nothing_on_any_page_of_a_demo_round(browser: webdriver.Chrome, finished: Path) -> None:
    """Whatever pages a round wrote, those of adoption, who is next, benefit and the pipeline among them."""
    (outputs,) = (finished / "outputs").iterdir()
    pages = sorted(outputs.rglob("*.html"))
    names = {page.relative_to(outputs).as_posix() for page in pages}
    assert {"measures/pipeline.html", "measures/deterioration-programme.html", "commissioner.html"} <= names
    once: list[str] = []
    wrong, wide = {}, {}
    for page in pages:
        widen(browser, 390)
        opened(browser, page.as_uri())
        wide[page.name] = browser.execute_script("return document.scrollingElement.scrollWidth")
        widen(browser, 1280)
        once[:] = browser.execute_script(SAID_ONCE, once)
        wrong[page.name] = axe_finds(browser)
    assert {name: found for name, found in wrong.items() if found} == {}
    assert {name: width for name, width in wide.items() if width > 390} == {}
    assert len(once) > 20


def test_the_first_tab_stop_skips_to_the_content(browser: webdriver.Chrome, root: str) -> None:
    widen(browser, 1280)
    browser.get(root + "index.html")
    ActionChains(browser).send_keys(Keys.TAB).perform()
    focused = browser.switch_to.active_element
    assert focused.text == "Skip to main content"
    assert focused.rect["x"] >= 0
    focused.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"


@pytest.mark.parametrize("over", ["http", "file"])
def test_nothing_leaves_the_page_and_nothing_is_refused(
    browser: webdriver.Chrome, root: str, folder: Path, paths: list[str], over: str
) -> None:
    start = root if over == "http" else folder.as_uri() + "/"
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    for path in paths:
        browser.get(start + path)
        styled = browser.execute_script("return getComputedStyle(document.querySelector('.top')).backgroundColor")
        assert styled == "rgb(0, 71, 126)", f"{path}: the style sheet did not load"
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert len(asked) > len(paths)
    assert [url for url in asked if not url.startswith((start, "data:,"))] == []
    assert browser.get_log("browser") == []
