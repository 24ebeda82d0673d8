"""Runs the sites of a local network, each in a process of its own that sees only its own folder and the exchange."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from rounds.centre.plan import Plan, SitePlan
from rounds.errors import ExitCode
from rounds.exchange.question import wire_question

SiteDone = Callable[[str], None]

_ONE_PROCESSOR: Final = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy wakes a thread for each processor as it is imported, and a site multiplies no matrices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFailure:
    """A site process that did not do what it was asked."""

    site: str
    exit_code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    site: str
    command: tuple[str, ...]
    told: str
    """what the process reads on its standard input"""


def check_sites(sites: Sequence[SitePlan], *, today: date | None, done: SiteDone) -> tuple[SiteFailure, ...]:
    """Let every site check its records against what will be asked. Nothing is written.

    Args:
        sites: those to check, with what they will be asked.
        today: the day of the round; each site's own if not said.
        done: called with a site's id when it has finished.
    """
    jobs = [
        _Job(
            site=site.site,
            command=(
                *("check", str(site.folder), "--question", "-", "--site", site.site),
                *(("--today", today.isoformat()) if today else ()),
            ),
            told=wire_question(site.question).model_dump_json(),
        )
        for site in sites
    ]
    return _run(jobs, done=done)


def answer_sites(
    plan: Plan, sites: Sequence[SitePlan], *, exchange: Path, today: date, done: SiteDone
) -> tuple[SiteFailure, ...]:
    """Let every site answer its request."""
    moment = ("--round", plan.round_id, "--today", today.isoformat())
    jobs = [
        _Job(site=site.site, command=("answer", str(site.folder), "--exchange", str(exchange), *moment), told="")
        for site in sites
    ]
    return _run(jobs, done=done)


def publish_keys(sites: Sequence[SitePlan], *, exchange: Path, today: date, done: SiteDone) -> tuple[SiteFailure, ...]:
    """Let every site lay its public keys into the exchange folder, which pooled sums need before anybody is asked."""
    how = ("--exchange", str(exchange), "--today", today.isoformat())
    jobs = [_Job(site=site.site, command=("keys", str(site.folder), *how), told="") for site in sites]
    return _run(jobs, done=done)


def _run(jobs: list[_Job], *, done: SiteDone) -> tuple[SiteFailure, ...]:
    failures = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        running = {pool.submit(_run_one, job): job.site for job in jobs}
        for finished in as_completed(running):
            failure = finished.result()
            if failure:
                failures.append(failure)
            done(running[finished])
    return tuple(sorted(failures, key=lambda failure: failure.site))


def _run_one(job: _Job) -> SiteFailure | None:
    result = subprocess.run(
        [sys.executable, "-P", "-m", "rounds", "--quiet", "site", *job.command],
        capture_output=True,
        text=True,
        check=False,
        input=job.told,
        env=_ONE_PROCESSOR | os.environ,
    )
    if result.returncode == ExitCode.OK:
        return None
    message = result.stderr.strip().removeprefix("rounds: ") or _silent_end(job.site, result.returncode)
    return SiteFailure(site=job.site, exit_code=result.returncode, message=message)


def _silent_end(site: str, code: int) -> str:
    if code < 0:
        return (
            f"its process was killed ({signal.Signals(-code).name}), perhaps for want of memory; nothing of {site} is "
            "half-written"
        )
    return f"the process of {site} ended with code {code} and no message"
