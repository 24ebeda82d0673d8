"""`rounds demo`: a synthetic network with known truth, and one round of it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.centre import run
from rounds.cli.terminal import terminal_of
from rounds.errors import DefinitionError


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to make the network; must not hold anything else.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same network.")] = 1,
    only_make: Annotated[bool, typer.Option("--only-make", help="Make the network and do not run a round.")] = False,
) -> None:
    """Make a network of 15 invented hospitals and run a round of it.

    A deterioration programme goes live at different dates and halves cardiac arrests where it is embedded. What was
    planted stands in truth.json; the round must find it again.

    [bold]Examples[/bold]

    rounds demo

    rounds demo another-network --seed 7
    """
    from rounds.records.synthetic import SyntheticNetwork, write_demo_network

    terminal = terminal_of(context)
    if (folder / "network.yaml").exists():
        _refuse_another(folder, seed)
    else:
        with terminal.bars() as bars:
            write_demo_network(folder, plan=SyntheticNetwork(seed=seed), progress=bars)
    if not only_make:
        run(context, folder)


def _refuse_another(folder: Path, seed: int) -> None:
    """Go on with a demo of the same seed; leave any other network alone."""
    truth = folder / "truth.json"
    planted = json.loads(truth.read_bytes()).get("seed") if truth.exists() else None
    if planted != seed:
        what = "a network that is no demo" if planted is None else f"a demo of seed {planted}"
        raise DefinitionError(f"{folder} holds {what}; name another folder, or run what is there: rounds run {folder}")
