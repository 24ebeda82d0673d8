"""What people see while they wait and when it is done: data on stdout, progress on stderr and only on a terminal."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:  # a site's process shows no bars and does not wait for what draws them
    from rich.progress import Progress, TaskID


class Bars:
    """Progress bars, one for each step of a round."""

    def __init__(self, progress: "Progress | None") -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def step(self, title: str, total: int) -> None:
        if self._progress:
            self._task = self._progress.add_task(title, total=total)

    def advance(self) -> None:
        if self._progress and self._task is not None:
            self._progress.advance(self._task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """How this run talks."""

    quiet: bool
    json: bool

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        """Show progress while the block runs."""
        if self.quiet:
            yield Bars(None)
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        if not console.is_terminal:
            yield Bars(None)
            return
        columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            yield Bars(progress)

    def say(self, text: str) -> None:
        """Tell people something on stderr."""
        if not self.quiet:
            sys.stderr.write(f"{text}\n")

    def result(self, fields: Mapping[str, Any], *, text: str) -> None:
        """Print what came out: the text for people, the fields as JSON for programs."""
        sys.stdout.write((json.dumps(fields, indent=1, default=str) if self.json else text) + "\n")


def terminal_of(context: typer.Context) -> Terminal:
    """Return how this run talks."""
    return context.find_object(Terminal) or Terminal(quiet=False, json=False)
