"""A network's quarterly return: who was reached, how many benefited, and sums that add up wherever one looks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rounds.errors import DefinitionError
from rounds.learning.benefit.claims import ClaimBeside
from rounds.learning.benefit.entries import Counted, Statement
from rounds.learning.benefit.rules import OVERLAP_RULES, RULES, Rule, RuleBook
from rounds.learning.benefit.totals import Counting, Quarter, Total, counted_once, quarter_of, total, totals_by
from rounds.network.members import Membership
from rounds.reports.content.benefit_lines import (
    ALL_PROGRAMMES,
    Level,
    Line,
    Places,
    Span,
    check_lines,
    return_lines,
)
from rounds.reports.content.benefit_money import NO_PRICES, Prices, with_money
from rounds.reports.content.wording import listing, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which return is asked for, of whom."""

    network_id: str
    network_name: str
    membership: Membership
    """who belonged when"""
    quarter: Quarter
    as_of: date
    """the day as of which the ledger was read"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """What a total would have been under the rule that held before."""

    line: Line
    before: Total


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterlyReturn:
    """What a network returns for a quarter, generated from its ledger."""

    asked: Asked
    data_as_of: date
    members: int
    """who belonged on the last day of the quarter, or on the day of the ledger if that is earlier"""
    sites: Mapping[tuple[str, str], int]
    """at how many of them, or of others that belonged, each programme was in effect; those that became one are one"""
    statements: tuple[Statement, ...]
    """in force"""
    lines: tuple[Line, ...]
    rule: Rule
    """for overlapping programmes"""
    rule_before: Rule | None
    restated: tuple[Restated, ...]
    incomplete: tuple[str, ...]
    """a sentence for each reason why the quarter is not complete; none if it is"""
    notes: tuple[str, ...]
    claims: tuple[ClaimBeside, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that its totals were made by."""
        return (self.rule, *(rule for rule in RULES if rule not in OVERLAP_RULES))

    def statement_of(self, line: Line) -> Statement:
        """Return the statement that says what a line's numbers are of; of all programmes any of one measure."""
        return next(
            one
            for one in reversed(self.statements)
            if one.programme[1] == line.measure and line.innovation in (one.innovation, ALL_PROGRAMMES)
        )

    def of(self, level: Level, span: Span) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.level is level and line.window.span is span)


def network_return(
    asked: Asked,
    *,
    statements: Sequence[Statement],
    book: RuleBook,
    claims: Sequence[ClaimBeside] = (),
    prices: Prices = NO_PRICES,
    counts_under: Callable[[str, date], str] = lambda member, _day: member,
) -> QuarterlyReturn:
    """Return the quarterly return, having made sure that its totals are the sums of their parts.

    Args:
        asked: which return, of whom.
        statements: those in force as of the day, from `latest`.
        book: which rule holds from when.
        claims: beside their evidence.
        prices: what programmes cost and their effect is worth, where somebody has declared it.
        counts_under: under whose code what happened at a member on a day is counted, if it became part of another.

    Raises:
        DefinitionError: if the quarter has not begun, or the ledger knows nothing of it.
        Unreconciled: if a total is not the sum of its parts.
    """
    quarter, as_of, membership = asked.quarter, asked.as_of, asked.membership
    if quarter.start > as_of:
        raise DefinitionError(f"{quarter.label} has not begun on {as_of}; ask for a quarter that has")
    rule, before = book.at(as_of), book.before(as_of)
    places = Places(membership=membership, counts_under=counts_under)
    kept, outside = places.inside(counted_once(statements, rule=rule))
    kept = [one for one in kept if one.entry.start <= quarter.end]
    if not any(quarter_of(one.entry.start) == quarter for one in kept):
        raise DefinitionError(
            f"the ledger has no entry for {quarter.label}: no programme was in effect anywhere throughout a period of "
            "it, or no round has counted it yet"
        )
    lines = with_money(return_lines(kept, places, quarter), kept, places=places, prices=prices)
    check_lines(lines, what=f"the return of {asked.network_name} for {quarter.label}")
    restated: tuple[Restated, ...] = ()
    if before is not None:
        earlier, _ = places.inside(counted_once(statements, rule=before))
        restated = _restated(lines, [one for one in earlier if one.entry.start <= quarter.end])
    used = [one for one in statements if one.entries]
    day = min(quarter.end, as_of)
    return QuarterlyReturn(
        asked=asked,
        data_as_of=max(one.data_as_of for one in used),
        members=len(membership.on(day)),
        sites={
            programme: len(
                {counts_under(one.entry.member, day) for one in kept if one.statement.programme == programme}
            )
            for programme in {one.statement.programme for one in kept}
        },
        statements=tuple(statements),
        lines=lines,
        rule=rule,
        rule_before=before,
        restated=restated,
        incomplete=_incomplete(statements, kept, asked),
        notes=_notes(kept, outside, membership),
        claims=tuple(claims),
    )


