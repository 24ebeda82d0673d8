"""The parts of a business case that rest on the simulations: what it brings, is worth, costs by year and hangs on."""

from dataclasses import dataclass

from rounds.learning.value.appraisal import WITHOUT, Appraisal, Weighed, break_even, swings
from rounds.learning.value.decision import evppi
from rounds.learning.value.frontier import frontier
from rounds.learning.value.programme import Declared
from rounds.reports.charts.value import (
    MOST_OPTIONS,
    Bar,
    BudgetYear,
    Cloud,
    acceptability_chart,
    budget_chart,
    plane_chart,
    tornado_chart,
)
from rounds.reports.content import value_tables as tables
from rounds.reports.content.document import Block, Drawn, Section, Tabled, bullets, paragraph
from rounds.reports.content.value_evidence import Evidence
from rounds.reports.content.value_words import (
    chance,
    choice_words,
    money,
    money_span,
    odds,
    sign_of,
    span,
    step_words,
)
from rounds.reports.content.wording import number, plural, quoted

MOST_SWINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case in the making."""

    declared: Declared
    evidence: Evidence
    weighed: Weighed
    source: str

    @property
    def main(self) -> Appraisal:
        """The plan that is proposed: the last one."""
        return self.weighed.appraisals[-1]

    @property
    def worth(self) -> float | None:
        """The first of the stated worths; None if there is none, or no benefit to be valued."""
        threshold = self.declared.threshold
        return threshold.worths[0] if threshold is not None and self.evidence.found else None


def statement_of(case: Case) -> str:
    declared, evidence, main = case.declared, case.evidence, case.main
    years = plural(declared.years, "year")
    cost = money_span(main.net_cost, declared.currency)
    if not evidence.found:
        return (
            f"This round shows no benefit that could be valued, so this case gives no net benefit: “{main.plan.title}” "
            f"would cost {money_span(main.spent, declared.currency)} over {years}."
        )
    events = f"avoids {span(main.events)} {evidence.outcome}"
    if case.worth is None:
        return f"“{main.plan.title}” {events} over {years} for a net cost of {cost}; nobody stated what that is worth."
    benefit, share = main.net_benefit[0], main.chance[0]
    return (
        f"Over {years}, with one {declared.unit} worth {money(case.worth, declared.currency)}, “{main.plan.title}” is "
        f"worth its cost in {chance(share)} of simulations ({odds(share)}): it {events} "
        f"and has a net benefit of {money_span(benefit, declared.currency)}."
    )


def benefits_section(case: Case) -> Section:
    declared, evidence = case.declared, case.evidence
    lines = [
        f"{one.plan.title}: {span(one.events)} {evidence.outcome} avoided over {plural(declared.years, 'year')}; in "
        f"{chance(one.worst_chance)} of simulations none."
        for one in case.weighed.appraisals
    ]
    if declared.health is not None:
        health = declared.health
        lines.append(
            f"One event avoided is taken to be worth {number(health.amount.value)} {declared.units} "
            f"({number(health.amount.lower)} to {number(health.amount.upper)}). Source: {health.source}."
        )
    return Section(
        id="benefits",
        heading="What it brings",
        blocks=(
            bullets(*lines),
            Tabled(
                name="benefits",
                caption="Events avoided and health gained",
                table=tables.benefits_table(declared, case.weighed.appraisals, evidence.outcome),
                source=case.source,
            ),
        ),
    )


def value_section(case: Case) -> Section:
    declared, weighed = case.declared, case.weighed
    steps = frontier(weighed.simulations)
    lines = [*tables.ratio_words(declared, weighed), *(step_words(s, declared.unit, declared.currency) for s in steps)]
    blocks: list[Block] = []
    curves = tables.curves_of(declared, weighed)
    if declared.threshold is not None:
        at = {float(worth): row for row, worth in enumerate(curves.worths)}
        lines += [choice_words(curves, at[w], declared.unit, declared.currency) for w in declared.threshold.worths]
        lines.append(f"What one {declared.unit} is worth: {declared.threshold.source}.")
    blocks += [
        bullets(*lines),
        Tabled(
            name="money",
            caption=f"Costs and net benefit, {declared.currency}",
            table=tables.money_table(declared, weighed.appraisals, valued=True),
            source=case.source,
        ),
        Tabled(
            name="frontier",
            caption="Options on the cost-effectiveness frontier",
            table=tables.frontier_table(declared, steps),
            source=case.source,
        ),
        _plane(case),
    ]
    if declared.threshold is not None and len(curves.options) <= MOST_OPTIONS:
        blocks += [
            Drawn(
                key="acceptability",
                title="How likely each option is the best choice",
                spec=acceptability_chart(
                    worths=curves.worths.tolist(),
                    lines=[(name, curves.probability[:, i].tolist()) for i, name in enumerate(curves.options)],
                    title="How likely each option is the best choice, %",
                    across=f"What one {declared.unit} is worth, {sign_of(declared.currency).strip()}",
                ),
                alt_text="Cost-effectiveness acceptability curves; the table of the same name has the numbers.",
            ),
            Tabled(
                name="acceptability",
                caption="Acceptability curves and the worth of perfect information",
                table=tables.curve_table(declared, curves),
                source=case.source,
            ),
        ]
    return Section(id="value", heading="Is it worth the money?", blocks=tuple(blocks))


def _plane(case: Case) -> Drawn:
    declared, weighed = case.declared, case.weighed
    simulations, unit = weighed.simulations, declared.unit
    sign, thousand = sign_of(declared.currency), 1000.0
    clouds = [
        Cloud(
            option=name,
            effects=[float(f"{one:.5g}") for one in simulations.effects[:, at][:400]],
            costs=[float(f"{one:.5g}") for one in simulations.costs[:, at][:400] / thousand],
            mean=(float(simulations.effects[:, at].mean()), float(simulations.costs[:, at].mean()) / thousand),
        )
        for at, name in enumerate(simulations.options)
        if name != WITHOUT
    ][-MOST_OPTIONS:]
    worth = case.worth
    return Drawn(
        key="plane",
        title="What is gained and what it costs",
        spec=plane_chart(
            clouds=clouds,
            worth=None if worth is None else worth / thousand,
            worth_label=f"{money(worth or 0, declared.currency)} a {unit}: below the line it is worth its cost",
            title=f"Net cost against {quoted(WITHOUT)}, {sign.strip()} thousand; each point is one simulation",
            across=f"Gained against {quoted(WITHOUT)}, {declared.units}, present value",
        ),
        alt_text=f"Cost-effectiveness plane of {len(clouds)} options against {quoted(WITHOUT)}. " + statement_of(case),
    )


def return_words(case: Case) -> str:
    declared, main = case.declared, case.main
    if main.returns is None:
        return "no ratio: in some simulations nothing is spent"
    sign = sign_of(declared.currency)

    def back(found: float) -> str:
        return money(1 + found, declared.currency)

    alone = main.returns.money
    words = (
        f"for each {sign}1 spent {back(alone.estimate)} comes back in savings "
        f"({back(alone.lower)} to {back(alone.upper)})"
    )
    if main.returns.all is not None:
        both = main.returns.all
        words += f"; with health at its worth {back(both.estimate)} ({back(both.lower)} to {back(both.upper)})"
    return f"{words}; 95% intervals"


def budget_section(case: Case) -> Section:
    declared, main = case.declared, case.main
    years, found = tables.years_of(declared), case.weighed.appraisals
    thousand = 1000.0
    lines = [
        f"{main.plan.title}: {money_span(main.net_by_year[0], declared.currency)} net in year 1, "
        f"{money_span(main.net_by_year[-1], declared.currency)} in year {declared.years}."
    ]
    if case.evidence.found:
        lines.append(f"Return: {return_words(case)}.")
        lines.append(
            f"Savings make good what was spent by the end of year {main.pays_back_in}, on average."
            if main.pays_back_in
            else f"Savings alone do not make good what is spent within {plural(declared.years, 'year')}."
        )
        lines.append("A saving is money only if beds, staff or contracts are given up; else it is room for others.")
    else:
        lines.append("Savings that come with events avoided are left out, because none was found to be avoided.")
    return Section(
        id="budget",
        heading="Budget impact and return",
        blocks=(
            bullets(*lines),
            Drawn(
                key="budget",
                title=f"Budget impact of “{main.plan.title}” by year",
                spec=budget_chart(
                    years=[
                        BudgetYear(
                            label=year,
                            spent=spent.estimate / thousand,
                            saved=saved.estimate / thousand,
                            net=(net.estimate / thousand, net.lower / thousand, net.upper / thousand),
                        )
                        for year, spent, saved, net in zip(
                            years, main.spent_by_year, main.saved_by_year, main.net_by_year, strict=True
                        )
                    ],
                    title=f"{main.plan.title}: {sign_of(declared.currency).strip()} thousand a year, "
                    f"{declared.price_year} prices, not discounted",
                ),
                alt_text=f"Bars of what is spent and saved in each year. {lines[0]}",
            ),
            Tabled(
                name="budget",
                caption=f"Budget impact by year, {declared.currency} at {declared.price_year} prices, not discounted",
                table=tables.budget_table(declared, found),
                source=case.source,
            ),
        ),
    )


def sensitivity_section(case: Case) -> Section:
    declared, main = case.declared, case.main
    worth = declared.threshold.worths[0] if declared.threshold is not None else None
    heading = "What matters most"
    if worth is None:
        said = f"Nobody stated what one {declared.unit} is worth, so there is no net benefit to vary."
        return Section(id="sensitivity", heading=heading, blocks=(paragraph(said),))
    needed = break_even(declared, main.plan, case.evidence.rate(), worth)
    words = (
        f"No number of {case.evidence.outcome} avoided would make it break even."
        if needed is None
        else "It would be worth its cost whatever it avoids: savings alone pay for it."
        if needed <= 0
        else f"To break even it must avoid {number(needed)} {case.evidence.outcome} per site and year, with one "
        f"{declared.unit} worth {money(worth, declared.currency)} and every other input as stated."
    )
    if not case.evidence.found:
        return Section(id="sensitivity", heading=heading, blocks=(paragraph(words),))
    centre, found = swings(declared, main.plan, case.evidence.rate(), worth)
    thousand, found = 1000.0, found[:MOST_SWINGS]
    simulations, drawn = case.weighed.simulations, case.weighed.drawn
    known = {one.name: evppi(simulations, worth, drawn[one.name]) for one in found}
    return Section(
        id="sensitivity",
        heading=heading,
        blocks=(
            paragraph(f"{words} The round found {number(case.evidence.rate().value)}."),
            Drawn(
                key="tornado",
                title="What each input does to the net benefit",
                spec=tornado_chart(
                    bars=[
                        Bar(name=one.name, at_lower=one.at_lower / thousand, at_upper=one.at_upper / thousand)
                        for one in found
                    ],
                    centre=centre / thousand,
                    title=f"Net benefit, {sign_of(declared.currency).strip()} thousand, one {declared.unit} worth "
                    f"{money(worth, declared.currency)} (dashed: 0)",
                ),
                alt_text=f"Bars of the net benefit with each input at the ends of its range; widest: {found[0].name}."
                if found
                else "No input has a range.",
            ),
            Tabled(
                name="inputs",
                caption="Net benefit with each input at the ends of its range, the others as stated",
                table=tables.swings_table(declared, centre, found, known),
                source=case.source,
            ),
        ),
    )
