"""Engines that find the people of a cohort definition: a slow and obvious one, and SQL on DuckDB."""
