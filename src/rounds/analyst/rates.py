"""What a rate is per: per cent, or per 1,000, 10,000 or 100,000, so that people read few zeros."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How rates are shown."""

    per: float
    unit: str
    """"% of attendances", "per 1,000 bed_days\""""
    share: bool
    """whether a rate is a share, which can be no more than `per`"""


def scale_of(*, centre: float, share: bool, denominator: str, per: float | None) -> Scale:
    """Return how to show rates.

    Args:
        centre: the rate of all together, per 1 of the denominator.
        share: whether no numerator is above its denominator.
        denominator: the column's name.
        per: what somebody asked for; None for per cent of shares of 0.1 % and more, else the first of 1,000, 10,000
            and 100,000 at which the rate is 1 or more.

    >>> scale_of(centre=0.2, share=True, denominator="attendances", per=None).unit
    '% of attendances'
    >>> scale_of(centre=0.00009, share=True, denominator="people", per=None).unit
    'per 100,000 people'
    """
    if per is None:
        usual = 100.0 if share and centre >= 0.001 else 1_000.0
        per = usual if usual == 100 else next((size for size in (1e3, 1e4) if centre * size >= 1), 1e5)
    unit = f"% of {denominator}" if per == 100 and share else f"per {per:,.10g} {denominator}"
    return Scale(per=per, unit=unit, share=share)
