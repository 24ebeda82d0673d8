"""The centre's benefit ledger: what rounds have said, what is claimed, and what a return makes of both."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rounds.centre.benefit_prices import prices_digests, prices_in
from rounds.errors import DefinitionError
from rounds.exchange.envelope import CENTRE
from rounds.learning.benefit.claims import ClaimBeside, Quantity, Said, Source, side_by_side
from rounds.learning.benefit.entries import Statement
from rounds.learning.benefit.reconcile import Figure, Verdict, published_sum
from rounds.learning.benefit.rules import Rule
from rounds.learning.benefit.totals import Counting, Quarter, counted_once, latest, quarter_of, total
from rounds.network.members import Membership
from rounds.reports.content.benefit import benefit_insight
from rounds.reports.content.benefit_return import Asked, QuarterlyReturn, network_return
from rounds.reports.content.claims import claim_insight
from rounds.reports.insight import Certainty, Insight, Provenance
from rounds.storage.audit_log import LEDGER
from rounds.storage.benefit_rule_files import read_rule_book
from rounds.storage.benefit_store import read_claims, read_statements, record_claims, record_statements
from rounds.storage.claim_files import NETWORK_SCOPE, read_claim_file
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.workspace import Workspace

RULES_FILE = "benefit_rules.csv"
OWN = "the network's own ledger"


def ledger_path(workspace: Workspace) -> Path:
    return workspace.centre / LEDGER


def in_force(workspace: Workspace, *, as_of: date | None = None) -> tuple[Statement, ...]:
    """Return what the ledger says as it was on a day; as it is, if no day is given."""
    recorded = read_statements(ledger_path(workspace), as_of=as_of, party=CENTRE)
    return latest([one.statement for one in recorded])


def rule_in_force(workspace: Workspace, day: date) -> Rule:
    """Return which rule for overlapping programmes holds on a day."""
    return read_rule_book(workspace.folder / RULES_FILE).at(day)


def import_claims(workspace: Workspace, path: Path, *, today: date) -> tuple[int, int]:
    """Record the claims and evaluations of a file, and return how many it holds and how many of them are new.

    Raises:
        DefinitionError: naming file, row and what to correct; nothing was recorded then.
    """
    library = workspace.library
    said = read_claim_file(
        path,
        innovations=[innovation.id for innovation in library.innovations],
        members=[member.ods_code for member in workspace.membership.members],
        measures=[measure.id for measure in library.measures],
    )
    held = read_claims(ledger_path(workspace), party=CENTRE)
    ids = {one.id for one in (*held, *said)}
    for one in said:
        if one.dated > today:
            raise DefinitionError(f"{path.name}: {one.id} is dated {one.dated}, after today ({today}); correct it")
        if one.part_of and (one.part_of not in ids or one.part_of == one.id):
            raise DefinitionError(
                f"{path.name}: {one.id} is said to be a part of {one.part_of}, which is no other claim; correct part_of"
            )
    return len(said), record_claims(ledger_path(workspace), said, party=CENTRE, today=today)


def claims_beside_evidence(
    statements: Sequence[Statement], said: Sequence[Said], *, membership: Membership, rule: Rule
) -> tuple[ClaimBeside, ...]:
    """Return every claim beside evaluations and the ledger's own numbers on the same programme, place and time.

    Args:
        statements: those in force.
        said: claims and evaluations.
        membership: who belonged when: only then what happened at a member counts for the network.
        rule: how overlapping programmes share.
    """
    claims = [one for one in said if one.source is Source.CLAIM]
    evaluations = [one for one in said if one.source is not Source.CLAIM]
    counting = counted_once(statements, rule=rule)
    own: dict[str, Said] = {}
    for claim in claims:
        for one in _own_numbers(claim, statements, counting, membership):
            own.setdefault(one.id, one)
    return side_by_side(claims, [*evaluations, *own.values()])


def _own_numbers(
    claim: Said, statements: Sequence[Statement], counting: Sequence[Counting], membership: Membership
) -> Iterable[Said]:
    """Give what the ledger knows of a claim's programme, place and time, if its rounds cover the whole of it."""
    if claim.quantity is Quantity.EFFECT:
        return
    about = [
        one
        for one in statements
        if one.programme == (claim.innovation, claim.what) and one.first <= claim.first and claim.last <= one.last
    ]
    if not about:
        return
    known = {member.ods_code: member for member in membership.members}
    inside = [
        one
        for one in counting
        if one.statement.programme == (claim.innovation, claim.what)
        and claim.first <= one.entry.start
        and one.entry.end <= claim.last
        and claim.scope in (NETWORK_SCOPE, one.entry.member)
        and (member := known.get(one.entry.member)) is not None
        and member.belongs_on(one.entry.start)
    ]
    if not inside:
        return
    found, statement = total(inside), about[-1]
    numbers: list[tuple[Quantity, float | None, float, float, str]] = [
        (Quantity.REACHED, None, found.reached.lower, found.reached.upper, statement.reached_unit)
    ]
    if found.benefited is not None:
        benefited = found.benefited
        unit = statement.counted.value
        numbers.append((Quantity.BENEFITED, benefited.value, benefited.lower, benefited.upper, unit))
    for quantity, value, lower, upper, unit in numbers:
        yield Said(
            id=f"{OWN}: {claim.innovation}, {claim.what}, {claim.scope}, {quantity}, {claim.first} to {claim.last}",
            source=Source.LEDGER,
            by=OWN,
            innovation=claim.innovation,
            scope=claim.scope,
            quantity=quantity,
            what=claim.what,
            value=None if value is None else round(value, 1),
            lower=round(lower, 1),
            upper=round(upper, 1),
            unit=unit,
            first=claim.first,
            last=claim.last,
            basis=f"{statement.method}, round {statement.round_id}",
            dated=statement.data_as_of,
        )


