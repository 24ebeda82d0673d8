"""The money of a return: by hand, in sums that add up, and never a nought where nobody knows a price."""

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path

import benefit_cases as given
import numpy as np
import openpyxl
import pytest
from benefit_cases import made, year_of
from test_value import PLAIN

from rounds.learning.benefit.reconcile import Unreconciled
from rounds.learning.value.programme import Declared
from rounds.learning.value.realised import Amounts, Money
from rounds.reports.benefit_files import RETURN_FOLDER, RETURN_WORKBOOK, write_return
from rounds.reports.content.benefit_lines import ALL_PROGRAMMES, Level, Line, Span, check_lines
from rounds.reports.content.benefit_money import Prices
from rounds.reports.content.benefit_money_tables import NOT_VALUED, value_cells
from rounds.reports.content.benefit_nation import national_lines
from rounds.reports.content.benefit_return import QuarterlyReturn
from rounds.storage.value_files import read_declared

HUB = (
    "  - {id: hub, title: Hub, kind: cost, per: programme and year, amount: 60, price_year: '2024/25', source: ours}\n"
)
NEWS2 = PLAIN.replace("deterioration-programme", "news2").replace("health:", HUB + "health:")
IN_2024 = {"since": date(2024, 1, 1)}


def priced(tmp_path: Path, text: str = NEWS2) -> Declared:
    (tmp_path / "costs.yaml").write_text(text)
    return read_declared(tmp_path / "costs.yaml")


def of(line: Line) -> Money:
    assert isinstance(line.money, Money), line.money
    return line.money


def whole(found: QuarterlyReturn, span: Span = Span.ALL, innovation: str = "news2") -> tuple[Line, ...]:
    return tuple(line for line in found.of(Level.NETWORK, span) if line.innovation == innovation)


def test_a_year_by_hand(tmp_path: Path) -> None:
    """Two sites and 366 days: 2 x 100 a site and year, 60 a programme, one start; 36 events at 10 and half a QALY."""
    statement = given.statement(year_of("X1", 2.0) + year_of("X2", 1.0, **IN_2024))
    found = made(statement, prices=Prices(declared=(priced(tmp_path),)))
    (line,) = whole(found)
    now = of(line).now
    leap = 366 / 365.25
    assert now.spent.estimate == pytest.approx(200 * leap + 60 * leap + 50, abs=4), "X1 began before the ledger"
    assert (now.saved.estimate, now.health) == (360, replace(now.health, estimate=18.0) if now.health else None)
    assert now.net_cost.estimate == now.spent.estimate - 360
    assert now.net_benefit[0].estimate == 18 * 100 - now.net_cost.estimate
    first = whole(found, Span.QUARTER)[0]
    assert of(first).now.spent.estimate == pytest.approx((200 + 60) * 91 / 365.25 + 50, abs=2), (
        "the start falls due once"
    )
    sites = {line.scope: of(line).now.spent.estimate for line in found.of(Level.SITE, Span.ALL)}
    assert sites["X2"] - sites["X1"] == 50, "the hub is shared evenly, the start is X2's own"

    one = 1 / 1.1  # January to March is of 2023/24, the rest of the year later
    later = sum(of(line).now.spent.estimate for line in whole(found, Span.QUARTER)[1:])
    assert of(line).since == "2023/24"
    assert of(line).present.spent.estimate == pytest.approx(of(first).now.spent.estimate + one * later, abs=4)
    assert of(line).present.saved.estimate == pytest.approx(90 + one * 270, abs=4)
    assert of(line).present.health is not None
    assert now.health is not None
    assert of(line).present.health.estimate == now.health.estimate, "health is not discounted in this file"


def test_money_adds_up_everywhere_and_is_checked(tmp_path: Path) -> None:
    ranged = NEWS2.replace("amount: 100,", "amount: 100.37, low: 80, high: 120,")
    statement = given.statement(year_of("X1", 3.11) + year_of("X2", 2.7) + year_of("X3", 1.93, **IN_2024))
    found = made(statement, prices=Prices(declared=(priced(tmp_path, ranged),)))
    for name in of(found.lines[0]).now.named:

        def sums(level: Level, span: Span, name: str = name) -> float:
            return sum(of(line).now.named[name].estimate for line in found.of(level, span))

        (total,) = whole(found)
        for level in Level:
            for span in Span:
                assert sums(level, span) == pytest.approx(of(total).now.named[name].estimate, abs=1e-6)
    check_lines(found.lines, what="the return")
    for at in range(0, len(found.lines), 7):
        line, money = found.lines[at], of(found.lines[at])
        saved = replace(money.now.saved, estimate=money.now.saved.estimate + 1)
        wrong = list(found.lines)
        wrong[at] = replace(line, money=replace(money, now=replace(money.now, saved=saved)))
        with pytest.raises(Unreconciled, match="saved: "):
            check_lines(wrong, what="the return")


