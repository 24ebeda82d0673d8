"""FHIR R4, as bulk NDJSON or Bundles, becomes OMOP: flattened, mapped, reconciled."""
