"""The money of a quarterly return as tables: every sum with its interval, and the prices that it was made by."""

from collections.abc import Sequence

from rounds.learning.value.programme import Declared
from rounds.learning.value.realised import Money
from rounds.learning.value.simulations import Interval
from rounds.reports.content.benefit_lines import Line
from rounds.reports.content.cells import tidy
from rounds.reports.content.value_words import money_span
from rounds.reports.insight import Cell, Mark

NOT_VALUED = "not valued"
"""What stands where no price is known: never 0."""
VALUE_COLUMNS = ("Value", "Value, lower (95%)", "Value, upper (95%)", "Value is")
MONEY_COLUMNS = (
    "What",
    "Amount",
    "Lower (95%)",
    "Upper (95%)",
    "Present value",
    "Present value, lower (95%)",
    "Present value, upper (95%)",
    "Unit",
    "Price year",
    "Discounted, % a year",
    "Counts in full",
)
PRICE_COLUMNS = (
    "Programme",
    "What",
    "Kind",
    "For each",
    "Amount",
    "Lower (95%)",
    "Upper (95%)",
    "Unit",
    "As stated",
    "Source",
)


def value_cells(line: Line) -> tuple[Cell, ...]:
    """Return what a line's benefit is worth less what it cost, or that it is not valued and why."""
    found = value_of(line)
    return (*(NOT_VALUED,) * 3, found) if isinstance(found, str) else (*_three(found[0]), found[1])


def value_of(line: Line) -> tuple[Interval, str] | str:
    """Return what a line's benefit is worth less what it cost, with what that is, or that it is not valued and why."""
    if isinstance(line.money, str):
        return f"{NOT_VALUED}: {line.money}"
    found, what = _value(line.money)
    declared = line.money.declared[0]
    return found, f"{what}, {declared.currency} at {declared.price_year} prices, not discounted"


def value_words(line: Line) -> str:
    """Return the same as a sentence."""
    if isinstance(line.money, str):
        return f"Not valued: {line.money}."
    found, what = _value(line.money)
    return f"{what[0].upper()}{what[1:]}: {money_span(found, line.money.declared[0].currency)}."


def _value(money: Money) -> tuple[Interval, str]:
    declared = money.declared[0]
    if money.now.net_benefit:
        worth = f"one {declared.unit} worth {money.worths[0]:,.10g} {declared.currency}"
        return money.now.net_benefit[0], f"net benefit with {worth}"
    cost = money.now.net_cost
    return (
        Interval(estimate=-cost.estimate, lower=-cost.upper, upper=-cost.lower),
        f"saved less spent, as nobody stated what one {declared.unit} is worth",
    )


def money_rows(line: Line, about: tuple[Cell, ...]) -> Sequence[tuple[Cell, ...]]:
    """Return a row for each sum of a line; one that says that it is not valued if nothing is.

    Args:
        line: of the return.
        about: the cells before, which say what it is a line of.
    """
    if isinstance(line.money, str):
        return [(*about, f"{NOT_VALUED}: {line.money}", *(NOT_VALUED,) * 6, *(Mark.NOT_APPLICABLE,) * 4)]
    money, declared = line.money, line.money.declared[0]
    now, later = money.now, money.present
    sums: list[tuple[str, Interval, Interval, str, float | None]] = [
        ("Spent", now.spent, later.spent, declared.currency, declared.discounting.costs),
        ("Saved", now.saved, later.saved, declared.currency, declared.discounting.costs),
        ("Spent less saved", now.net_cost, later.net_cost, declared.currency, declared.discounting.costs),
    ]
    if now.health is not None and later.health is not None:
        sums.append(("Health gained", now.health, later.health, declared.units, declared.discounting.health))
    for worth, one, other in zip(money.worths, now.net_benefit, later.net_benefit, strict=True):
        name = f"Net benefit with one {declared.unit} worth {worth:,.10g}"
        sums.append((name, one, other, declared.currency, None))
    return [
        (
            *about,
            name,
            *_three(one),
            *_three(other),
            unit,
            declared.price_year,
            _rates(declared) if rate is None else tidy(100 * rate),
            money.since,
        )
        for name, one, other, unit, rate in sums
    ]


def _rates(declared: Declared) -> str:
    return f"{100 * declared.discounting.costs:.3g} (money), {100 * declared.discounting.health:.3g} (health)"


def _three(found: Interval) -> tuple[Cell, Cell, Cell]:
    one, two, three = (int(end) if end == int(end) else tidy(end) for end in (found.estimate, found.lower, found.upper))
    return one, two, three


def price_rows(declared: Declared) -> Sequence[tuple[Cell, ...]]:
    """Return every price of a programme as it was stated, with its source."""
    name = f"{declared.innovation}, {declared.measure} ({declared.id} v{declared.version})"
    prices = f"{declared.currency} at {declared.price_year} prices"
    by = f"{declared.author}, reviewed by {declared.reviewer}"
    rows: list[tuple[Cell, ...]] = []
    for cost in declared.costs:
        amount = (cost.amount.value, cost.amount.lower, cost.amount.upper)
        kind = "saving" if cost.saving else "cost"
        rows.append((name, cost.title, kind, str(cost.per), *_ranged(*amount), prices, cost.stated, cost.source))
    if declared.health is not None:
        held = declared.health.amount
        ranged = _ranged(held.value, held.lower, held.upper)
        what = ("Health for each event avoided", "health", "event avoided")
        rows.append((name, *what, *ranged, declared.units, Mark.NOT_APPLICABLE, declared.health.source))
    if declared.threshold is not None:
        rows += [
            (
                name,
                f"What one {declared.unit} is worth",
                "worth",
                declared.unit,
                *_ranged(worth, worth, worth),
                prices,
                Mark.NOT_APPLICABLE,
                declared.threshold.source,
            )
            for worth in declared.threshold.worths
        ]
    for counted, rate in (("money", declared.discounting.costs), ("health", declared.discounting.health)):
        rows.append(
            (
                name,
                f"How much less {counted} of a later year counts",
                "discount rate",
                "year",
                *_ranged(100 * rate, 100 * rate, 100 * rate),
                "% a year",
                Mark.NOT_APPLICABLE,
                declared.discounting.source,
            )
        )
    return [(*row[:-1], f"{row[-1]}; stated by {by}") for row in rows]


def _ranged(value: float, lower: float, upper: float) -> tuple[Cell, Cell, Cell]:
    ends: tuple[Cell, Cell] = (tidy(lower), tidy(upper)) if lower < upper else (Mark.NOT_AVAILABLE,) * 2
    return tidy(value), *ends
