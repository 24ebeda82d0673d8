"""What a refusal says about a word it does not know."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_NAMED = 8


def nearest(word: str, valid: Iterable[str], *, otherwise: str = "") -> str:
    """Return "; did you mean `x`?" for the valid word nearest to a wrong one, or else the valid words there are.

    Args:
        word: the wrong one.
        valid: the right ones.
        otherwise: what to do if none of them is meant, such as "add it to members.csv"; it ends the sentence.

    >>> nearest("measurs", ("measures", "members"))
    '; did you mean `measures`?'
    >>> nearest("zebra", ("measures", "members"))
    '; choose one of `measures`, `members`'
    >>> nearest("measurs", ("measures", "members"), otherwise="add it")
    '; did you mean `measures`? If not, add it'
    >>> nearest("zebra", ("measures", "members"), otherwise="add it")
    '; choose one of `measures`, `members`, or add it'
    >>> nearest("zebra", (), otherwise="add it")
    '; add it'
    """
    by_folded = {choice.casefold(): choice for choice in sorted(set(valid))}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{by_folded[close[0]]}`?" + (f" If not, {otherwise}" if otherwise else "")
    choices = list(by_folded.values())
    if not choices:
        return f"; {otherwise}" if otherwise else ""
    more = f" and {len(choices) - _MOST_NAMED} more" if len(choices) > _MOST_NAMED else ""
    listed = ", ".join(f"`{choice}`" for choice in choices[:_MOST_NAMED])
    return f"; choose {'one of ' if len(choices) > 1 else ''}{listed}{more}" + (
        f", or {otherwise}" if otherwise else ""
    )
