"""From counts to what leaves, once and for all: what left before leaves again as it was, the rest by the policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from sqlite3 import Connection
from typing import Final

import polars as pl

from rounds.disclosure.budget import Costs, add_costs, refuse_overspent
from rounds.disclosure.budget import Period as Charged
from rounds.disclosure.completeness import BoundedShare
from rounds.disclosure.linked_releases import Linked, gate
from rounds.disclosure.policy import Policy, SitePolicy
from rounds.disclosure.release import Released, release, withhold
from rounds.disclosure.rules import Draw
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.exchange.question import Question
from rounds.measures.completeness import Share
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure, MeasureRef
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
    other_records,
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
    connection: Connection,
    rules: Rules,
    ref: MeasureRef,
    strata: tuple[Stratum, ...],
    *,
    epoch: int,
    records: str | None = None,
) -> pl.DataFrame:
    policy = rules.policy.digest
    return kept_cells(connection, ref, strata, epoch=epoch, policy=policy, opt_outs=rules.opt_outs, records=records)


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
        stored=kept,
        draw=rules.draw,
    )
    fresh = released.cells.join(kept, on=one.keys, how="anti", maintain_order="left")
    return Prepared(kept_as=one.kept_as, released=released, fresh=fresh, costs=costs)


def _gated(
    connection: Connection, rules: Rules, counted: Sequence[Counted], prepared: list[Prepared], question: Question
) -> tuple[tuple[Prepared, ...], tuple[str, ...]]:
    """Let an attacker try, over all that is to leave and all that has left of the same records."""
    few = [rules.policy.terms_of(one.measure.id).few for one in counted]
    if rules.already_public or not any(few):
        return tuple(prepared), ()
    label, epoch = question.as_of.isoformat(), question.epoch
    own = [
        Linked(
            table=Table(measure=one.measure, periods=one.periods, records=label),
            cells=pl.concat(
                [made.fresh, _kept(connection, rules, one.kept_as, one.count.strata, epoch=epoch, records=label)]
            ).join(one.count.cells, on=one.keys, how="semi"),
            fresh=one.count.cells.join(made.fresh, on=one.keys, how="semi"),
            few=protected,
        )
        for one, made, protected in zip(counted, prepared, few, strict=True)
    ]
    found = gate([*own, *_earlier(connection, rules, counted, question)])
    gated = []
    for one, made, hidden in zip(counted, prepared, found.hidden, strict=False):
        released = withhold(made.released, hidden, upper=found.upper)
        fresh = released.cells.join(made.fresh, on=one.keys, how="semi", maintain_order="left")
        gated.append(replace(made, released=released, fresh=fresh))
    many = sum(hidden.height for hidden in found.hidden)
    told = [f"the gate withholds {many} more numbers, which could be used to work others out"] if many else []
    told += [f"{one} and {other} overlap: {why}" for one, other, why in found.overlapping]
    others = ", ".join(other_records(connection, records=label, epoch=epoch))
    if others:
        told.append(
            f"numbers have left that were counted from the records of {others}; the gate does not tie them to these"
        )
    return tuple(gated), tuple(told)


def _earlier(connection: Connection, rules: Rules, counted: Sequence[Counted], question: Question) -> list[Linked]:
    """Return what has left that was counted from the same records and is not asked for again."""
    label, epoch = question.as_of.isoformat(), question.epoch
    asked = {one.kept_as.digest: {period.start for period in one.periods} for one in counted}
    found = []
    for ref in released_measures(connection, records=label, epoch=epoch):
        try:
            measure = rules.library.measure(ref.id, ref.version)
        except DefinitionError:
            continue  # of a measure that is gone nothing is known that would tie it
        if measure.digest != ref.digest.partition("@")[0]:
            continue
        cells = _kept(connection, rules, ref, measure.strata, epoch=epoch, records=label)
        cells = cells.filter(~pl.col("period").is_in(sorted(asked.get(ref.digest, ()))))
        if not cells.height:
            continue
        periods = _periods_of(measure, ref, cells)
        nothing = (
            cells.clear()
            .select("member", "period", *map(str, measure.strata))
            .with_columns(pl.lit(0).alias("numerator"), pl.lit(0).alias("denominator"))
        )
        table = Table(measure=measure, periods=periods, records=label)
        found.append(Linked(table=table, cells=cells, fresh=nothing, few=rules.policy.terms_of(ref.id).few))
    return found


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
