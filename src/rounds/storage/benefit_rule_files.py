"""benefit_rules.csv of a network's folder: which rule for overlapping programmes holds, from what day."""

from pathlib import Path

from rounds.errors import DefinitionError
from rounds.learning.benefit.rules import RuleBook, overlap_rule
from rounds.storage.csv_files import ColumnType, read_csv


def read_rule_book(path: Path) -> RuleBook:
    """Return which rule holds when; without a file `split-evenly@1` always does.

    Args:
        path: a CSV with the columns rule, such as split-evenly@1, and since.

    Raises:
        DefinitionError: naming file, line and what to correct.
    """
    if not path.exists():
        return RuleBook()
    found = []
    table = read_csv(path, {"rule": ColumnType.TEXT, "since": ColumnType.DATE}, error=DefinitionError)
    for line, name, since in table.iter_rows():
        try:
            found.append((since, overlap_rule(name)))
        except DefinitionError as problem:
            raise DefinitionError(f"{path.name}, line {line}: {problem}") from None
    try:
        return RuleBook(overlap=tuple(found))
    except DefinitionError as problem:
        raise DefinitionError(f"{path.name}: {problem}") from None
