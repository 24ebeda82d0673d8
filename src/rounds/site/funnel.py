"""How many people each inclusion rule of a trial leaves at a site: for the site's own eyes, under its own policy."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from rounds.disclosure.screen import Screened, screened
from rounds.engines.cohorts.entries import cohort_problems
from rounds.engines.funnels import open_funnels
from rounds.engines.pack import served_pack
from rounds.errors import DefinitionError, RecordsError
from rounds.records.omop_columns import create_omop_views
from rounds.site.counting import LEAST_ROWS, event_rows
from rounds.site.folder import RecordsBlock, Site
from rounds.site.opt_outs import open_site_records


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """A rule, the people who meet it, and those whom it and all rules before it leave."""

    rule: str
    meeting: Screened
    remaining: Screened


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFunnel:
    """A funnel as the site's policy shows it."""

    cohort: str
    qualifying: Screened
    """People with an event that the rules were asked about."""
    steps: tuple[FunnelStep, ...]


def funnel(site: Site, *, cohort: str, today: date, progress: Callable[[str], None]) -> ShownFunnel:
    """Return how many people each inclusion rule of a cohort leaves. Nothing leaves the site.

    Only a cohort of the library is counted: rules changed one at a time until a person stands out are what a review is
    for.

    Args:
        site: whose records.
        cohort: its id in the library, or its id and version such as "stroke v2".
        today: the day the records are looked at from.
        progress: told what is left out, and what SQL had to count.

    Raises:
        RoundsError: naming what is wrong.
    """
    asked = site.library.cohort(cohort)
    source = site.source
    if not isinstance(source, RecordsBlock) or source.database is not None:
        raise DefinitionError(f"site {site.id}: funnels are counted from records in files; this site holds none")
    screened((), terms=site.policy.terms)  # a policy that cannot show numbers is refused before anything is counted
    records = open_site_records(site, source, as_of=today, today=today, progress=progress)
    with records.connect() as connection:
        if problems := cohort_problems(connection, asked, records, schema=create_omop_views(connection, records)):
            raise RecordsError("\n".join(f"site {site.id}: {problem}" for problem in problems))
    few = event_rows(records) < LEAST_ROWS
    pack = "the records are few" if few else served_pack(records, build=True, tell=progress)
    with open_funnels(records, pack) as funnels:
        found = funnels.funnel(asked.definition)
    if found.fell_back and not few:
        progress(f"{site.id}: {asked}: counted in SQL, which is slower: {found.fell_back}")
    meeting = screened(tuple(rule.people_meeting for rule in found.rules), terms=site.policy.terms)
    remaining = screened(tuple(rule.people_remaining for rule in found.rules), terms=site.policy.terms)
    (qualifying,) = screened((found.qualifying_people,), terms=site.policy.terms)
    return ShownFunnel(
        cohort=str(asked),
        qualifying=qualifying,
        steps=tuple(
            FunnelStep(rule=rule.rule, meeting=met, remaining=left)
            for rule, met, left in zip(found.rules, meeting, remaining, strict=True)
        ),
    )
