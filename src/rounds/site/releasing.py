"""From counts to what leaves, once and for all: what left before leaves again as it was, the rest by the policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from sqlite3 import Connection
from typing import Final

import polars as pl

from rounds.disclosure.bounded import bounded_schema
from rounds.disclosure.budget import Costs, add_costs, refuse_overspent
from rounds.disclosure.budget import Period as Charged
from rounds.disclosure.completeness import BoundedShare
from rounds.disclosure.linked_numbers import Linked
from rounds.disclosure.linked_releases import gate
from rounds.disclosure.policy import Policy, SitePolicy
from rounds.disclosure.release import Released, leave_as_before, release, withhold
from rounds.disclosure.rules import Draw
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.exchange.question import Question
from rounds.measures.completeness import Share
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure, MeasureRef
from rounds.measures.kinds import CountKind
from rounds.measures.linked import Table
from rounds.measures.periods import Grain, Period
from rounds.measures.strata import Stratum
from rounds.site.opt_out_ways import refuse_other_way
from rounds.storage.kept_shares import Told, keep_shares, kept_shares
from rounds.storage.library import Library
from rounds.storage.release_store import (
    charge,
    charged,
    keep_cells,
    kept_cells,
    released_measures,
    released_spans,
)

_LONGEST_DAYS: Final = 366 * 60 + 31
"""More than any period lasts."""
FEWEST_OTHER_DAYS: Final = 90
"""Counts over all dates must be over quite other dates, or one can be subtracted from the other, event by event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One measure as it was counted. It never leaves."""

    measure: Measure
    periods: tuple[Period, ...]
    count: Count
    completeness: tuple[Share, ...]

    @property
    def kept_as(self) -> MeasureRef:
        """What the ledger knows its cells by. A count over all dates is another one for other dates."""
        ref = self.measure.ref
        if self.measure.grain is not Grain.ALL:
            return ref
        (whole,) = self.periods
        return replace(ref, digest=f"{ref.digest}@{whole.start}..{whole.end}")

    @property
    def keys(self) -> list[str]:
        return ["member", "period", *map(str, self.count.strata)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What one measure would release, what of it is new, and what that costs."""

    kept_as: MeasureRef
    released: Released
    fresh: pl.DataFrame
    """cells that were never released before, columns as in `bounded_schema`"""
    exact: pl.DataFrame
    """the exact counts of these; they never leave"""
    of_rows: bool
    costs: Costs
    """zCDP; empty under a rule without noise"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides what of a site's counts may leave."""

    policy: SitePolicy
    library: Library
    already_public: bool
    opt_outs: str
    """what tells the list of who may be counted from others; empty if nobody is left out"""
    draw: Draw


def prepare(
    connection: Connection, rules: Rules, counted: Sequence[Counted], *, question: Question
) -> tuple[tuple[Prepared, ...], tuple[str, ...]]:
    """Return what would leave of some counts, given everything that ever left, and what to tell the site's people.

    Writes nothing.

    Args:
        connection: the site's ledger.
        rules: the site's own.
        counted: exact counts with how complete the records are.
        question: what they were counted for.

    Raises:
        DisclosureRefusal: if the policy lets something of it not leave, a budget is spent, there were too many
            revisions, its days have left that were counted the other way about opt-outs, or what has left would tell
            too much together with it.
    """
    policy = rules.policy
    refuse_another_epoch(policy, question.epoch)
    so_far = {year: dict(periods) for year, periods in charged(connection).items()}
    kept, costs = [], []
    for one in counted:  # all refusals come before anything is drawn
        _refuse_near_spans(connection, rules, one)
        _refuse_rows_revised(rules, one, epoch=question.epoch)
        before = _kept(connection, rules, one.kept_as, one.count.strata, epoch=question.epoch)
        cost = _costs(rules, one, before, so_far, epoch=question.epoch)
        add_costs(so_far, cost)
        kept.append(before)
        costs.append(cost)
    _refuse_other_way(connection, rules, counted, kept)
    told = [_told(connection, rules, one, question) for one in counted]
    prepared = [_prepare(rules, *each) for each in zip(counted, kept, told, costs, strict=True)]
    return _gated(connection, rules, counted, prepared, question)


def refuse_another_epoch(policy: SitePolicy, epoch: int) -> None:
    """Raise if a number was revised as often as a policy allows."""
    if epoch > policy.most_epochs and policy.terms.rule is not Policy.OPEN:
        raise DisclosureRefusal(
            f"epoch {epoch} is asked for, and policy `{policy.name}` lets a number be released {policy.most_epochs} "
            "times at most: each revision can tell of one person; the centre must go on with what it has"
        )


