"""The command line: thin doors that parse, call one function and render."""

from rounds.cli.app import main

__all__ = ["main"]
