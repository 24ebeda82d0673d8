"""How many a programme reached, and how many benefited."""

from rounds.learning.benefit.entries import Counted, Statement
from rounds.reports.charts.benefit import BenefitPoint, benefit_chart
from rounds.reports.content.benefit_lines import ALL_PROGRAMMES, Level, Line, Span
from rounds.reports.content.benefit_money_tables import value_cells, value_words
from rounds.reports.content.benefit_return import QuarterlyReturn
from rounds.reports.content.benefit_tables import reached_words, whole_ends
from rounds.reports.content.value_words import money_span
from rounds.reports.content.wording import NETWORK, inline, plural, quoted, slug
from rounds.reports.insight import (
    Action,
    Benefit,
    Cell,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Insight,
    Kind,
    Mark,
    Provenance,
    Table,
)

CI = "95% confidence interval"
BOUNDS = "lowest to highest possible"
TABLE_COLUMNS = (
    "Who",
    "Period",
    "Sites reached",
    "Reached, lowest",
    "Reached, highest",
    "Benefited",
    "Benefited, lower",
    "Benefited, upper",
    "Value",
    "Value, lower",
    "Value, upper",
    "Remark",
)


def benefit_insight(
    found: QuarterlyReturn, statement: Statement, *, level: Certainty, because: str, provenance: Provenance
) -> Insight:
    """Return how many a programme reached and how many benefited, since its start.

    Args:
        found: the return that holds its totals.
        statement: what the round says of the programme.
        level: how sure the effect is.
        because: why.
        provenance: where the numbers come from.
    """
    own = [
        line
        for line in found.lines
        if line.innovation == statement.innovation and line.measure == statement.programme[1]
    ]
    network = [line for line in own if line.level is Level.NETWORK]
    whole = next(line for line in network if line.window.span is Span.ALL)
    text = _sentence(found, statement, whole)
    verb = "gained" if statement.gained else "avoided"
    quarters = [line for line in network if line.window.span is Span.QUARTER]
    chart = benefit_chart(
        points=tuple(
            BenefitPoint(
                label=line.window.label,
                value=round(line.total.benefited.value, 2),
                lower=round(line.total.benefited.lower, 2),
                upper=round(line.total.benefited.upper, 2),
            )
            for line in quarters
            if line.total.benefited is not None
        ),
        title=f"{statement.measure_title}: {statement.counted} {verb} in each quarter (below 0: harm)",
    )
    estimate = _estimate(statement, whole)
    direction = _direction(whole)
    return Insight(
        id=slug(Kind.BENEFIT, statement.innovation, statement.programme[1], NETWORK),
        kind=Kind.BENEFIT,
        statement=text,
        direction=direction,
        scope=NETWORK,
        scope_name="the network",
        measure=statement.measure,
        measure_title=statement.measure_title,
        innovation=statement.innovation,
        certainty=Confidence(level=level, because=because, estimate=estimate, method=statement.method),
        comparator="What was counted against what was expected in the same site-periods without it.",
        benefit=Benefit(
            patients=estimate, counterfactual=f"what was expected without {quoted(statement.innovation_title)}"
        )
        if direction is Direction.BETTER
        else None,
        chart=chart,
        alt_text=f"Chart of {statement.counted} {verb} in each quarter, with intervals. {text}",
        table=Table(columns=TABLE_COLUMNS, rows=tuple(_row(line) for line in own)),
        action=_action(whole, statement),
        provenance=provenance,
        notes=_notes(found, statement, whole),
    )


def _sentence(found: QuarterlyReturn, statement: Statement, whole: Line) -> str:
    title = quoted(statement.innovation_title)
    reached = whole.total.reached
    many = f"{reached.lower:,}" if reached.lower == reached.upper else f"{reached.lower:,} to {reached.upper:,}"
    where = f"{plural(found.sites[statement.programme], 'site')} of {found.members}"
    there = f"{title} reached {many} {reached_words(statement)} at {where}"
    benefited = whole.total.benefited
    if benefited is None or whole.shown is None:
        return f"{there}; how many benefited cannot be said."
    low, high = whole_ends(benefited)
    what = inline(statement.measure_title)
    if benefited.lower <= 0 <= benefited.upper:
        return f"{there}; whether anybody benefited is not clear: {_change(low)} to {_change(high)} {what}."
    more = (whole.shown > 0) == statement.gained
    ends = sorted((abs(low), abs(high)))
    return (
        f"{there}; there were {abs(whole.shown):,} {'more' if more else 'fewer'} {what} than expected without it "
        f"(95% CI {ends[0]:,} to {ends[1]:,}){_valued(whole)}."
    )


