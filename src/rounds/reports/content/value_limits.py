"""What a business case cannot know, what could go wrong, and where its numbers come from."""

from rounds.learning.value.programme import Declared
from rounds.reports.content.document import Block, bullets
from rounds.reports.content.value_evidence import Evidence
from rounds.reports.content.wording import listing, number, plural
from rounds.reports.insight import Certainty


def risks(declared: Declared, evidence: Evidence) -> tuple[str, ...]:
    """Return what could go wrong: what the numbers say of it, and what people have stated."""
    found = []
    rate = evidence.rate()
    if evidence.found and rate.lower <= 0:
        found.append("It may avoid nothing: the interval of what was avoided holds 0.")
    if evidence.found and evidence.certainty is Certainty.LOW:
        found.append(f"The effect may not be real: certainty is low, because {evidence.because.rstrip('.')}.")
    largest = max(plan.sites[-1] for plan in declared.plans)
    if evidence.found and largest > declared.sites_now:
        found.append(
            f"New sites may gain less: the effect was found where it is in use, and {largest - declared.sites_now} of "
            f"{plural(largest, 'site')} would be new."
        )
    return (*found, *declared.risks) or ("None was stated. Somebody should.",)


def limits(declared: Declared, evidence: Evidence) -> tuple[str, ...]:
    """Return what is assumed and what nobody knows."""
    found = []
    if evidence.found:
        kept = declared.kept
        found.append(
            "Each site is taken to avoid as much each year as sites did in the round"
            + (
                f", and {number(100 * kept.value)}% of it a year later ({declared.kept_source})."
                if kept.value < 1 or kept.lower < 1
                else ": that the effect lasts is assumed, not shown."
            )
        )
    known = [one.title for one in declared.costs if one.amount.lower == one.amount.upper]
    if known:
        found.append(f"No range was stated of {listing(known)}: real costs vary, and no interval here shows it.")
    if declared.health is None:
        found.append("Nobody stated what an event avoided is worth in health, so none is counted.")
    elif declared.health.amount.lower == declared.health.amount.upper:
        found.append(f"No range was stated of the {declared.health.unit}s that one event avoided is worth.")
    if declared.threshold is None:
        found.append(f"Nobody stated what one {declared.unit} is worth, so there is no net benefit.")
    found.append("Inputs are drawn independently of each other. Where high costs go with large effects, this is wrong.")
    if evidence.provenance is not None and evidence.provenance.sites_out:
        found.append(f"Sites that were asked and are not in it: {listing(evidence.provenance.sites_out)}.")
    if evidence.provenance is None:
        found.append("The effect was stated by the author of this case. No round of this network has found it.")
    return (*found, *declared.unknown)


def where_from(declared: Declared, evidence: Evidence, source: str) -> tuple[Block, ...]:
    """Return the provenance of everything."""
    lines = [
        f"Effect: {evidence.source}.",
        f"Costs, plans and worth: {declared.id} v{declared.version}, stated by {declared.author}, reviewed by "
        f"{declared.reviewer}, next review {declared.next_review.isoformat()}; SHA-256 {declared.digest[:16]}….",
        f"Simulated: {source}",
        "Costs are drawn from gamma distributions, effects from normal ones; an interval holds 95 of 100 simulations.",
    ]
    if evidence.provenance is not None:
        lines.append(
            f"Plan {evidence.provenance.plan_digest[:16]}…, Rounds {evidence.provenance.code_version}; the round's "
            "pages have every statement that it made."
        )
    return (bullets(*lines),)
