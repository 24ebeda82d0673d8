"""A PostgreSQL of its own for tests: a private cluster on a socket in a folder, run by somebody who is not root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = ("postgres", "nobody")


def _binary(name: str) -> Path | None:
    found = shutil.which(name)
    if found:
        return Path(found)
    return next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None)


@contextmanager
def private_postgres() -> Iterator[str]:
    """Start a cluster and give how to connect to it; it is gone when the block ends."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `postgres`)")
    initdb, pg_ctl = _binary("initdb"), _binary("pg_ctl")
    if not (initdb and pg_ctl):
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"

        def run(*command: object) -> None:
            subprocess.run(
                [str(part) for part in command],
                check=True,
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

        run(initdb, "--no-sync", "--auth=trust", "--username=rounds", "--encoding=UTF8", "--pgdata", data)
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        run(pg_ctl, "start", "--wait", "--pgdata", data, "--options", options, "--log", folder / "log")
        try:
            yield f"host={folder} dbname=postgres user=rounds"
        finally:
            run(pg_ctl, "stop", "--wait", "--mode=immediate", "--pgdata", data)
    finally:
        shutil.rmtree(folder)


def _unprivileged() -> pwd.struct_passwd | None:
    """Return somebody to run the server if we are root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in NOBODY:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is nobody else")