def sums_of_claims(said: Sequence[Said]) -> tuple[Verdict, ...]:
    """Return, for each number that others are said to be parts of, whether they can add up to it as printed."""
    found = []
    for whole in said:
        parts = [one for one in said if one.part_of == whole.id]
        if parts and whole.value is not None and all(part.value is not None for part in parts):
            for part in parts:
                if (part.unit, part.quantity) != (whole.unit, whole.quantity):
                    raise DefinitionError(
                        f"claim {part.id} counts {part.unit} {part.quantity}, and {whole.id}, of which it is called "
                        f"a part, {whole.unit} {whole.quantity}; correct part_of"
                    )
            found.append(published_sum(_figure(whole), [_figure(part) for part in parts]))
    return tuple(found)


def _figure(said: Said) -> Figure:
    return Figure(place=f"{said.by} ({said.id})", value=said.value or 0.0, precision=said.precision)


def make_return(
    workspace: Workspace, quarter: Quarter, *, as_of: date, statements: Sequence[Statement]
) -> QuarterlyReturn:
    """Return a network's quarterly return from its ledger.

    Args:
        workspace: the network.
        quarter: of the calendar.
        as_of: the day of the ledger: its rules and claims are those of this day.
        statements: those in force.

    Raises:
        DefinitionError: if there is nothing to return for the quarter.
        Unreconciled: if a total is not the sum of its parts.
    """
    book = read_rule_book(workspace.folder / RULES_FILE)
    said = read_claims(ledger_path(workspace), as_of=None, party=CENTRE)
    known = [one for one in said if one.dated <= as_of]
    return network_return(
        Asked(
            network_id=workspace.id,
            network_name=workspace.name,
            membership=workspace.membership,
            quarter=quarter,
            as_of=as_of,
        ),
        statements=statements,
        book=book,
        claims=claims_beside_evidence(statements, known, membership=workspace.membership, rule=book.at(as_of)),
        counts_under=workspace.successions.known_by(as_of).counts_under,
        prices=prices_in(workspace),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where a round records what it says of its programmes, and what was known before it."""

    workspace: Workspace
    declared: RoundDeclaration
    inputs: str
    """the digest of everything that decides what the round says"""
    today: date

    def keep(self, statements: Sequence[Statement]) -> tuple[Statement, ...]:
        """Record a round's statements, unless they are, and return what is in force with those of rounds before it."""
        path = ledger_path(self.workspace)
        record_statements(
            path, statements, round_id=self.declared.id, inputs=self.inputs, party=CENTRE, today=self.today
        )
        recorded = [one.statement for one in read_statements(path, party=CENTRE)]
        own = self.declared.id
        return latest([one for one in recorded if one.round_id == own or _is_before(one, self.declared)])


def _is_before(statement: Statement, declared: RoundDeclaration) -> bool:
    """Rounds stand in one order, so that none decides what another publishes that decides what it does."""
    return (statement.data_as_of, statement.round_id) < (declared.as_of, declared.id)


def known_before(workspace: Workspace, declared: RoundDeclaration) -> dict[str, object]:
    """Return what of the ledger decides what a round publishes: statements before it, claims, rules and prices."""
    if not declared.programmes:
        return {}
    path = ledger_path(workspace)
    others = [one.digest for one in read_statements(path, party=CENTRE) if _is_before(one.statement, declared)]
    claims = [repr(one) for one in read_claims(path, party=CENTRE) if one.dated <= declared.as_of]
    rules = workspace.folder / RULES_FILE
    found: dict[str, object] = {"statements": others} if others else {}
    if claims:
        found["claims"] = claims
    if prices := prices_digests(workspace):
        found["prices"] = prices
    if rules.exists():
        found["rules"] = repr(read_rule_book(rules))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefits:
    """What a round says of benefit."""

    insights: tuple[Insight, ...] = ()
    silences: tuple[str, ...] = ()
    quarterly: QuarterlyReturn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a round says of one programme, with how sure that is."""

    statement: Statement
    level: Certainty
    because: str
    provenance: Provenance


def benefits_of(
    workspace: Workspace,
    declared: RoundDeclaration,
    told: Sequence[Told],
    *,
    keep: Callable[[Sequence[Statement]], Sequence[Statement]],
) -> Benefits:
    """Return what a round says of benefit, with the return for the last quarter that its numbers cover.

    Args:
        workspace: the network.
        declared: the round.
        told: what it says of each of its programmes.
        keep: records the statements and returns those in force.
    """
    if not any(one.statement.entries for one in told):
        return Benefits()
    statements = keep([one.statement for one in told])
    try:
        found = make_return(workspace, last_whole_quarter(declared.last), as_of=declared.as_of, statements=statements)
    except DefinitionError as problem:
        return Benefits(silences=(f"No quarterly return was made: {problem}.",))
    insights = [
        benefit_insight(found, one.statement, level=one.level, because=one.because, provenance=one.provenance)
        for one in told
        if one.statement.entries
    ]
    provenance = told[0].provenance
    beside = [claim_insight(one, provenance=provenance) for one in found.claims]
    silences = tuple(
        f"Claimed by {one.claim.by}: {one.claim.what}, and there is no evidence on it. {one.because}"
        for one in found.claims
        if not one.beside
    )
    return Benefits(
        insights=(*insights, *(one for one in beside if one is not None)), silences=silences, quarterly=found
    )


def last_whole_quarter(day: date) -> Quarter:
    """Return the latest quarter that ends on a day or before."""
    here = quarter_of(day)
    return here if here.end == day else quarter_of(here.start - timedelta(days=1))
