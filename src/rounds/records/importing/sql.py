"""How words and paths of ours stand in SQL."""

from collections.abc import Iterable, Mapping
from pathlib import Path


def text(value: str) -> str:
    """Return a text as SQL writes it.

    >>> text("O'Neill")
    "'O''Neill'"
    """
    return "'" + value.replace("'", "''") + "'"


def file(path: Path) -> str:
    """Return a path as SQL writes it where no pattern is meant to be found in it."""
    return text(str(path))


def pattern(path: Path) -> str:
    """Return a path for DuckDB's readers: brackets keep it from taking a star in a folder's name for a pattern."""
    escaped = str(path)
    for mark in "[*?":
        escaped = escaped.replace(mark, f"[{mark}]")
    return text(escaped)


def words(values: Iterable[str]) -> str:
    """Return a list of words, sorted.

    >>> words({"b", "a"})
    "'a', 'b'"
    """
    return ", ".join(text(value) for value in sorted(values))


def switch(expression: str, table: Mapping[str, int], *, otherwise: str = "0") -> str:
    """Return SQL that looks a word up in a small table.

    >>> switch("sex", {"f": 8532})
    "CASE sex WHEN 'f' THEN 8532 ELSE 0 END"
    """
    cases = " ".join(f"WHEN {text(word)} THEN {concept}" for word, concept in table.items())
    return f"CASE {expression} {cases} ELSE {otherwise} END"
