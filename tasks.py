#!/usr/bin/env python3
"""Everything a developer or the build does, in one list. Needs nothing but Python 3.11: `python3 tasks.py demo`.

Each task sets up what it needs in `.venv` first; a second call finds it there.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
WAREHOUSE = ROOT / ".venv-warehouse"
PYTHON = VENV / "bin" / "python"
UV = "uv==0.13.9"
WORKERS = ("-n", str(os.cpu_count() or 1), "--dist", "worksteal")
"""Of tests, which differ a thousandfold in length: a worker without work takes some of the other's."""


def setup(*, dev: bool) -> None:
    """Make .venv with the locked dependencies, for running or for developing too."""
    if sys.version_info < (3, 11):  # noqa: UP036 - people start this file with whatever Python they have
        sys.exit(f"Rounds needs Python 3.11 or later; this is {sys.version.split()[0]}. Run tasks.py with a newer one.")
    lock = ROOT / "requirements" / ("dev.txt" if dev else "run.txt")
    stamps = [VENV / "dev.stamp"] if dev else [VENV / "dev.stamp", VENV / "run.stamp"]
    if any(stamp.exists() and stamp.read_text() == _fingerprint() for stamp in stamps):
        return
    print(f"Setting up {VENV} …", file=sys.stderr, flush=True)
    _make_venv()
    _run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)
    uv = [PYTHON, "-m", "uv", "pip"]
    _run(*uv, "install", "--quiet", "--compile-bytecode", "--require-hashes", "--requirement", lock)
    _run(*uv, "install", "--quiet", "--no-deps", "--editable", ROOT)
    stamps[-1].write_text(_fingerprint())


def demo(arguments: list[str]) -> None:
    """Make the demo network in ./demo and run a round of it."""
    setup(dev=False)
    _run(VENV / "bin" / "rounds", "demo", *(arguments or ["demo"]))


def check(_: list[str]) -> None:
    """Lint, types, import contracts. Changes nothing and reports every failure."""
    setup(dev=True)
    python = ["src", "tests", "benchmarks", "examples", "docs", "tasks.py"]
    tools = VENV / "bin"
    # Types take as long as all the rest; mypy's two runs share what they keep, so one waits for the other.
    at_once = [
        [[tools / "mypy"], [tools / "mypy", "benchmarks"]],
        [
            [tools / "ruff", "format", "--check", "--quiet", *python],
            [tools / "ruff", "check", "--quiet", *python],
            [tools / "lint-imports", "--no-cache"],
            [PYTHON, "docs/generate.py", "--check"],
        ],
    ]
    with ThreadPoolExecutor(len(at_once)) as pool:
        failed = [one for some in pool.map(_failed, at_once) for one in some]
    if failed:
        sys.exit("failed: " + "; ".join(failed))


def _failed(commands: list[list[str | Path]]) -> list[str]:
    """Run commands one after the other, each with its words together, and return those that failed."""
    failed = []
    for command in commands:
        done = subprocess.run(
            command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
        if done.returncode:
            failed.append(" ".join([Path(command[0]).name, *map(str, command[1:])]))
    return failed


def fix(_: list[str]) -> None:
    """Format the code and mend what the linter can mend."""
    setup(dev=True)
    _run(VENV / "bin" / "ruff", "check", "--fix", "--quiet", ".")
    _run(VENV / "bin" / "ruff", "format", "--quiet", ".")


def test(arguments: list[str]) -> None:
    """Run the tests; arguments go to pytest."""
    setup(dev=True)
    _browser()
    _run(PYTHON, "-m", "pytest", *WORKERS, *arguments)


def warehouse(arguments: list[str]) -> None:
    """Test counting in PostgreSQL and Spark, in a place of its own: it needs Java and 1.2 GB of packages."""
    setup(dev=True)
    lock, stamp, python = ROOT / "requirements" / "warehouse.txt", WAREHOUSE / "stamp", WAREHOUSE / "bin" / "python"
    if not (stamp.exists() and stamp.read_text() == _fingerprint()):
        uv = [PYTHON, "-m", "uv"]
        _run(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, WAREHOUSE)
        pip = [*uv, "pip", "install", "--quiet", "--python", python]
        # Not compiled: the tests import little of the 1.2 GB.
        _run(*pip, "--require-hashes", "--requirement", lock)
        _run(*pip, "--no-deps", "--editable", ROOT)
        stamp.write_text(_fingerprint())
    if not shutil.which("java"):
        _debian("openjdk-17-jre-headless", why="Spark runs on Java")
    if not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        _debian("postgresql", why="the tests start a PostgreSQL of their own")
    tests = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "warehouse_sites" in path.read_text()]
    _run(python, "-m", "pytest", *WORKERS, *tests, *arguments)


