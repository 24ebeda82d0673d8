"""`Count` cannot leave: the type checker refuses it, and so does the program."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rounds.disclosure.bounded import bounded_schema
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import Released, release
from rounds.errors import DisclosureRefusal
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef

ROOT = Path(__file__).resolve().parents[2]
REF = MeasureRef(id="m", version=1, digest="0" * 64)

LEAKS = {
    "a count in a reply": (
        "def leak(request: Request, count: Count) -> bytes:\n"
        "    return draft_reply(request, [count], today=date(2025, 1, 1))\n",
        'incompatible type "Count"; expected "Released"',
    ),
    "a frame in a reply": (
        "def leak(request: Request, frame: pl.DataFrame) -> bytes:\n"
        "    return draft_reply(request, [frame], today=date(2025, 1, 1))\n",
        'incompatible type "DataFrame"; expected "Released"',
    ),
    "a pseudonym in a reply": (
        "def leak(request: Request, pseudonym: Pseudonym) -> bytes:\n"
        "    return draft_reply(request, [pseudonym], today=date(2025, 1, 1))\n",
        'incompatible type "Pseudonym"; expected "Released"',
    ),
    "a release without its seal": (
        "def leak(frame: pl.DataFrame, ref: MeasureRef) -> Released:\n"
        "    return Released(measure=ref, policy=Policy.HES, strata=(), cells=frame)\n",
        'Missing named argument "seal"',
    ),
    "a count among the shares": (
        "def leak(request: Request, count: Count) -> bytes:\n"
        "    return draft_reply(request, (), shares=[count], today=date(2025, 1, 1))\n",
        'incompatible type "Count"; expected "PooledShare"',
    ),
    "a share without its seal": (
        "def leak(ref: MeasureRef) -> PooledShare:\n    return PooledShare(measure=ref, attempt=1, numbers=(3, 40))\n",
        'Missing named argument "seal"',
    ),
}
IMPORTS = """
from datetime import date
import polars as pl
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.pooled import PooledShare
from rounds.disclosure.release import Released
from rounds.exchange.messages import Request, draft_reply
from rounds.measures.counts import Count
from rounds.measures.definitions import MeasureRef
from rounds.site.pseudonyms import Pseudonym
"""


@pytest.mark.slow
def test_type_checker_refuses_every_leak(tmp_path: Path) -> None:
    for number, (name, (code, complaint)) in enumerate(LEAKS.items()):
        file = tmp_path / f"leak_{number}.py"
        file.write_text(IMPORTS + code)
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(file)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 1, f"{name}: {result.stdout}{result.stderr}"
        assert complaint in result.stdout, f"{name}: {result.stdout}"


def _count() -> Count:
    row = {"member": ["A"], "period": [date(2025, 1, 1)], "numerator": [3], "denominator": [40]}
    return Count(measure=REF, strata=(), cells=pl.DataFrame(row, schema=count_schema(())))


def test_nobody_else_can_make_a_release() -> None:
    cells = pl.DataFrame(schema=bounded_schema(()))
    with pytest.raises(DisclosureRefusal, match="only disclosure control may make a release"):
        Released(measure=REF, policy=Policy.OPEN, strata=(), cells=cells, seal=object())  # type: ignore[arg-type]


def test_records_are_never_open() -> None:
    with pytest.raises(DisclosureRefusal, match="already public"):
        release(_count(), terms=Terms(rule=Policy.OPEN), already_public=False)


def test_a_count_does_not_show_its_numbers() -> None:
    assert repr(_count()) == "Count(m v1, 1 cells)"
