"""What a new process does not wait for: libraries and rooms that its task does not need."""

import subprocess
import sys
from pathlib import Path

from small_site import drug_event, open_site, people_measure, write_site, years

from rounds.engines import pack

LOADED = "\nimport sys\nprint('LOADED', *sorted(sys.modules))\n"

HELP = """
from rounds.cli import main
sys.argv = ["rounds", "--help"]
try:
    main()
except SystemExit:
    pass
"""

COUNT = """
from pathlib import Path
from small_site import drug_event, open_site, people_measure, years
from rounds.engines import pack
measure = people_measure(drug_event())
print("COUNTED", pack.count(measure, open_site(Path({folder!r})), member="RX1", periods=years(2020, 2021)).cells.rows())
"""


def _run(code: str) -> str:
    tests = str(Path(__file__).parents[1])
    here = f"import sys; sys.path.insert(0, {tests!r})\n"
    done = subprocess.run([sys.executable, "-c", here + code + LOADED], capture_output=True, text=True, check=True)
    return done.stdout


def _loaded(output: str) -> set[str]:
    (line,) = [line for line in output.splitlines() if line.startswith("LOADED ")]
    return set(line.split()[1:])


def test_the_pack_is_imported_without_what_few_batches_need() -> None:
    loaded = _loaded(_run("import rounds.engines.pack"))
    assert "rounds.engines.pack.plan" in loaded
    needless = {
        "jinja2",
        "pydantic",
        "ruamel",
        "xlsxwriter",
        "rounds.engines.cohorts",
        "rounds.engines.duck",
        "rounds.engines.pack.build",
        "rounds.engines.sql",
        "rounds.storage.yaml_files",
    }
    assert not loaded & needless


def test_help_is_shown_without_what_counts() -> None:
    code = (
        "from rounds.cli import main\nsys.argv = ['rounds', '--help']\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    )
    output = _run(code)
    assert "Usage: rounds" in output
    assert not _loaded(output) & {"duckdb", "numba", "numpy", "polars", "pydantic", "ruamel"}


def test_kernels_that_are_kept_run_without_what_compiles(tmp_path: Path) -> None:
    folder = write_site(
        tmp_path,
        person="1001 female 1950\n1002 male 1960",
        observation_period="1001 2020-01-01 2021-12-31\n1002 2020-01-01 2021-12-31",
        drug_era="1001 drug 2020-07-01",
    )
    # Counted here first, so that there are a pack and machine code for it.
    measure = people_measure(drug_event())
    rows = pack.count(measure, open_site(folder), member="RX1", periods=years(2020, 2021)).cells.rows()
    output = _run(COUNT.format(folder=str(folder)))
    assert f"COUNTED {rows}" in output
    loaded = _loaded(output)
    assert "numba.core.caching" in loaded
    # The first is what numba compiles arithmetic of arrays with; it imports the second, where there is one, for BLAS.
    assert not loaded & {"numba.np.arraymath", "scipy.linalg"}
    assert "rounds.engines.duck" not in loaded
