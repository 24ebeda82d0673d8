"""The tables of a business case: every number in full, with its interval and where it is from."""

from collections.abc import Mapping, Sequence

from rounds.learning.value.appraisal import WITHOUT, Appraisal, Swing, Weighed
from rounds.learning.value.decision import Curves, curves
from rounds.learning.value.frontier import Step
from rounds.learning.value.programme import Declared
from rounds.learning.value.simulations import Interval, compare
from rounds.reports.content.cells import tidy
from rounds.reports.content.value_words import comparison_words
from rounds.reports.insight import Cell, Mark, Table

Row = tuple[Cell, ...]


def cells(found: Interval | None) -> Row:
    """Return a number and the two ends of its interval."""
    if found is None:
        return (Mark.NOT_AVAILABLE,) * 3
    return tidy(found.estimate), tidy(found.lower), tidy(found.upper)


def years_of(declared: Declared) -> tuple[str, ...]:
    """Return what the years are called."""
    return tuple(f"Year {year + 1}" for year in range(declared.years))


def plans_table(declared: Declared) -> Table:
    """Return at how many sites each plan has it in use."""
    rows: list[Row] = [(WITHOUT, *(0 for _ in range(declared.years)))]
    rows += [(plan.title, *plan.sites) for plan in declared.plans]
    return Table(columns=("Option", *(f"Sites, {year.lower()}" for year in years_of(declared))), rows=tuple(rows))


def costs_table(declared: Declared) -> Table:
    """Return every unit cost as stated, in prices of one year, with its range and source."""
    money = f"{declared.currency}, {declared.price_year} prices"
    rows: list[Row] = []
    for one in declared.costs:
        ranged = one.amount.lower < one.amount.upper
        ends: Row = (tidy(one.amount.lower), tidy(one.amount.upper)) if ranged else (Mark.NOT_AVAILABLE,) * 2
        rows.append(
            (
                one.title,
                "Saving" if one.saving else "Cost",
                f"per {one.per}",
                tidy(one.amount.value),
                *ends,
                one.stated,
                one.source,
            )
        )
    return Table(
        columns=("What", "Kind", "For each", money, "95% range, lower", "95% range, upper", "As stated", "Source"),
        rows=tuple(rows),
    )


def benefits_table(declared: Declared, found: Sequence[Appraisal], outcome: str) -> Table:
    """Return the events that each plan avoids, and the health gained."""
    rows: list[Row] = []
    for one in found:
        rows.append((one.plan.title, f"Events avoided ({outcome}), all years", *cells(one.events)))
        if declared.health is not None:
            rows.append((one.plan.title, f"{declared.units} gained, present value", *cells(one.effect)))
    return Table(columns=("Option", "What", "Mean", "95% interval, lower", "95% interval, upper"), rows=tuple(rows))


def money_table(declared: Declared, found: Sequence[Appraisal], *, valued: bool) -> Table:
    """Return what each plan costs and brings, in present values; net benefits only where a benefit was found."""
    unit, worths = declared.unit, declared.threshold.worths if declared.threshold else ()
    rows: list[Row] = []
    for one in found:
        name, money = one.plan.title, declared.currency
        rows += [
            (name, "Spent", money, *cells(one.spent), Mark.NOT_APPLICABLE),
            (name, "Saved", money, *cells(one.saved), Mark.NOT_APPLICABLE),
            (name, "Net cost", money, *cells(one.net_cost), Mark.NOT_APPLICABLE),
        ]
        if not valued:
            continue
        rows += [
            (name, f"Net benefit, {unit} worth {worth:,.10g}", money, *cells(value), tidy(100 * chance))
            for worth, value, chance in zip(worths, one.net_benefit, one.chance, strict=True)
        ]
        if one.returns is not None:
            rows.append((name, "Return, money alone", "per 1 spent", *cells(one.returns.money), Mark.NOT_APPLICABLE))
            if one.returns.all is not None:
                what = f"Return with {unit} worth {worths[0]:,.10g}"
                rows.append((name, what, "per 1 spent", *cells(one.returns.all), Mark.NOT_APPLICABLE))
    return Table(
        columns=(
            "Option",
            "What, present value",
            "Unit",
            "Mean",
            "95% interval, lower",
            "95% interval, upper",
            "Chance that it is above 0, %",
        ),
        rows=tuple(rows),
    )


