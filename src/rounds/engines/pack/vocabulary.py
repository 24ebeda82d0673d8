"""Writes what a pack has of the vocabulary: the concepts there are, and which are below which."""

import numpy as np

from rounds.engines.pack.bench import Bench
from rounds.engines.pack.files import save
from rounds.engines.pack.layout import empty_array
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR


def write_vocabulary(bench: Bench) -> None:
    """Write the vocabulary of the records; of what they do not have, nothing."""
    columns = {
        "concept": (CONCEPT.name, "SELECT concept_id FROM concept ORDER BY ALL"),
        "ancestor": (
            CONCEPT_ANCESTOR.name,
            "SELECT ancestor_concept_id FROM concept_ancestor ORDER BY ancestor_concept_id, descendant_concept_id",
        ),
        "descendant": (
            CONCEPT_ANCESTOR.name,
            "SELECT descendant_concept_id FROM concept_ancestor ORDER BY ancestor_concept_id, descendant_concept_id",
        ),
    }
    for name, (table, sql) in columns.items():
        if bench.records.has(table):
            (ids,) = bench.connection.execute(sql).fetchnumpy().values()
        else:
            ids = empty_array("int64")
        save(bench.folder, f"vocabulary.{name}", np.asarray(ids, dtype=np.int64))
