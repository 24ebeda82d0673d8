"""successions.csv of a network's folder: who carries on whose work, from what day."""

from collections.abc import Collection
from pathlib import Path

from rounds.errors import DefinitionError
from rounds.network.successions import Succession, Successions, connected, cycle_in
from rounds.storage.csv_files import LINE, ColumnType, read_csv


def read_successions(path: Path, *, about: Collection[str]) -> Successions:
    """Return the successions that concern some organisations; none if there is no file.

    A national list may stand there as it is: what concerns nobody in the network is left alone, mistakes included.

    Args:
        path: a CSV with the columns old_code, new_code and date. Several rows of one old code are a split, of one new
            code a merger.
        about: ODS codes of those whose successions are wanted.

    Raises:
        DefinitionError: naming file, lines and what to correct: an organisation that succeeds itself, at once or over
            others.
    """
    if not path.exists():
        return Successions()
    columns = {"old_code": ColumnType.TEXT, "new_code": ColumnType.TEXT, "date": ColumnType.DATE}
    lines: dict[Succession, int] = {}
    for row in read_csv(path, columns, error=DefinitionError).iter_rows(named=True):
        one = Succession(old_code=row["old_code"].upper(), new_code=row["new_code"].upper(), day=row["date"])
        lines.setdefault(one, row[LINE])
    wanted = connected(lines, about)
    if cycle := cycle_in(wanted):
        rows = ", ".join(f"line {lines[one]} ({one})" for one in cycle)
        raise DefinitionError(
            f"{path.name}: an organisation cannot succeed itself, and these rows run in a circle: {rows}; "
            "correct or remove one"
        )
    return Successions(all=wanted)