def test_the_interval_is_that_of_a_simulation_of_everything(tmp_path: Path) -> None:
    """Events hang together through a shared source; prices are uncertain; 200,000 draws of all of it are the judge."""
    text = NEWS2.replace("per_event: 0.5,", "per_event: 0.5, low: 0.2, high: 1.0,").replace(
        "amount: 100,", "amount: 100, low: 60, high: 150,"
    )
    entries = year_of("X1", 3.0, slopes=((0, 0.5),), own=2.0) + year_of("X2", 1.0, slopes=((0, -0.2),), own=0.5)
    found = made(given.statement(entries), prices=Prices(declared=(declared := priced(tmp_path, text),)))
    (line,) = whole(found)
    rng = np.random.default_rng(7)
    size = 200_000
    shared = rng.normal(size=size) * 12 * (0.5 - 0.2)
    events = 48 + shared + rng.normal(size=size) * np.sqrt(12 * 2.5)
    assert declared.health is not None
    health = events * declared.health.amount.at(rng.normal(size=size))
    team = declared.costs[0].amount.at(rng.normal(size=size))
    leap = 366 / 365.25
    benefit = 100 * health + 10 * events - team * 2 * leap - 60 * leap
    low, high = np.quantile(benefit, (0.025, 0.975))
    told = of(line).now.net_benefit[0]
    assert told.estimate == pytest.approx(benefit.mean(), rel=0.003)
    assert [told.lower, told.upper] == pytest.approx([low, high], abs=0.02 * (high - low))


NOBODY = given.statement(year_of("X1", 2.0), innovation="outreach")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no prices are declared for it"),
        (NEWS2.replace("measure: cardiac-arrests", "measure: falls"), "what it costs is counted once, with falls"),
        (NEWS2.replace("innovation: news2", "innovation: another"), "no prices are declared for it"),
    ],
)
def test_without_a_price_it_is_not_valued_and_never_nought(tmp_path: Path, text: str | None, says: str) -> None:
    declared = () if text is None else (priced(tmp_path, text),)
    found = made(given.statement(year_of("X1", 2.0)), prices=Prices(declared=declared))
    assert {line.money for line in found.lines} == {says}
    write_return(tmp_path, found, code_version="0")
    for name in ("return", "sites", "network-and-regions"):
        for row in csv.DictReader((tmp_path / RETURN_FOLDER / f"{name}.csv").read_text().splitlines()):
            assert [row["Value"], row["Value, lower (95%)"], row["Value, upper (95%)"]] == [NOT_VALUED] * 3
            assert row["Value is"] == f"not valued: {says}"
    for row in csv.DictReader((tmp_path / RETURN_FOLDER / "money.csv").read_text().splitlines()):
        assert (row["Amount"], row["Present value"]) == (NOT_VALUED, NOT_VALUED)
    assert not (tmp_path / RETURN_FOLDER / "prices.csv").exists()


def test_what_was_found_not_to_work_has_no_net_benefit(tmp_path: Path) -> None:
    for value in (-2.0, 0.1):
        found = made(given.statement(year_of("X1", value)), prices=Prices(declared=(priced(tmp_path),)))
        assert {str(line.money)[:24] for line in found.lines} == {"no benefit was found tha"}


def test_site_periods_without_an_estimate_are_not_taken_for_no_benefit(tmp_path: Path) -> None:
    told, untold = year_of("X1", 2.0), [replace(one, avoided=None) for one in year_of("X2")]
    both = made(given.statement(told + untold), prices=Prices(declared=(priced(tmp_path),)))
    money = {line.scope: line.money for line in both.of(Level.SITE, Span.ALL)}
    assert isinstance(money["X1"], Money)
    assert str(money["X2"]).startswith("nothing can be expected")
    (line,) = whole(both)
    alone = {name: one.estimate for name, one in money["X1"].now.named.items()}
    assert {name: one.estimate for name, one in of(line).now.named.items()} == alone, (
        "what is not known is left out with its costs"
    )


