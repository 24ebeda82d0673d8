"""`rounds synthetic`: sizes by name, plain refusals, and a network whose round can be run."""

import json
from datetime import date
from pathlib import Path

import pytest
import typer.main
from click.testing import CliRunner, Result

from rounds.cli.app import app
from rounds.errors import DefinitionError
from rounds.records.omop import open_records
from rounds.records.synthetic.population import PRESETS
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.workspace import read_workspace


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(typer.main.get_command(app), [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command") / "network"
    done = run("--json", "synthetic", folder, "--people", "900", "--sites", "2", "--seed", "5", "--workers", "1")
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed["people"] == 900
    assert printed["sites"] == 2
    assert printed["rows"]["person"] == 900 + json.loads((folder / "truth.json").read_text())["known_at_two_sites"]
    return folder


def test_the_folder_is_a_network_that_can_be_run(network: Path) -> None:
    workspace = read_workspace(network)
    assert [site.id for site in workspace.sites] == ["site-01", "site-02"]
    library = read_library(shipped_library_folder())
    (declared,) = workspace.rounds
    for asked in declared.measures:
        assert library.measure(asked.id, asked.version)
    for site in workspace.sites:
        folder = network / "sites" / site.id / "records"
        assert open_records(folder, site=site.id, as_of=date(2025, 1, 15)).quality.people > 300


def test_help_names_every_preset_and_its_size() -> None:
    told = " ".join(run("synthetic", "--help").output.replace("│", " ").split())
    for name, preset in PRESETS.items():
        size = f"{preset.people:,}" if preset.people < 1_000_000 else f"{preset.people / 1e6:g} million"
        assert f"{name} ({size}" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--preset", "huge"), "take one of tiny, small, town, region, nation"),
        (("--people", "20"), "ask for 100 or more, not 20"),
        (("--as-of", "June"), "'June' is not a date such as 2025-07-01"),
        (("--as-of", "2012-01-01"), "nothing was recorded before 2015-01-01"),
    ],
)
def test_what_cannot_be_made_is_a_mistake_in_usage(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    refused = run("synthetic", tmp_path / "new", *arguments)
    assert refused.exit_code == 2
    assert message in " ".join(refused.output.replace("│", " ").split())
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_is_refused(network: Path) -> None:
    refused = run("synthetic", network)
    assert isinstance(refused.exception, DefinitionError)
    assert "is not empty" in str(refused.exception)