def keep(
    connection: Connection, prepared: Sequence[Prepared], rules: Rules, *, question: Question, round_id: str
) -> tuple[Released, ...]:
    """Write down what is new and what it cost; return all that would leave."""
    for one in prepared:
        if one.released.policy is not Policy.OPEN:  # what is public is revised by whoever publishes it
            keep_cells(
                connection,
                one.kept_as,
                one.fresh,
                behind=one.exact if one.of_rows else one.exact.clear(),
                epoch=question.epoch,
                round_id=round_id,
                rule=str(one.released.policy),
                policy=rules.policy.digest,
                opt_outs=rules.opt_outs,
                records=question.as_of.isoformat(),
            )
            keep_shares(
                connection,
                told_of(one.released.measure, question),
                one.released.completeness,
                round_id=round_id,
                policy=rules.policy.digest,
                opt_outs=rules.opt_outs,
            )
        charge(connection, one.costs, measure=str(one.kept_as), round_id=round_id)
    return tuple(one.released for one in prepared)


def _kept(
    connection: Connection, rules: Rules, ref: MeasureRef, strata: tuple[Stratum, ...], *, epoch: int
) -> pl.DataFrame:
    policy = rules.policy.digest
    return kept_cells(connection, ref, strata, epoch=epoch, policy=policy, opt_outs=rules.opt_outs)


def _costs(
    rules: Rules, one: Counted, kept: pl.DataFrame, so_far: dict[int, dict[Charged, float]], *, epoch: int
) -> Costs:
    terms = rules.policy.terms_of(one.measure.id)
    if terms.budget is None:
        return {}
    new = set(one.count.cells.join(kept, on=one.keys, how="anti")["period"])
    wanted: dict[int, list[Charged]] = {}
    for period in one.periods:
        for year in range(period.start.year, period.end.year + 1) if period.start in new else ():
            wanted.setdefault(year, []).append((one.kept_as.digest, period.start.isoformat(), epoch))
    return refuse_overspent(wanted, so_far, terms.budget, measure=str(one.measure.ref))


def told_of(measure: MeasureRef, question: Question) -> Told:
    """Return what the ledger knows the completeness by that a question is told of a measure's records."""
    return Told(measure=measure, epoch=question.epoch, first=question.first, last=question.last)


def _told(connection: Connection, rules: Rules, one: Counted, question: Question) -> tuple[BoundedShare, ...]:
    if rules.policy.terms_of(one.measure.id).budget is not None:
        return ()
    policy = rules.policy.digest
    return kept_shares(connection, told_of(one.measure.ref, question), policy=policy, opt_outs=rules.opt_outs)


def _prepare(rules: Rules, one: Counted, kept: pl.DataFrame, told: tuple[BoundedShare, ...], costs: Costs) -> Prepared:
    terms = rules.policy.terms_of(one.measure.id)
    released = release(
        one.count,
        terms=terms,
        already_public=rules.already_public,
        completeness=() if terms.budget else one.completeness,  # no budget is charged for it
        told=told,
        stored=kept.select(list(bounded_schema(one.count.strata))),
        draw=rules.draw,
    )
    fresh = released.cells.join(kept, on=one.keys, how="anti", maintain_order="left")
    of_rows = one.measure.kind is CountKind.PROPORTION_OF_ROWS
    exact = one.count.cells.join(fresh, on=one.keys, how="semi")
    return Prepared(kept_as=one.kept_as, released=released, fresh=fresh, exact=exact, of_rows=of_rows, costs=costs)


def _gated(
    connection: Connection, rules: Rules, counted: Sequence[Counted], prepared: list[Prepared], question: Question
) -> tuple[tuple[Prepared, ...], tuple[str, ...]]:
    """Let an attacker try, over all that is to leave and the whole ledger."""
    if rules.already_public or not any(rules.policy.terms_of(one.measure.id).few for one in counted):
        return tuple(prepared), ()
    own = [_linked(connection, rules, *both, epoch=question.epoch) for both in zip(counted, prepared, strict=True)]
    earlier, gone = _earlier(connection, rules, counted, question)
    found = gate([*own, *earlier])
    gated = []
    for one, made, again, hidden in zip(counted, prepared, found.again, found.hidden, strict=False):
        released = withhold(leave_as_before(made.released, again), hidden, upper=found.upper)
        fresh = released.cells.join(made.fresh, on=one.keys, how="semi", maintain_order="left")
        gated.append(replace(made, released=released, fresh=fresh))
    many, before = (sum(frame.height for frame in frames) for frames in (found.hidden, found.again))
    told = [f"the gate withholds {many} more numbers, which could be used to work others out"] if many else []
    told += [f"{before} numbers have left before, in other measures or another epoch, and stand"] if before else []
    told += [f"{one} and {other} overlap: {why}" for one, other, why in found.overlapping]
    if gone:
        told.append(
            f"numbers of {', '.join(map(str, gone))} have left, and the library no longer has it as it was: nothing is "
            "known that would tie them to these; put the definition back"
        )
    return tuple(gated), tuple(told)


