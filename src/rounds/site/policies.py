"""A site's policy as its people see it: what it lets leave, what is spent, and how a weaker one comes into force."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from sqlite3 import Connection

from rounds.audit.chain import Action, Event
from rounds.disclosure.budget import advantage
from rounds.disclosure.policy import SitePolicy, in_words
from rounds.disclosure.pooled_costs import rho_per_year
from rounds.errors import DisclosureRefusal
from rounds.network.people import same_person
from rounds.site.folder import Site
from rounds.storage.facts import logged_transaction
from rounds.storage.lock import only_one
from rounds.storage.release_store import RELEASE_SCHEMA, charged, keep_policy, policy_in_force
from rounds.storage.sqlite_file import reading


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyShown:
    """A site's policy in words, and its budget."""

    lines: tuple[str, ...]
    spent: Mapping[int, float]
    """zCDP by calendar year; empty if noise was never drawn"""
    weaker: tuple[str, ...]
    """in what it is weaker than the policy in force; nothing leaves until two people have adopted it"""


def look_at_policy(site: Site) -> PolicyShown:
    """Return what the site's policy lets leave. Writes nothing."""
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        before = policy_in_force(connection)
        spent = {year: math.fsum(periods.values()) for year, periods in sorted(charged(connection).items())}
    weaker = site.policy.weaker_than(before) if before else ()
    lines = list(policy_words(site.policy))
    most = rho_per_year(site.policy)
    for year, rho in spent.items():
        right = 100 * (1 + advantage(rho)) / 2
        lines.append(
            f"{year}: {rho:.3g} of {most:g} is spent; who sees everything guesses right in {right:.0f} of 100 tries "
            "whether somebody was counted, instead of in 50"
        )
    lines += [f"NOT in force, it is weaker: {why}" for why in weaker]
    return PolicyShown(lines=tuple(lines), spent=spent, weaker=weaker)


def adopt_site_policy(site: Site, *, people: tuple[str, str], today: date) -> None:
    """Put the site's policy in force on the word of two people, weaker as it may be.

    Raises:
        DisclosureRefusal: if they are one, or one of them wrote the policy.
    """
    with (
        only_one(site.folder, doing="adopting a policy"),
        logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts,
    ):
        facts.tell(adopt_weaker(facts.connection, site.policy, today=today, people=people))


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
    if same_person(*people) or not all(name.strip() for name in people):
        raise DisclosureRefusal("a weaker policy needs two different people; give --as and --and")
    if any(same_person(policy.author, name) for name in people):
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
