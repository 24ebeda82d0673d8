"""A DuckDB of one's own, of which nothing is left behind and which opens no connection to the outside."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # records that were checked are opened, and counted in a pack, without it
    import duckdb

DEFAULT_MEMORY: Final = "2GB"


@contextmanager
def private_duckdb(*, threads: int, memory_limit: str) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open a DuckDB of one's own, which goes with all it spilt when the block ends."""
    import duckdb

    # Patients' rows may spill to disk: into a folder only this user can read, gone when the block ends. No extension is
    # fetched, so that counting opens no connection to the outside.
    with (
        tempfile.TemporaryDirectory(prefix="rounds-") as spill,
        duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": memory_limit,
                "temp_directory": spill,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": True,
            }
        ) as connection,
    ):
        connection.execute("SET lock_configuration = true")
        yield connection
