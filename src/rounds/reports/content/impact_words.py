"""Words for a rate ratio, and what a panel of estimators is about."""

from dataclasses import dataclass

UNLIKELY = 0.05
"""A p-value below this is called a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the exhibits are about, in words."""

    subject: str
    """what was measured, and where it is in effect, for the charts' titles"""
    better: str
    """which way is better, in words"""
    period: str
    """what a period is called: "month" """


def change_words(ratio: float) -> str:
    """Return a rate ratio as a board reads it.

    >>> change_words(0.5), change_words(1.2), change_words(1.0)
    ('50% fewer', '20% more', 'no change')
    """
    change = round(100 * (ratio - 1))
    return f"{abs(change)}% {'fewer' if change < 0 else 'more'}" if change else "no change"
