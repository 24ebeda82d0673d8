"""How many were reached, how many benefited, and what is claimed beside what is known."""

from rounds.learning.benefit.claims import ClaimBeside, Judged, Said, Source, Status
from rounds.learning.benefit.entries import Counted, Statement
from rounds.learning.benefit.rules import CLAIM_STATUS
from rounds.reports.charts.benefit import BenefitPoint, ClaimRow, benefit_chart, claim_chart
from rounds.reports.content.benefit_lines import ALL_PROGRAMMES, Level, Line, Span
from rounds.reports.content.benefit_return import QuarterlyReturn
from rounds.reports.content.benefit_tables import CLAIM_COLUMNS, claim_rows, reached_words, whole_ends
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
    where = f"{plural(whole.total.sites, 'site')} of {found.members}"
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
        f"(95% CI {ends[0]:,} to {ends[1]:,})."
    )


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


def _notes(found: QuarterlyReturn, statement: Statement, whole: Line) -> tuple[str, ...]:
    notes = [f"Counted by the rules {', '.join(str(rule) for rule in found.rules)}; the return gives their words."]
    if statement.counted is Counted.EVENTS:
        notes.append("Events are counted, not patients: one patient may have several.")
    if whole.total.told < whole.total.entries:
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


def claim_insight(one: ClaimBeside, *, provenance: Provenance) -> Insight | None:
    """Return a claim beside its evidence; None if there is nothing to set beside it.

    Args:
        one: the claim and all the evidence on it.
        provenance: of the round in which it is shown.
    """
    if not one.beside:
        return None
    claim = one.claim
    gravest = next(judged for judged in one.beside if judged.status is one.status)
    text = f"Claimed by {claim.by}: {_said(claim)} ({claim.what}). {_verdict(one, gravest)}"
    return Insight(
        id=slug(Kind.BENEFIT, "claim", claim.id),
        kind=Kind.BENEFIT,
        statement=text,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=claim.innovation,
        measure_title=f"Claims for {claim.innovation}",
        innovation=claim.innovation,
        certainty=Confidence(
            level=_sure(gravest),
            because=one.because,
            estimate=_of_evidence(gravest.evidence),
            method=str(CLAIM_STATUS),
        ),
        comparator=f"The claim rests on: {claim.basis}.",
        benefit=None,
        chart=claim_chart(
            rows=(
                _chart_row(claim, claimed=True),
                *(_chart_row(judged.evidence, claimed=False) for judged in one.beside),
            ),
            title=f"{claim.what[:1].upper()}{claim.what[1:]}, in {claim.unit}: what is claimed and what is known",
        ),
        alt_text=f"Chart of a claim above the evidence on it. {text}",
        table=Table(columns=CLAIM_COLUMNS, rows=tuple(claim_rows(one))),
        action=Action(text=_next(one.status), owner_role="Programme board"),
        provenance=provenance,
        notes=(f"{CLAIM_STATUS}: {CLAIM_STATUS.says}",),
    )


def _verdict(one: ClaimBeside, gravest: Judged) -> str:
    known = gravest.evidence
    match one.status:
        case Status.CONTRADICTED:
            return f"The evidence contradicts it: {known.by} found {_said(known)}."
        case Status.SUPPORTED:
            return f"The evidence supports it: {known.by} found {_said(known)}."
        case Status.NOT_SUPPORTED | Status.NO_EVIDENCE:
            return f"The evidence does not support it: {known.by} found {_said(known)}."


def _said(said: Said) -> str:
    """Return a number as it was stated: with its sign, and its interval if it has one."""
    signed = said.quantity.value != "reached"
    value = "" if said.value is None else f"{said.value:+,.10g}" if signed else f"{said.value:,.10g}"
    if said.lower is None or said.upper is None:
        return f"{value} {said.unit}"
    ends = f"{said.lower:,.10g} to {said.upper:,.10g}"
    return f"{value} ({ends}) {said.unit}" if value else f"{ends} {said.unit}"


def _sure(judged: Judged) -> Certainty:
    """A recorded evaluation says how sure it is by its interval; without one nobody can tell."""
    if not judged.evidence.has_interval:
        return Certainty.LOW
    return Certainty.HIGH if judged.status in (Status.CONTRADICTED, Status.SUPPORTED) else Certainty.MODERATE


def _of_evidence(said: Said) -> Estimate:
    value = said.value
    if said.lower is not None and said.upper is not None:
        name = BOUNDS if said.source is Source.LEDGER and said.value is None else "interval as it was stated"
        return Estimate(value=value, lower=said.lower, upper=said.upper, interval=name, unit=said.unit)
    stated = 0.0 if value is None else value
    return Estimate(value=stated, lower=stated, upper=stated, interval="it gives no interval", unit=said.unit)


def _chart_row(said: Said, *, claimed: bool) -> ClaimRow:
    value = said.value
    lower = said.lower if said.lower is not None else (value or 0.0)
    upper = said.upper if said.upper is not None else (value or 0.0)
    return ClaimRow(label=said.by, value=value, lower=lower, upper=upper, claimed=claimed)


def _next(status: Status) -> str:
    if status is Status.SUPPORTED:
        return "The claim may be repeated, with the interval of the evidence."
    return "Do not repeat the claim without the evidence beside it; ask who claims it how it was come by."