def _valued(whole: Line) -> str:
    """Return what follows a sentence of those who benefited, where it is known what that is worth."""
    if isinstance(whole.money, str):
        return ""
    words = value_words(whole).removesuffix(".")
    return f"; {words[0].lower()}{words[1:]}"


def _change(value: int) -> str:
    return f"{value:,}" if value <= 0 else f"+{value:,}"


def _estimate(statement: Statement, whole: Line) -> Estimate:
    verb = "gained" if statement.gained else "avoided"
    benefited, reached = whole.total.benefited, whole.total.reached
    if benefited is None or whole.shown is None:
        value = float(reached.lower) if reached.lower == reached.upper else None
        return Estimate(
            value=value,
            lower=float(reached.lower),
            upper=float(reached.upper),
            interval=BOUNDS,
            unit=f"{reached_words(statement)} reached; not a benefit",
        )
    low, high = whole_ends(benefited)
    return Estimate(
        value=float(whole.shown),
        lower=float(low),
        upper=float(high),
        interval=CI,
        unit=f"{statement.counted} {verb} ({inline(statement.measure_title)})",
    )


def _direction(whole: Line) -> Direction:
    benefited = whole.total.benefited
    if benefited is None:
        return Direction.NEUTRAL
    if benefited.lower > 0:
        return Direction.BETTER
    return Direction.WORSE if benefited.upper < 0 else Direction.NO_CHANGE


def _row(line: Line) -> tuple[Cell, ...]:
    total = line.total
    told = (
        (Mark.NOT_AVAILABLE,) * 3
        if total.benefited is None or line.shown is None
        else (
            line.shown,
            *whole_ends(total.benefited),
        )
    )
    remark = [] if total.told == total.entries else [f"{total.told} of {total.entries} site-periods have an estimate"]
    if total.shared:
        remark.append(f"{total.shared} shared with another programme")
    return (
        line.scope_name,
        line.window.label,
        total.sites,
        total.reached.lower,
        total.reached.upper,
        *told,
        *value_cells(line)[:3],
        "; ".join(remark) or Mark.NOT_APPLICABLE,
    )


def _action(whole: Line, statement: Statement) -> Action:
    if _direction(whole) is Direction.BETTER:
        return Action(
            text=f"Report the number that benefited with its interval; those reached are {statement.reached_unit}, and "
            "not people who benefited.",
            owner_role="Programme manager",
        )
    return Action(text="Report how many were reached, and claim no benefit from this.", owner_role="Programme manager")


def _money_note(whole: Line) -> str:
    if isinstance(whole.money, str):
        return value_words(whole)
    declared = whole.money.declared[0]
    spent, saved = (money_span(one, declared.currency) for one in (whole.money.now.spent, whole.money.now.saved))
    return (
        f"{value_words(whole)} Spent: {spent}; saved: {saved}. At {declared.price_year} prices, not discounted, as "
        f"stated by {declared.author}; the return has present values."
    )


def _notes(found: QuarterlyReturn, statement: Statement, whole: Line) -> tuple[str, ...]:
    notes = [
        _money_note(whole),
        f"Counted by the rules {', '.join(str(rule) for rule in found.rules)}; the return gives their words.",
    ]
    if statement.counted is Counted.EVENTS:
        notes.append("Events are counted, not patients: one patient may have several.")
    if statement.why_none:
        notes.append(statement.why_none)
    elif whole.total.told < whole.total.entries:
        notes.append(
            f"{whole.total.told} of {plural(whole.total.entries, 'site-period')} reached have an estimate; what was "
            "avoided in the others is not known and not counted."
        )
    together = next(
        (
            line
            for line in found.lines
            if line.innovation == ALL_PROGRAMMES and line.measure == whole.measure and line.window.span is Span.ALL
        ),
        None,
    )
    if together is not None and together.shown is not None:
        notes.append(
            f"Another programme acts on the same measure. Together, each event counted once: {together.shown:,}. "
            "This one's number is the part that the rule gives it."
        )
    notes += found.incomplete
    notes += statement.flags
    return tuple(notes)
