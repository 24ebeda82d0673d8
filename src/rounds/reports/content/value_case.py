"""A business case from a round's finding and declared costs: what a board needs to decide, and what it cannot know."""

from rounds.learning.value.appraisal import Appraisal, weigh
from rounds.learning.value.programme import Declared
from rounds.reports.content import value_tables as tables
from rounds.reports.content.document import Document, Section, Tabled, bullets, paragraph
from rounds.reports.content.value_equity import equity_section
from rounds.reports.content.value_evidence import Evidence
from rounds.reports.content.value_limits import limits, risks, where_from
from rounds.reports.content.value_sections import (
    Case,
    benefits_section,
    budget_section,
    return_words,
    sensitivity_section,
    statement_of,
    value_section,
)
from rounds.reports.content.value_words import (
    chance,
    money,
    money_span,
    signed,
    span,
)
from rounds.reports.content.wording import number, plural
from rounds.reports.insight import Estimate

DRAWS = 10_000
EVIDENCE = "What was found, and how sure that is"


def value_case(declared: Declared, evidence: Evidence, *, network: str, seed: int, draws: int = DRAWS) -> Document:
    """Return the business case.

    The last plan of the declaration is the one proposed. Without a benefit that was found the case says so: it has
    costs and what would be needed to break even, and no net benefit.

    Args:
        declared: costs, plans and what health is worth, as people have stated them.
        evidence: the effect.
        network: whose case it is.
        seed: of the simulations: the same one makes the same document.
        draws: how many simulations.

    Raises:
        ValueError: if a number is impossible.
    """
    weighed = weigh(declared, evidence.rate(), draws=draws, seed=seed)
    source = f"{evidence.source}. {draws:,} simulations, seed {seed}; rounds-value@1."
    case = Case(declared=declared, evidence=evidence, weighed=weighed, source=source)
    sections = [
        Section(id="problem", heading="The problem", blocks=(paragraph(declared.problem),)),
        _evidence(case),
        _options(case),
        _costs(case),
        *(() if not evidence.found else (benefits_section(case), value_section(case))),
        budget_section(case),
        equity_section(
            declared,
            evidence,
            weighed.simulations.effects[:, -1],
            weighed.simulations.costs[:, -1],
            source,
        ),
        sensitivity_section(case),
        Section(id="risks", heading="Risks", blocks=(bullets(*risks(declared, evidence)),)),
        Section(id="unknown", heading="What is not known", blocks=(bullets(*limits(declared, evidence)),)),
        Section(id="sources", heading="Where the numbers come from", blocks=where_from(declared, evidence, source)),
    ]
    return Document(
        title=declared.title,
        about=f"Business case of {network}, drafted from {evidence.source}. A draft to be checked by people: "
        f"{declared.author} stated the costs, {declared.reviewer} reviewed them.",
        statement=statement_of(case),
        facts=_facts(case),
        sections=tuple(sections),
        foot=source,
    )


def _facts(case: Case) -> tuple[tuple[str, str], ...]:
    declared, evidence, main = case.declared, case.evidence, case.main
    facts = [("Proposed", f"{main.plan.title}: {_sites(main)}")]
    if evidence.found:
        facts.append((f"Avoided ({evidence.outcome})", span(main.events)))
        if declared.health is not None:
            facts.append((f"{declared.units} gained", f"{span(main.effect)}, present value"))
    facts.append(("Spent", money_span(main.spent, declared.currency)))
    if not evidence.found:
        return (*facts, ("Net benefit", "none can be given: no benefit was found"))
    facts += [("Saved", money_span(main.saved, declared.currency))]
    facts += [
        (
            f"Net benefit, one {declared.unit} worth {money(worth, declared.currency)}",
            f"{money_span(benefit, declared.currency)}; above 0 in {chance(share)} of simulations",
        )
        for worth, benefit, share in zip(
            declared.threshold.worths if declared.threshold else (), main.net_benefit, main.chance, strict=True
        )
    ]
    facts.append(("Return", return_words(case)))
    facts.append(("How sure of the effect", f"certainty is {evidence.certainty}; why, is said under “{EVIDENCE}”"))
    return tuple(facts)


def _sites(found: Appraisal) -> str:
    first, last = found.plan.sites[0], found.plan.sites[-1]
    return plural(first, "site") if first == last else f"from {plural(first, 'site')} in year 1 to {last} in the last"


def _evidence(case: Case) -> Section:
    evidence = case.evidence
    lines = [evidence.statement, evidence.comparator]
    if evidence.ratio is not None:
        lines.append(f"Estimate: {_estimate(evidence.ratio)}.")
    if evidence.avoided is not None and evidence.site_years is not None:
        rate = evidence.rate()
        lines.append(
            f"So far: {_estimate(evidence.avoided)}, in {number(evidence.site_years)} site-years with it in use; that "
            f"is {number(rate.value)} a site and year ({number(rate.lower)} to {number(rate.upper)})."
        )
    lines.append(f"Certainty: {evidence.certainty}, because {evidence.because.rstrip('.')}.")
    if not evidence.found:
        lines.append(
            "No benefit is valued on such evidence. That is not proof that there is none: it may be too "
            "early, or too few."
        )
    return Section(
        id="evidence",
        heading=EVIDENCE,
        blocks=(bullets(*lines), paragraph(f"Source: {evidence.source}.")),
    )


def _estimate(found: Estimate) -> str:
    value = "" if found.value is None else f"{signed(found.value)}, "
    return f"{value}{signed(found.lower)} to {signed(found.upper)} ({found.interval}), {found.unit}"


def _options(case: Case) -> Section:
    declared = case.declared
    return Section(
        id="options",
        heading="Options",
        blocks=(
            paragraph(
                f"It is in use at {plural(declared.sites_now, 'site')} now. Every option is held against not using "
                "it any more; what has been spent already is spent in all of them and left out."
            ),
            Tabled(
                name="options",
                caption="Sites with it in use",
                table=tables.plans_table(declared),
                source=f"Stated by {declared.author}",
            ),
        ),
    )


def _costs(case: Case) -> Section:
    declared = case.declared
    repriced = f" Brought to one price year by: {declared.inflation}." if declared.inflation else ""
    return Section(
        id="costs",
        heading="What it costs",
        blocks=(
            paragraph(
                f"Seen from: {declared.perspective}. All sums are in {declared.currency} at {declared.price_year} "
                f"prices.{repriced} Present values count a later year {100 * declared.discounting.costs:.3g}% a year "
                f"less in money and {100 * declared.discounting.health:.3g}% less in health, the first year in full "
                f"({declared.discounting.source})."
            ),
            Tabled(
                name="costs",
                caption="Unit costs and savings",
                table=tables.costs_table(declared),
                source=f"Stated by {declared.author}, reviewed by {declared.reviewer}",
            ),
        ),
    )
