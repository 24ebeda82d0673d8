"""One small invented network per test process, made once."""

from datetime import date
from pathlib import Path

import pytest
from network_copy import TODAY, copy_of, rounds

from rounds.records.synthetic import SyntheticNetwork, write_demo_network

PLAN = SyntheticNetwork(seed=3, hospitals=3, adopters=2, first_month=date(2023, 1, 1), months=24, admissions=(150, 300))


class _Silent:
    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network on which no round has run."""
    folder = tmp_path_factory.mktemp("made") / "network"
    write_demo_network(folder, plan=PLAN, progress=_Silent())
    return folder


@pytest.fixture(scope="session")
def finished(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network after its round. Look, do not touch: copy it to change it."""
    folder = copy_of(network, tmp_path_factory.mktemp("finished") / "network")
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 0, result.stderr
    return folder
