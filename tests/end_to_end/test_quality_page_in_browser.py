"""The quality page of a site in a real browser: it reflows, its parts have names, and it asks nobody for anything."""

import shutil
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import pytest
from small_site import write_site

pytest.importorskip("selenium", reason="selenium is not installed; it comes with the development dependencies")

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from rounds.site.folder import read_site
from rounds.site.quality import check_quality

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and DRIVER),
        reason="chromium or chromedriver is not installed (apt-get install chromium chromium-driver)",
    ),
]


class _Silent:
    def step(self, title: str, total: int) -> None:
        """Nobody watches."""

    def advance(self) -> None:
        """Nobody watches."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("site")
    write_site(
        folder / "records",
        person="1 female 1950\n2 male 1850",
        observation_period="1 2020-01-01 2024-12-31",
        drug_era="\n".join(f"1 drug 2020-0{1 + n % 9}-01" for n in range(60)) + "\n9 0 2020-03-04\n1 0 1930-01-01",
    )
    (folder / "site.yaml").write_text("site: site-a\npolicy: hes\nrecords: {member: RX1, folder: records}\n")
    return (check_quality(read_site(folder), today=date(2025, 1, 1), progress=_Silent()).folder / "index.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = Options()
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield chrome
    chrome.quit()


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_it_reflows_with_everything_open_and_says_nothing_to_the_log(
    browser: webdriver.Chrome, page: str, width: int
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page)
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []


def test_its_parts_have_names(browser: webdriver.Chrome, page: str) -> None:
    browser.get(page)
    ids = [one.get_attribute("id") for one in browser.find_elements(By.CSS_SELECTOR, "[id]")]
    assert len(ids) == len(set(ids))
    for region in browser.find_elements(By.CSS_SELECTOR, "[role=region]"):
        assert region.get_attribute("aria-labelledby") in ids
    assert all(one.get_attribute("aria-label") for one in browser.find_elements(By.CSS_SELECTOR, "svg"))
    assert all(one.find_elements(By.TAG_NAME, "caption") for one in browser.find_elements(By.TAG_NAME, "table"))
    targets = [one.get_attribute("href").rpartition("#")[2] for one in browser.find_elements(By.CSS_SELECTOR, "nav a")]
    assert set(targets) <= set(ids)
    levels = [int(one.tag_name[1]) for one in browser.find_elements(By.CSS_SELECTOR, "h1, h2, h3")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert "checks failed" in browser.title