def docs(arguments: list[str]) -> None:
    """Write the generated pages of docs/ anew; with --pictures take the README's pictures of the demo instead."""
    setup(dev=True)
    _run(PYTHON, "docs/generate.py", *arguments)


def bench(arguments: list[str]) -> None:
    """Run the benchmarks, or those that are named, over a small population, or that of --preset NAME."""
    setup(dev=True)
    asked = argparse.ArgumentParser(prog="tasks.py bench")
    asked.add_argument("names", nargs="*", default=BENCHMARKS, help=f"some of {', '.join(BENCHMARKS)}")
    asked.add_argument("--preset", default="small")
    chosen = asked.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(BENCHMARKS))
    if unknown:
        asked.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    made = ROOT / "build" / chosen.preset
    if not made.exists() and any(BENCHMARKS[name] for name in chosen.names):
        made.parent.mkdir(exist_ok=True)
        _run(VENV / "bin" / "rounds", "synthetic", "--preset", chosen.preset, made)
    for name in chosen.names:
        print(f"== {name}", flush=True)
        records = [made / "sites" / "site-01" / "records"] if BENCHMARKS[name] else []
        _run(PYTHON, ROOT / "benchmarks" / f"{name}.py", *records)


BENCHMARKS = {
    "pack": True,
    "peers": True,
    "hospital": True,
    "funnel": True,
    "engines": False,
    "fhir_flatten": False,
    "synthetic": False,
    "demo_truth": False,
    "demo_means": False,
    "impact_coverage": False,
    "pooled_rates": False,
    "pooled_bounds": False,
    "withheld_table": False,
    "noisy_counts": False,
    "funnels_bulk": False,
    "disclosure": False,
    "news2": False,
    "spc_bulk": False,
    "false_alarms": False,
    "adoption_backtest": False,
}
"""Whether each is run over records. What else is in benchmarks/ belongs to one of them, or is a task of its own."""


GUARDED = [
    "rounds.disclosure",
    "rounds.audit",
    "rounds.exchange.log_check",
    "rounds.exchange.log_files",
    "rounds.exchange.sealing",
    "rounds.site.ledger",
    "rounds.site.opt_out_ways",
    "rounds.site.policies",
    "rounds.site.releasing",
    "rounds.site.restoring",
    "rounds.storage.audit_log",
    "rounds.storage.kept_shares",
    "rounds.storage.log_heads",
    "rounds.storage.opt_out_ways",
    "rounds.storage.own_history",
    "rounds.storage.policy_files",
    "rounds.storage.release_store",
]
"""What decides what leaves, and what remembers it: every branch is tried by a test."""
TRYING = r"^from rounds\.\S*(disclosure|audit|ledger|opt_out|releas|log_|policies|policy_files|restoring|sealing)"
"""Test files with such a line are run for that."""


