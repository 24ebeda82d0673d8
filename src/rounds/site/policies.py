"""A site's policy as its people see it: what it lets leave, what is spent, and how a weaker one comes into force."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from rounds.disclosure.budget import advantage
from rounds.disclosure.pooled_costs import rho_per_year
from rounds.site.folder import Site
from rounds.site.releasing import adopt_weaker, policy_words
from rounds.storage.facts import logged_transaction
from rounds.storage.lock import only_one
from rounds.storage.release_store import RELEASE_SCHEMA, charged, policy_in_force
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
