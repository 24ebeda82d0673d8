"""A claim beside its evidence, as a card: both stay, whatever the evidence says."""

from rounds.learning.benefit.claims import ClaimBeside, Judged, Said, Source, Status
from rounds.learning.benefit.rules import CLAIM_STATUS
from rounds.reports.charts.benefit import ClaimRow, claim_chart
from rounds.reports.content.benefit import BOUNDS
from rounds.reports.content.benefit_tables import CLAIM_COLUMNS, claim_rows
from rounds.reports.content.wording import NETWORK, slug
from rounds.reports.insight import Action, Certainty, Confidence, Direction, Estimate, Insight, Kind, Provenance, Table


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
    text = f"Claimed by {claim.by}: {stated(claim)} ({claim.what}). {_verdict(one, gravest)}"
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
            return f"The evidence contradicts it: {known.by} found {stated(known)}."
        case Status.SUPPORTED:
            return f"The evidence supports it: {known.by} found {stated(known)}."
        case Status.NOT_SUPPORTED | Status.NO_EVIDENCE:
            return f"The evidence does not support it: {known.by} found {stated(known)}."


def stated(said: Said) -> str:
    """Return a number as it was stated: with its sign, its interval if it has one, and its unit."""
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
