"""Every definition of the OHDSI phenotype library is read, and runs on an empty CDM, or is refused by name."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from cohort_cases import load_site

from rounds.engines.cohorts import duck
from rounds.errors import DefinitionError
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.definition import CohortDefinition

HELD_AGAINST = (
    (
        "ATLAS cohorts: reading and compiling",
        "OHDSI phenotype library, 547 definitions",
        "compiles, or is refused by name",
    ),
)

LIBRARY = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohdsi_phenotype_library" / "cohorts.ndjson.gz"
PARTS = 4

pytestmark = pytest.mark.skipif(
    not LIBRARY.is_file(), reason="the data set ohdsi_phenotype_library is not beside the checkout"
)


@pytest.fixture(scope="module")
def definitions() -> list[CohortDefinition]:
    return [read_circe(text, name=name) for name, text in _texts()]


def _texts() -> Iterator[tuple[str, str]]:
    with gzip.open(LIBRARY, mode="rt", encoding="utf-8") as file:
        for line in file:
            found = json.loads(line)
            yield str(found["cohortId"]), json.dumps(found["expression"])


def test_every_definition_is_read_or_refused_by_the_path_of_an_element() -> None:
    read, refused = 0, []
    for name, text in _texts():
        try:
            read_circe(text, name=name)
            read += 1
        except DefinitionError as problem:
            refused.append(str(problem))
    assert read + len(refused) == 547
    assert refused == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_definition_runs_on_an_empty_cdm(definitions: list[CohortDefinition], part: int) -> None:
    with duckdb.connect() as connection:
        load_site(connection, {})
        for definition in definitions[part::PARTS]:
            found = duck.find_cohort(connection, definition)
            assert found.entries.is_empty()
            assert len(found.inclusion_counts) == len(definition.rules)
        left = connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
        assert left == []


def test_the_digest_tells_definitions_apart(definitions: list[CohortDefinition]) -> None:
    assert len({definition.digest for definition in definitions}) >= 540
