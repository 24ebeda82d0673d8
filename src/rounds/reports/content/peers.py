"""Who like me does better, and what do they use?"""

from collections.abc import Mapping
from dataclasses import dataclass

from rounds.measures.definitions import Better, Measure
from rounds.network.innovations import Innovation
from rounds.network.members import Membership
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import rate_between, rate_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A member of the same kind that clearly does better."""

    ods_code: str
    name: str
    observed: Observed
    over: str
    """the time the rate covers, in words: "the last 12 months" """
    innovation: Innovation | None = None
    """one that it has embedded and the member in question has not"""

    def rate_words(self, measure: Measure) -> str:
        rate = self.observed.rate(measure.scale)
        if rate is not None:
            return rate_text(rate, measure)
        return rate_between(*self.observed.rate_bounds(measure.scale), measure)


def better_peer(
    *,
    member: str,
    totals: Mapping[str, Observed],
    measure: Measure,
    membership: Membership,
    over: str,
    embedded: Mapping[str, Innovation] | None = None,
) -> Peer | None:
    """Return the member of the same kind that most surely does better, or None.

    Its whole 95 % interval, withholding bounds included, must lie on the better side of this member's. Of those that
    qualify, one that has embedded an innovation which this member has not comes first, because it has something to pass
    on; then the one whose worst case is best.

    Args:
        member: an ODS code.
        totals: counts over the same recent periods, by ODS code.
        measure: what is counted; with `better: neither` nobody does better.
        membership: to know each member's kind and name.
        over: the time covered, in words.
        embedded: by ODS code, an innovation meant to improve this measure that the member has embedded.
    """
    mine = totals.get(member)
    if mine is None or measure.better is Better.NEITHER:
        return None
    kinds = {item.ods_code: item.kind for item in membership.members}
    sign = 1.0 if measure.better is Better.LOWER else -1.0
    my_best = sign * mine.interval95(measure.scale)[0 if sign > 0 else 1]
    offers = {code: offer for code, offer in (embedded or {}).items() if offer != (embedded or {}).get(member)}
    found = []
    for code, theirs in sorted(totals.items()):
        if code == member or kinds.get(code) != kinds.get(member) or theirs.denominator.lower == 0:
            continue
        worst = sign * theirs.interval95(measure.scale)[1 if sign > 0 else 0]
        if worst < my_best:
            found.append((code not in offers, worst, code))
    if not found:
        return None
    code = min(found)[2]
    return Peer(
        ods_code=code,
        name=membership.name_of(code),
        observed=totals[code],
        over=over,
        innovation=offers.get(code),
    )
