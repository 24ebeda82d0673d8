"""What a refusal says about a word it does not know."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_NAMED = 8


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return "; did you mean `x`?" for the valid word nearest to a wrong one, or else the valid words there are.

    >>> nearest("measurs", ("measures", "members"))
    '; did you mean `measures`?'
    >>> nearest("zebra", ("measures", "members"))
    '; choose one of `measures`, `members`'
    """
    by_folded = {choice.casefold(): choice for choice in sorted(set(valid))}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{by_folded[close[0]]}`?"
    choices = list(by_folded.values())
    if not choices:
        return ""
    more = f" and {len(choices) - _MOST_NAMED} more" if len(choices) > _MOST_NAMED else ""
    listed = ", ".join(f"`{choice}`" for choice in choices[:_MOST_NAMED])
    return f"; choose {'one of ' if len(choices) > 1 else ''}{listed}{more}"
