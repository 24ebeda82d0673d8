"""rebases.csv of a network's folder: from when, and why, whose control limits start anew."""

from collections.abc import Collection
from pathlib import Path

from rounds.errors import DefinitionError
from rounds.network.members import Membership
from rounds.network.rebases import StatedRebase
from rounds.storage.csv_files import ColumnType, read_csv
from rounds.storage.suggestions import nearest


def read_rebases(path: Path, *, membership: Membership, measures: Collection[str]) -> tuple[StatedRebase, ...]:
    """Return the stated rebases in the order of the file; none if there is no file.

    Args:
        path: a CSV with the columns ods_code, measure, since and reason.
        membership: the organisations there are.
        measures: ids of the measures there are.

    Raises:
        DefinitionError: naming file, line and what to correct: an unknown organisation or measure, an empty reason, or
            one day twice.
    """
    if not path.exists():
        return ()
    columns = {
        "ods_code": ColumnType.TEXT,
        "measure": ColumnType.TEXT,
        "since": ColumnType.DATE,
        "reason": ColumnType.TEXT,
    }
    codes = [member.ods_code for member in membership.members]
    found: dict[tuple[str, str, object], int] = {}
    rebases = []
    for line, code, measure, since, reason in read_csv(path, columns, error=DefinitionError).iter_rows():
        where = f"{path.name}, line {line}"
        if code not in codes:
            raise DefinitionError(
                f'{where}: "{code}" is not a member{nearest(code, codes, otherwise="add it to members.csv")}'
            )
        if measure not in measures:
            raise DefinitionError(f'{where}: there is no measure "{measure}"{nearest(measure, measures)}')
        if (code, measure, since) in found:
            raise DefinitionError(
                f"{where}: limits of {measure} of {code} start anew on {since} on line "
                f"{found[code, measure, since]} already; keep one row"
            )
        found[code, measure, since] = line
        rebases.append(StatedRebase(ods_code=code, measure=measure, since=since, reason=reason))
    return tuple(rebases)