def _restated(lines: Sequence[Line], earlier: Sequence[Counting]) -> tuple[Restated, ...]:
    """Return what the network's totals would have been by the rule before; both numbers are shown."""
    found = []
    for line in lines:
        if line.level is Level.NETWORK:
            own = [
                one
                for one in earlier
                if one.statement.programme[1] == line.measure
                and line.innovation in (one.statement.innovation, ALL_PROGRAMMES)
                and line.window.holds(one.entry.start)
            ]
            found.append(Restated(line=line, before=total(own)))
    return tuple(found)


def _incomplete(statements: Sequence[Statement], kept: Sequence[Counting], asked: Asked) -> tuple[str, ...]:
    quarter, as_of, membership = asked.quarter, asked.as_of, asked.membership
    found = []
    if as_of < quarter.end:
        found.append(f"The quarter ends on {quarter.end}, after the day of this return ({as_of}).")
    ends = {one.programme: one.last for one in statements}
    for one in statements:
        ends[one.programme] = max(ends[one.programme], one.last)
    for (innovation, measure), last in ends.items():
        if last < quarter.end:
            found.append(f"{innovation}, {measure}: the numbers end on {last}, and the quarter on {quarter.end}.")
    belong = membership.on(min(quarter.end, as_of))
    for innovation, measure in ends:
        heard = {
            member
            for one in statements
            if one.programme == (innovation, measure) and one.last >= quarter.start
            for member in one.members
        }
        missing = [member.name for member in belong if member.ods_code not in heard]
        if missing:
            found.append(f"{innovation}, {measure}: no numbers came from {listing(missing)}.")
    here = [one for one in kept if quarter_of(one.entry.start) == quarter]
    untold = sum(one.entry.avoided is None for one in here)
    if untold:
        found.append(
            f"In {untold} of {plural(len(here), 'site-period')} of the quarter nothing can be expected without the "
            "innovation, so whoever benefited there is not counted."
        )
    return tuple(found)


def _notes(kept: Sequence[Counting], outside: Sequence[Counting], membership: Membership) -> tuple[str, ...]:
    found = []
    for statement in {id(one.statement): one.statement for one in kept}.values():
        if statement.counted is Counted.EVENTS:
            found.append(
                f"{statement.measure_title}: events are counted, not patients, of whom one may have several; "
                f"{statement.reached_unit} are reached, not as many patients."
            )
        found += statement.flags
        if statement.why_none:
            found.append(f"{statement.innovation_title}, {statement.measure_title}: {statement.why_none}")
    found += _of_several_versions(kept)
    harmed = [
        (code, found_total)
        for code, found_total in totals_by(kept, lambda one: one.entry.member).items()
        if found_total.benefited is not None and found_total.benefited.upper < 0
    ]
    if harmed:
        names = listing([membership.name_of(code) for code, _ in harmed])
        found.append(f"At {names} it got worse, beyond chance. That is counted like every benefit, and not left out.")
    shared = sum(one.share < 1.0 for one in kept)
    if shared:
        found.append(f"{plural(shared, 'site-period')} are shared between programmes, and each event counts once.")
    if outside:
        codes = listing(sorted({one.entry.member for one in outside}))
        found.append(
            f"{plural(len(outside), 'site-period')} at {codes} are not counted: it did not belong to the network then."
        )
    return tuple(dict.fromkeys(found))


def _of_several_versions(kept: Sequence[Counting]) -> list[str]:
    """Return, in words, which totals add up numbers that were counted by several versions of a measure."""
    spans: dict[str, dict[str, tuple[date, date]]] = {}
    for one in kept:
        entry, versions = one.entry, spans.setdefault(one.statement.programme[1], {})
        first, last = versions.get(one.statement.measure, (entry.start, entry.end))
        versions[one.statement.measure] = (min(first, entry.start), max(last, entry.end))
    return [
        f"Totals of {measure} add up numbers of several definitions: "
        + listing([f"{version} from {first} to {last}" for version, (first, last) in sorted(versions.items())])
        + ". Have the later one counted over the whole time to compare them."
        for measure, versions in spans.items()
        if len(versions) > 1
    ]