def test_programmes_together_are_valued_if_all_are(tmp_path: Path) -> None:
    two = (given.statement(year_of("X1", 3.0) + year_of("X2", 3.0)), NOBODY)
    one = priced(tmp_path)
    other = replace(one, id="b", innovation="outreach")
    both = made(*two, prices=Prices(declared=(one, other)))
    (together,), parts = whole(both, innovation=ALL_PROGRAMMES), [*whole(both), *whole(both, innovation="outreach")]
    for name, amount in of(together).now.named.items():
        assert amount.estimate == sum(of(part).now.named[name].estimate for part in parts)
    for declared, says in (
        ((one,), "outreach is not valued: no prices"),
        ((one, replace(other, currency="EUR")), "priced in different ways"),
        ((one, replace(other, price_year="2020/21")), "priced in different ways"),
        ((one, other, replace(one, id="a second")), "keep one of the files"),
    ):
        found = made(*two, prices=Prices(declared=declared))
        assert says in str(whole(found, innovation=ALL_PROGRAMMES)[0].money)


def test_a_nation_is_valued_if_all_its_networks_are_and_alike(tmp_path: Path) -> None:
    prices = Prices(declared=(priced(tmp_path),))

    def network(name: str, code: str, prices: Prices = prices) -> QuarterlyReturn:
        found = made(given.statement(year_of(code, 2.0), network=name), codes=(code,), prices=prices)
        return replace(found, asked=replace(found.asked, network_id=name, network_name=name))

    one, other = network("north", "X1"), network("south", "X2")
    (line,) = [line for line in national_lines([one, other]) if line.label == "since the start"]
    parts = [of(whole(found)[0]).now.net_benefit[0] for found in (one, other)]
    assert line.value is not None
    assert line.value[0] == sum(part.estimate for part in parts)
    assert line.value[0] - line.value[1] < sum(part.estimate - part.lower for part in parts), "networks are independent"
    euros = Prices(declared=(replace(priced(tmp_path), currency="EUR"),))
    for south, says in (
        (network("south", "X2", euros), "in different ways"),
        (network("south", "X2", Prices()), "south"),
    ):
        (line,) = [line for line in national_lines([one, south]) if line.label == "since the start"]
        assert line.value is None
        assert says in line.value_is


def test_the_workbook_holds_sums_as_numbers_with_their_prices(tmp_path: Path) -> None:
    found = made(given.statement(year_of("X1", 2.0)), prices=Prices(declared=(priced(tmp_path),)))
    write_return(tmp_path, found, code_version="0")
    book = openpyxl.load_workbook(tmp_path / RETURN_WORKBOOK)
    sheet = book["money-by-quarter-and-year"]
    rows = list(sheet.iter_rows(min_row=4, values_only=True))
    heads = [cell.value for cell in sheet[3]]
    spent = dict(zip(heads, rows[0], strict=True))
    assert (spent["What"], spent["Unit"], spent["Price year"]) == ("Spent", "GBP", "2024/25")
    assert isinstance(spent["Amount"], int | float)
    assert (spent["Discounted, % a year"], spent["Counts in full"]) == (10, "2023/24")
    prices = [row[1] for row in book["prices-that-the-money-was-made"].iter_rows(min_row=4, values_only=True)]
    assert {"Team", "Care", "Hub", "What one QALY is worth"} <= set(prices)


def test_without_a_worth_the_value_is_what_is_saved_less_what_is_spent(tmp_path: Path) -> None:
    text = "\n".join(line for line in NEWS2.splitlines() if not line.startswith(("threshold", "health")))
    found = made(given.statement(year_of("X1", 2.0)), prices=Prices(declared=(priced(tmp_path, text),)))
    (line,) = whole(found)
    now: Amounts = of(line).now
    assert (now.health, now.net_benefit) == (None, ())
    assert value_cells(line)[0] == now.saved.estimate - now.spent.estimate
    assert "nobody stated what one event avoided is worth" in str(value_cells(line)[3])
