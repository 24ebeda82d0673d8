"""What a site's policy says of pooled sums: whether a measure may be in one, and how much a year's draws may tell."""

from collections.abc import Mapping, Sequence

from rounds.disclosure.attempt import Attempt
from rounds.disclosure.budget import MOST_RHO, Costs, Period, add_costs, refuse_beyond
from rounds.disclosure.policy import SitePolicy
from rounds.disclosure.pooled import Charge
from rounds.errors import DisclosureRefusal
from rounds.measures.definitions import MeasureRef


def pooled_costs(
    spent: Sequence[Charge],
    charged: Mapping[int, Mapping[Period, float]],
    policy: SitePolicy,
    *,
    attempt: Attempt,
) -> dict[MeasureRef, Costs]:
    """Return what an attempt's draws cost, by measure, if the policy lets the site take part.

    Every attempt of every round is another draw. Draws count against the budget of a policy that has one, beside all
    other noise, and against `MOST_RHO` where none is set. Nothing here depends on a count.

    Args:
        spent: by measure and period, from `charges`.
        charged: by calendar year, what was charged so far, in either lane.
        policy: the site's own, in force now.
        attempt: at whose sums.

    Raises:
        DisclosureRefusal: if nothing of a measure may leave, or a year's budget would be spent.
    """
    so_far = {year: dict(periods) for year, periods in charged.items()}
    found: dict[MeasureRef, Costs] = {}
    for ref in dict.fromkeys(one.measure for one in spent):
        if policy.terms_of(ref.id).never:
            raise DisclosureRefusal(
                f"{ref}: policy `{policy.name}` lets nothing of it leave, in no lane; the centre must ask without it"
            )
        wanted: dict[int, dict[Period, float]] = {}
        for one in spent:
            if one.measure == ref:
                key = (f"{ref.digest}/{attempt.round_id}", one.period.start.isoformat(), attempt.number)
                for year in range(one.period.start.year, one.period.end.year + 1):
                    wanted.setdefault(year, {})[key] = one.rho
        found[ref] = refuse_beyond(wanted, so_far, rho_per_year(policy), measure=str(ref))
        add_costs(so_far, found[ref])
    return found


def rho_per_year(policy: SitePolicy) -> float:
    """Return how much all noise that is drawn of one calendar year may tell of a person, in zCDP."""
    return policy.terms.budget.rho_per_year if policy.terms.budget else MOST_RHO
