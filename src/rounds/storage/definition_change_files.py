"""definition_changes.csv of a network's folder: from when, and why, counts of a measure mean something else."""

from collections.abc import Collection
from pathlib import Path

from rounds.errors import DefinitionError
from rounds.network.definition_changes import DefinitionChange
from rounds.network.members import Membership
from rounds.storage.csv_files import ColumnType, read_csv
from rounds.storage.suggestions import nearest


def read_definition_changes(
    path: Path, *, membership: Membership, measures: Collection[str]
) -> tuple[DefinitionChange, ...]:
    """Return the stated changes in the order of the file; none if there is no file.

    Args:
        path: a CSV with the columns measure, date and reason, and perhaps ods_code: at whom; empty: at all members.
        membership: the organisations there are.
        measures: ids of the measures there are.

    Raises:
        DefinitionError: naming file, line and what to correct: an unknown organisation or measure, an empty reason,
            or one day twice.
    """
    if not path.exists():
        return ()
    columns = {
        "measure": ColumnType.TEXT,
        "ods_code": ColumnType.TEXT,
        "date": ColumnType.DATE,
        "reason": ColumnType.TEXT,
    }
    codes = [member.ods_code for member in membership.members]
    found: dict[tuple[str, str | None, object], int] = {}
    changes = []
    table = read_csv(path, columns, error=DefinitionError, may_be_absent=("ods_code",))
    for line, measure, code, day, reason in table.iter_rows():
        where = f"{path.name}, line {line}"
        if code is not None and code not in codes:
            raise DefinitionError(
                f'{where}: "{code}" is not a member{nearest(code, codes, otherwise="add it to members.csv")}'
            )
        if measure not in measures:
            raise DefinitionError(f'{where}: there is no measure "{measure}"{nearest(measure, measures)}')
        key = measure, code, day
        if key in found:
            raise DefinitionError(
                f"{where}: the definition of {measure} changed at {code or 'all members'} on {day} on line "
                f"{found[key]} already; keep one row"
            )
        found[key] = line
        changes.append(DefinitionChange(measure=measure, ods_code=code, day=day, reason=reason))
    return tuple(changes)
