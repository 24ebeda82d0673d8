"""From counts to what leaves, once and for all: what left before leaves again as it was, the rest by the policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from sqlite3 import Connection

import polars as pl

from rounds.audit.chain import Action, Event
from rounds.disclosure.budget import Period, refuse_overspent
from rounds.disclosure.policy import Policy, SitePolicy, in_words
from rounds.disclosure.release import Released, release
from rounds.disclosure.rules import Draw
from rounds.errors import DisclosureRefusal
from rounds.measures.completeness import Share
from rounds.measures.counts import Count
from rounds.storage.release_store import charge, charged, keep_cells, keep_policy, kept_cells, policy_in_force

Counted = tuple[Count, tuple[Share, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What one measure would release, what of it is new, and what that costs."""

    released: Released
    fresh: pl.DataFrame
    """cells that were never released before, columns as in `bounded_schema`"""
    costs: dict[Period, float]
    """zCDP, by measure's period; empty under a rule without noise"""


def prepare(
    connection: Connection,
    policy: SitePolicy,
    counted: Sequence[Counted],
    *,
    epoch: int,
    already_public: bool,
    draw: Draw,
) -> tuple[Prepared, ...]:
    """Return what would leave of some counts, given everything that ever left. Writes nothing.

    Args:
        connection: the site's ledger.
        policy: the site's own, in force now.
        counted: exact counts with how complete the records are.
        epoch: 1, or more for a revision.
        already_public: whether the counts come from published aggregates.
        draw: the source of chance.

    Raises:
        DisclosureRefusal: if the policy lets something of it not leave, a budget is spent, or there were too many
            revisions. Whether it is raised does not depend on a count.
    """
    refuse_another_epoch(policy, epoch)
    costs_so_far = {year: dict(periods) for year, periods in charged(connection).items()}
    prepared = []
    for count, _ in counted:  # all refusals come before anything is drawn
        costs = _costs(connection, count, policy, costs_so_far, epoch=epoch)
        for (digest, period, of), rho in costs.items():
            costs_so_far.setdefault(date.fromisoformat(period).year, {})[digest, period, of] = rho
        prepared.append(costs)
    return tuple(
        _prepare(connection, count, policy, completeness, costs, epoch, already_public, draw)
        for (count, completeness), costs in zip(counted, prepared, strict=True)
    )


def refuse_another_epoch(policy: SitePolicy, epoch: int) -> None:
    """Raise if a number was revised as often as a policy allows."""
    if epoch > policy.most_epochs and policy.terms.rule is not Policy.OPEN:
        raise DisclosureRefusal(
            f"epoch {epoch} is asked for, and policy `{policy.name}` lets a number be released {policy.most_epochs} "
            "times at most: each revision can tell of one person; the centre must go on with what it has"
        )


def keep(
    connection: Connection, prepared: Sequence[Prepared], policy: SitePolicy, *, epoch: int, round_id: str
) -> tuple[Released, ...]:
    """Write down what is new and what it cost; return all that would leave."""
    for one in prepared:
        measure = one.released.measure
        if one.released.policy is not Policy.OPEN:  # what is public is revised by whoever publishes it
            rule = str(one.released.policy)
            keep_cells(connection, measure, one.fresh, epoch=epoch, round_id=round_id, rule=rule, policy=policy.digest)
        charge(connection, one.costs, measure=str(measure), round_id=round_id)
    return tuple(one.released for one in prepared)


def adopt_policy(connection: Connection, policy: SitePolicy, *, site: str, today: date) -> Event | None:
    """Put a policy in force and return what the log is to tell of it, or None if it is in force already.

    A policy as strict as the one before, or stricter, needs no word of anybody. A weaker one does: see `adopt_weaker`.

    Args:
        connection: of a transaction of the site's ledger.
        policy: which.
        site: whose policy it is.
        today: the day from which it is in force.

    Raises:
        DisclosureRefusal: if it is weaker than the policy in force.
    """
    before = policy_in_force(connection)
    if before is not None and before.digest == policy.digest:
        return None
    refuse_weaker(connection, policy)
    return _adopt(connection, policy, by=(site,), today=today)


def refuse_weaker(connection: Connection, policy: SitePolicy) -> None:
    """Raise if a policy is weaker than the one in force."""
    before = policy_in_force(connection)
    if before is not None and before.digest != policy.digest and (weaker := policy.weaker_than(before)):
        raise DisclosureRefusal(
            f"policy `{policy.name}` is weaker than `{before.name}`, which is in force: {'; '.join(weaker)}. Put the "
            "file back, or let two people adopt it: rounds site adopt-policy FOLDER --as NAME --and NAME"
        )


def adopt_weaker(connection: Connection, policy: SitePolicy, *, today: date, people: tuple[str, str]) -> Event:
    """Put a policy in force that is weaker than the one before, on the word of two people.

    Raises:
        DisclosureRefusal: if they are one, or one of them wrote the policy.
    """
    names = [" ".join(name.split()).casefold() for name in people]
    if names[0] == names[1] or not all(names):
        raise DisclosureRefusal("a weaker policy needs two different people; give --as and --and")
    if " ".join(policy.author.split()).casefold() in names:
        raise DisclosureRefusal(f"{policy.author} wrote policy `{policy.name}` and cannot adopt it; ask somebody else")
    return _adopt(connection, policy, by=people, today=today)


def _adopt(connection: Connection, policy: SitePolicy, *, by: tuple[str, ...], today: date) -> Event:
    number = keep_policy(connection, policy, day=today, adopted_by=by)
    party = " and ".join(by)
    return Event(action=Action.ADOPTED, round_id=f"policy-{number}", party=party, digest=policy.digest, day=today)


def policy_words(policy: SitePolicy) -> tuple[str, ...]:
    """Return a policy in plain words, a line for the rule and one for each measure with its own."""
    own = [f"{measure}: {in_words(terms)}" for measure, terms in sorted(policy.overrides.items())]
    once = "a number is released once, and never revised"
    again = f"a number is released once, and revised at most {policy.most_epochs - 1} time"
    return (f"{policy.name}: {in_words(policy.terms)}", *own, once if policy.most_epochs == 1 else again)


def _costs(
    connection: Connection,
    count: Count,
    policy: SitePolicy,
    so_far: dict[int, dict[Period, float]],
    *,
    epoch: int,
) -> dict[Period, float]:
    terms = policy.terms_of(count.measure.id)
    if terms.budget is None:
        return {}
    kept = kept_cells(connection, count.measure, count.strata, epoch=epoch, policy=policy.digest)
    keys = ["member", "period", *map(str, count.strata)]
    new = count.cells.join(kept, on=keys, how="anti")["period"].unique().sort()
    wanted: dict[int, list[Period]] = {}
    for day in new:
        wanted.setdefault(day.year, []).append((count.measure.digest, day.isoformat(), epoch))
    return refuse_overspent(wanted, so_far, terms.budget, measure=str(count.measure))


def _prepare(
    connection: Connection,
    count: Count,
    policy: SitePolicy,
    completeness: tuple[Share, ...],
    costs: dict[Period, float],
    epoch: int,
    already_public: bool,
    draw: Draw,
) -> Prepared:
    kept = kept_cells(connection, count.measure, count.strata, epoch=epoch, policy=policy.digest)
    terms = policy.terms_of(count.measure.id)
    released = release(
        count, terms=terms, already_public=already_public, completeness=completeness, stored=kept, draw=draw
    )
    keys = ["member", "period", *map(str, count.strata)]
    fresh = released.cells.join(kept, on=keys, how="anti", maintain_order="left")
    return Prepared(released=released, fresh=fresh, costs=costs)
