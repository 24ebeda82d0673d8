"""Brings a site's data in, whole or not at all: OMOP tables, FHIR R4 and plain extracts become a generation of records.

The doors are `omop.import_omop`, `fhir.load.import_fhir` and `extracts.load.import_extracts`.
"""
