"""Whether a site may be asked something today: agreements between dates, standing approvals, a clock that goes on."""

from collections.abc import Sequence
from datetime import date

from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.exchange.question import Question
from rounds.network.agreements import StandingApproval, uncovered
from rounds.network.people import same_person
from rounds.network.roles import Act, Approval, Role
from rounds.site.folder import Site
from rounds.storage.clock import refuse_clock_set_back
from rounds.storage.governance_files import read_agreements, read_people, read_standing_approvals


def refuse_not_agreed(site: Site, measures: Sequence[tuple[str, int]], *, today: date) -> None:
    """Raise unless agreements in force cover every measure. Where the site has none and needs none, nothing happens.

    Args:
        site: who is asked.
        measures: ids with versions.
        today: the day of the query.

    Raises:
        DisclosureRefusal: naming each measure that is not covered and why, or that the clock was set back.
        DefinitionError: if agreements.yaml is wrong, or missing where the site requires it.
    """
    path = site.agreements_path
    if not path.exists():
        if site.agreements_required:
            raise DefinitionError(
                f"{path} is missing, and {site.folder / 'site.yaml'} says `agreements: required`; write down what was "
                "agreed. Nothing may be asked until then"
            )
        return
    refuse_clock_set_back(site.ledger_path, today=today)
    missing = uncovered(read_agreements(path), measures, day=today)
    if missing:
        lines = [f"{path}: on {today} {len(missing)} of {len(measures)} measures may not be asked of {site.id}:"]
        lines += [f"  {one.measure}: {one.why}" for one in missing]
        lines.append("Agree on them, with dates, before the round is run again. Nothing was counted.")
        raise DisclosureRefusal("\n".join(lines))


def refuse_without_standing_approval(site: Site, question: Question, *, today: date) -> None:
    """Raise unless every measure has a standing approval in force, where the site asks for that.

    Raises:
        DisclosureRefusal: naming each measure that has none, or that the clock was set back.
        DefinitionError: if approvals.yaml or people.yaml is missing or wrong.
    """
    if site.approval is not Approval.STANDING:
        return
    path = site.standing_path
    if not path.exists():
        raise DefinitionError(
            f"{path} is missing, and {site.folder / 'site.yaml'} says `approval: standing`; list in it which measures "
            "may leave, or choose another `approval`"
        )
    refuse_clock_set_back(site.ledger_path, today=today)
    approvals = read_standing_approvals(path)
    people = read_people(site.people_path)
    for one in approvals:
        if people.role_for(Act.SIGN_OFF, name=one.approved_by, day=one.first) is None:
            raise DefinitionError(
                f"{path}: {one.measure} v{one.version}: {one.approved_by} was no {Role.GUARDIAN} on {one.first}, by "
                f"{site.people_path}; let a {Role.GUARDIAN} sign it off"
            )
    lines = []
    for ref in question.measures:
        found = [one for one in approvals if (one.measure, one.version) == (ref.id, ref.version)]
        problem = _standing_problem(site, found, ref.digest, today)
        if problem:
            lines.append(f"  {ref}: {problem}")
    if lines:
        first = f"{path}: on {today} {len(lines)} of {len(question.measures)} measures have no standing approval:"
        raise DisclosureRefusal("\n".join([first, *lines, "Nothing was counted."]))


def _standing_problem(site: Site, found: Sequence[StandingApproval], digest: str, today: date) -> str | None:
    """Return why none of a measure's standing approvals holds; None if one does."""
    if not found:
        return "nobody has signed it off"
    holds = [one for one in found if one.in_force(today)]
    if not holds:
        latest = max(found, key=lambda one: one.last)
        return f"it ended on {latest.last}" if latest.last < today else f"it begins only on {latest.first}"
    means = [one for one in holds if one.meaning is None or digest.startswith(one.meaning)]
    if not means:
        return f"it means something else now (digest {digest[:12]}) than what was signed off"
    author = site.library.measure(found[0].measure, found[0].version).author
    if all(same_person(one.approved_by, author) for one in means):
        return f"{author} wrote it and may not sign it off"
    return None
