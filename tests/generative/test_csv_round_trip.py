"""Whatever a spreadsheet writes, `read_csv` reads the same cells from the same lines."""

import csv
import io
import tempfile
from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.errors import PublishedDataError
from rounds.storage.csv_files import LINE, ColumnType, CsvDialect, read_csv

COLUMNS = {"name": ColumnType.TEXT, "total": ColumnType.COUNT, "day": ColumnType.DATE}
SPACES = "\u00a0\u2009\u202f"

letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0" + SPACES)
names = st.text(letters, min_size=1, max_size=12).map(str.strip).filter(bool)
rows = st.lists(
    st.tuples(names, st.none() | st.integers(0, 10**12), st.dates(date(1800, 1, 1), date(2200, 1, 1))), max_size=8
)


@settings(max_examples=150)
@given(rows=rows, mark=st.booleans(), end=st.sampled_from(["\n", "\r\n"]), thousands=st.booleans())
def test_what_is_written_is_read(
    rows: list[tuple[str, int | None, date]], mark: bool, end: str, thousands: bool
) -> None:
    text = io.StringIO()
    # Quoted throughout, for Python's writer leaves a lone carriage return bare.
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow([*COLUMNS, "note"])
    for name, total, day in rows:
        shown = "" if total is None else f"{total:,}" if thousands else str(total)
        writer.writerow([name, shown, day.isoformat(), ""])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + text.getvalue().encode())
        dialect = CsvDialect(thousands="," if thousands else None)
        table = read_csv(path, COLUMNS, error=PublishedDataError, may_be_blank={"total"}, dialect=dialect)
    assert list(table.drop(LINE).iter_rows()) == rows
    assert table[LINE].is_sorted()
    assert table[LINE].is_unique().all()
