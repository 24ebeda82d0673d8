"""Finds an ATLAS cohort with ohdsi-circepy over a folder of Parquet, and prints how many people and seconds.

`benchmarks/funnel.py --circepy PYTHON` starts it with the interpreter of a place that has `ohdsi-circepy`; it imports
nothing of ours. Views over the files are made before the clock starts; compiling the definition is part of the work, as
it is for the others.
"""

import sys
import time
from pathlib import Path


def main() -> None:
    """Find and print."""
    import ibis  # type: ignore[import-not-found, unused-ignore]
    from circe import CohortExpression  # type: ignore[import-not-found, unused-ignore]
    from circe.execution import build_cohort  # type: ignore[import-not-found, unused-ignore]

    records, definition = Path(sys.argv[1]), Path(sys.argv[2])
    connection = ibis.duckdb.connect(threads=2)
    for source in sorted(records.iterdir()):
        files = source / "*.parquet" if source.is_dir() else source
        if source.suffix == ".parquet" or any(source.glob("*.parquet")):
            more = ", CAST(NULL AS VARCHAR) AS invalid_reason" if source.stem == "concept" else ""
            connection.raw_sql(f"CREATE VIEW {source.stem} AS SELECT *{more} FROM read_parquet('{files}')")  # noqa: S608  names of our own
    expression = CohortExpression.model_validate_json(definition.read_text(encoding="utf-8"))
    began = time.perf_counter()
    rows = build_cohort(expression, backend=connection, cdm_schema="main")
    found = int(rows.aggregate(people=rows.person_id.nunique()).execute()["people"][0])
    print(found, time.perf_counter() - began)


if __name__ == "__main__":
    main()