def budget_table(declared: Declared, found: Sequence[Appraisal]) -> Table:
    """Return the budget impact by year, not discounted."""
    rows: list[Row] = []
    for one in found:
        for year, spent, saved, net in zip(
            years_of(declared), one.spent_by_year, one.saved_by_year, one.net_by_year, strict=True
        ):
            rows.append((one.plan.title, year, tidy(spent.estimate), tidy(saved.estimate), *cells(net)))
    return Table(
        columns=(
            "Option",
            "Year",
            f"Spent ({declared.currency})",
            "Saved",
            "Net",
            "Net, 95% interval, lower",
            "Net, 95% interval, upper",
        ),
        rows=tuple(rows),
    )


def frontier_table(declared: Declared, steps: Sequence[Step]) -> Table:
    """Return the place of each option on the frontier."""
    rows: list[Row] = []
    for step in steps:
        icer: Cell = Mark.NOT_APPLICABLE if step.icer is None else tidy(step.icer)
        against = step.from_option or (" and ".join(step.by) if step.by else Mark.NOT_APPLICABLE)
        rows.append((step.option, tidy(step.cost), tidy(step.effect), str(step.place), against, icer))
    return Table(
        columns=(
            "Option",
            f"Net cost ({declared.currency})",
            f"Effect ({declared.unit})",
            "Place",
            "Against",
            f"{declared.currency} for each further {declared.unit}",
        ),
        rows=tuple(rows),
    )


def curve_table(declared: Declared, found: Curves) -> Table:
    """Return the acceptability curves, their frontier and the value of perfect information."""
    rows: list[Row] = [
        (
            tidy(float(worth)),
            *(tidy(100 * float(one)) for one in found.probability[at]),
            found.options[int(found.best[at])],
            tidy(100 * float(found.frontier[at])),
            tidy(float(found.evpi[at])),
        )
        for at, worth in enumerate(found.worths)
    ]
    return Table(
        columns=(
            f"{declared.currency} that one {declared.unit} is worth",
            *(f"Chance that it is the best, %: {name}" for name in found.options),
            "Highest expected net benefit",
            "Chance that this is the best, %",
            f"Worth of perfect information ({declared.currency})",
        ),
        rows=tuple(rows),
    )


def swings_table(declared: Declared, centre: float, found: Sequence[Swing], known: Mapping[str, float]) -> Table:
    """Return what each input does to the net benefit, and what it would be worth to know it (`known`, by name)."""
    rows: list[Row] = [("(every input at its stated value)", tidy(centre), tidy(centre), Mark.NOT_APPLICABLE)]
    rows += [(one.name, tidy(one.at_lower), tidy(one.at_upper), tidy(known[one.name])) for one in found]
    money = declared.currency
    return Table(
        columns=(
            "Input",
            f"Net benefit with it at its lower end ({money})",
            "Net benefit with it at its upper end",
            "Worth of knowing it for certain, before choosing between all options",
        ),
        rows=tuple(rows),
    )


def ratio_words(declared: Declared, weighed: Weighed) -> tuple[str, ...]:
    """Return each plan against not using the innovation, a sentence each."""
    return tuple(
        comparison_words(compare(weighed.simulations, one.plan.title, WITHOUT), declared.unit, declared.currency)
        for one in weighed.appraisals
    )


def curves_of(declared: Declared, weighed: Weighed, *, steps: int = 60) -> Curves:
    """Return acceptability curves from 0 to twice the highest worth that was stated, those stated among them."""
    stated = declared.threshold.worths if declared.threshold else ()
    most = 2 * max(stated, default=0.0) or 1.0
    return curves(weighed.simulations, sorted({*(most * at / steps for at in range(steps + 1)), *stated}))
