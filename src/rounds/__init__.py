"""Rounds: the software a learning health network runs on."""

__version__ = "0.1.0"