def coverage(arguments: list[str]) -> None:
    """Say which branches of policies, ledger, gate and log no test tries; fail unless all are (6 minutes of CPU)."""
    setup(dev=True)
    folders = [ROOT / "tests" / name for name in ("architecture", "unit", "spec", "generative", "reference")]
    files = [path for folder in folders for path in sorted(folder.glob("test_*.py"))]
    trying = [path for path in files if re.search(TRYING, path.read_text(encoding="utf-8"), re.MULTILINE)]
    (ROOT / "build").mkdir(exist_ok=True)
    data = f"--data-file={ROOT / 'build' / 'coverage'}"
    only = "--source=" + ",".join(GUARDED)
    failed = _try(PYTHON, "-m", "coverage", "run", data, "--branch", only, "-m", "pytest", *(arguments or trying))
    _run(PYTHON, "-m", "coverage", "report", data, "--show-missing", "--fail-under=100")
    if failed:
        sys.exit(failed)


def fuzz(arguments: list[str]) -> None:
    """Try a million inputs and some on what reads bytes of others: policies, messages, MESH files."""
    setup(dev=True)
    _run(PYTHON, ROOT / "benchmarks" / "fuzz.py", *arguments)


def lock(arguments: list[str]) -> None:
    """Lock the dependencies anew, with hashes."""
    setup(dev=True)
    compiled = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--python-version", "3.11"]
    source = ["pyproject.toml", "--extra", "site", "--extra", "centre"]
    dev_lock, run_lock = "requirements/dev.txt", "requirements/run.txt"
    tested = ["--extra", "places", "--extra", "postgres", "--group", "dev"]
    _run(PYTHON, "-m", *compiled, *source, *tested, *arguments, "--output-file", dev_lock)
    _run(PYTHON, "-m", *compiled, *source, "--constraint", dev_lock, "--output-file", run_lock)
    apart = ["pyproject.toml", "--extra", "site", "--extra", "warehouse", "--group", "dev", "--constraint", dev_lock]
    _run(PYTHON, "-m", *compiled, *apart, "--output-file", "requirements/warehouse.txt")


TASKS = {
    "demo": demo,
    "setup": lambda _: setup(dev=True),
    "check": check,
    "fix": fix,
    "test": test,
    "warehouse": warehouse,
    "docs": docs,
    "bench": bench,
    "coverage": coverage,
    "fuzz": fuzz,
    "lock": lock,
}


def _fingerprint() -> str:
    """What .venv depends on: the locks, the project file and where the checkout lies."""
    files = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "pyproject.toml"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files) + str(ROOT).encode()).hexdigest()


def _make_venv() -> None:
    """Make .venv with pip in it; a Debian Python without ensurepip needs one package more."""
    if PYTHON.exists() and _try(PYTHON, "-m", "pip", "--version", quiet=True) == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if _try(sys.executable, "-c", "import ensurepip", quiet=True) != 0:
        _debian("python3-venv", why="this Python cannot make virtual environments")
    _run(sys.executable, "-m", "venv", VENV)


def _browser() -> None:
    """The browser tests look at the pages in Chromium; get it where that is possible."""
    if (
        not (shutil.which("chromium") and shutil.which("chromedriver"))
        and os.geteuid() == 0
        and shutil.which("apt-get")
    ):
        _debian("chromium", "chromium-driver", why="the page tests need a browser")


def _debian(*packages: str, why: str) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(
            f"{why}: install {' and '.join(packages)} first, for example: sudo apt-get install {' '.join(packages)}"
        )
    print(f"Installing {' and '.join(packages)}: {why} …", file=sys.stderr, flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _run(*command: object) -> None:
    code = _try(*command)
    if code:
        sys.exit(code)


def _try(*command: object, quiet: bool = False) -> int:
    sink = subprocess.DEVNULL if quiet else None
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False, stdout=sink, stderr=sink).returncode


def main() -> None:
    listed = "\n".join(f"  {name:<10}{(task.__doc__ or setup.__doc__ or '').strip()}" for name, task in TASKS.items())
    parser = argparse.ArgumentParser(
        description="Tasks:\n" + listed, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=TASKS)
    task, arguments = parser.parse_known_args()
    TASKS[task.task](arguments)


if __name__ == "__main__":
    main()
