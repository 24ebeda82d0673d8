"""Numbers on a site's own screen: its policy holds there too, for who looks at a screen may not look at records."""

from dataclasses import dataclass

import polars as pl

from rounds.disclosure.bounded import State
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.rules import apply_terms
from rounds.errors import DisclosureRefusal
from rounds.measures.kinds import CountKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """A number as a policy shows it. It is for the site's people; nothing carries it anywhere."""

    state: State
    value: int | None
    """None exactly when the number is withheld."""
    lower: int
    upper: int

    def __str__(self) -> str:
        return f"withheld ({self.lower} to {self.upper})" if self.value is None else f"{self.value:,}"


def screened(numbers: tuple[int, ...], *, terms: Terms) -> tuple[Screened, ...]:
    """Return exact numbers as a policy shows them.

    Args:
        numbers: made from records, 0 or more.
        terms: what the site's own policy says.

    Raises:
        DisclosureRefusal: if the policy is `open`, which is for data that are public already.

    >>> [str(one) for one in screened((0, 3, 1923), terms=Terms(rule=Policy.HES))]
    ['0', 'withheld (1 to 7)', '1,925']
    """
    if terms.rule is Policy.OPEN:
        raise DisclosureRefusal(
            "policy `open` is only for data that are already public; choose `hes` in site.yaml for counts made from "
            "records"
        )
    rule = apply_terms(terms, CountKind.PROPORTION)
    if rule is None:
        raise DisclosureRefusal(
            f"policy `{terms.rule}` has no rule for numbers on a screen, where they would be drawn anew each time; "
            "nothing is shown"
        )
    exact = pl.Series(numbers, dtype=pl.Int64())
    frame = pl.DataFrame({"numerator": exact, "denominator": exact}).select(rule)
    rows = frame.select(f"numerator_{part}" for part in ("state", "value", "lower", "upper")).rows()
    return tuple(Screened(state=State(state), value=value, lower=low, upper=high) for state, value, low, high in rows)