def _linked(connection: Connection, rules: Rules, one: Counted, made: Prepared, *, epoch: int) -> Linked:
    """Return what is to leave of a measure, and what has left of it in the same epoch, in whatever round."""
    left = _kept(connection, rules, one.kept_as, one.count.strata, epoch=epoch)
    asked = {period.start for period in one.periods}
    others = left.filter(~pl.col("period").is_in(sorted(asked)))
    more = _periods_of(one.measure, one.kept_as, others) if others.height else ()
    periods = tuple(sorted((*one.periods, *more), key=lambda period: period.start))
    terms = rules.policy.terms_of(one.measure.id)
    table = Table(measure=one.measure, periods=periods)
    return Linked(
        table=table, epoch=epoch, few=terms.few, step=terms.step, cells=made.fresh, fresh=made.exact, left=left
    )


def _earlier(
    connection: Connection, rules: Rules, counted: Sequence[Counted], question: Question
) -> tuple[list[Linked], list[MeasureRef]]:
    """Return what has left of other measures and in other epochs, and which measures are not known any more."""
    asked = {one.kept_as.digest for one in counted}
    found, gone = [], []
    for ref, epoch in released_measures(connection):
        if ref.digest in asked and epoch == question.epoch:
            continue
        try:
            measure = rules.library.measure(ref.id, ref.version)
        except DefinitionError:
            gone.append(ref)
            continue
        if measure.digest != ref.digest.partition("@")[0]:
            gone.append(ref)
            continue
        left = _kept(connection, rules, ref, measure.strata, epoch=epoch)
        if left.height:
            terms = rules.policy.terms_of(ref.id)
            cells = left.clear().select(list(bounded_schema(measure.strata)))
            fresh = pl.DataFrame(schema=count_schema(measure.strata, measure.kind))
            table = Table(measure=measure, periods=_periods_of(measure, ref, left))
            found.append(
                Linked(table=table, epoch=epoch, few=terms.few, step=terms.step, cells=cells, fresh=fresh, left=left)
            )
    return found, list(dict.fromkeys(gone))


def _periods_of(measure: Measure, ref: MeasureRef, cells: pl.DataFrame) -> tuple[Period, ...]:
    _, at, span = ref.digest.partition("@")
    if at:
        first, last = (date.fromisoformat(day) for day in span.split(".."))
        return measure.periods(first=first, last=last)
    starts = cells["period"].unique().sort().to_list()
    every = measure.periods(first=starts[0], last=starts[-1] + timedelta(days=_LONGEST_DAYS))
    return tuple(period for period in every if period.start in set(starts))


def _refuse_other_way(
    connection: Connection, rules: Rules, counted: Sequence[Counted], kept: Sequence[pl.DataFrame]
) -> None:
    if rules.already_public:
        return
    fresh = []
    for one, before in zip(counted, kept, strict=True):
        new = set(one.count.cells.join(before, on=one.keys, how="anti")["period"])
        fresh.append((one.measure.ref, [period for period in one.periods if period.start in new]))
    refuse_other_way(connection, fresh, opt_outs=bool(rules.opt_outs))


def _refuse_rows_revised(rules: Rules, one: Counted, *, epoch: int) -> None:
    """Raise if rows are to be revised: any number of them may be one person's, so no difference is large enough."""
    if epoch > 1 and one.measure.kind is CountKind.PROPORTION_OF_ROWS and rules.policy.terms_of(one.measure.id).few:
        raise DisclosureRefusal(
            f"{one.measure.ref}: a revision of {one.measure.unit} is asked for, and one person may have any number of "
            "them: the difference to what has left could tell of that person; the centre must ask without the measure, "
            "or for a measure of people"
        )


def _refuse_near_spans(connection: Connection, rules: Rules, one: Counted) -> None:
    """Raise if the same was counted over all of nearly the same dates: the days between tell of single events."""
    if one.measure.grain is not Grain.ALL or not rules.policy.terms_of(one.measure.id).few:
        return
    (whole,) = one.periods
    for first, last in released_spans(connection, one.measure.digest):
        apart = abs((first - whole.start).days) + abs((last - whole.end).days)
        if 0 < apart < FEWEST_OTHER_DAYS:
            raise DisclosureRefusal(
                f"{one.measure.ref}: it was released for {first} to {last}, and {whole.start} to {whole.end} differs "
                f"by {apart} days: the difference could tell of single events; ask for the same dates, or for dates "
                f"that differ by {FEWEST_OTHER_DAYS} days or more"
            )
