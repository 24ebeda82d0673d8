"""Questions as SQL: steps that each make one table, in the dialect of DuckDB and nothing in it that others lack."""
