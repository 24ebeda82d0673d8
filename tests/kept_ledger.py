"""What a site's ledger holds, table by table, to compare one with another."""

import sqlite3
from contextlib import closing
from pathlib import Path

KEPT = {
    "answers": "",
    "cells": "WHERE has_left",
    "shares": "WHERE has_left",
    "charges": "",
    "policies": "",
    "ways": "",
    "approval_requests": "",
    "approval_acts": "",
    "log_entries": "WHERE action != 'restored'",
}
"""What must be known again after a ledger was lost: all but exact counts, and what has not left."""


def ledger_of(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """Return the rows of each table that matter for what may leave."""
    with closing(sqlite3.connect(path)) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = {
            name: set(connection.execute(f"SELECT * FROM {name} {where}"))  # noqa: S608 - our own names
            for name, where in KEPT.items()
            if name in there
        }
    return {name: found for name, found in rows.items() if found}
