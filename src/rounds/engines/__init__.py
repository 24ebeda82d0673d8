"""Counting: the slow reference that defines meaning, DuckDB that must agree, and published aggregates."""
