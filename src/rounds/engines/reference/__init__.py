"""The reference engine: plain Python over rows, slow and obvious. What it counts is what a measure means."""

from rounds.engines.reference.count import count, count_all, count_by_person

__all__ = ["count", "count_all", "count_by_person"]
