"""Plain extracts: CSV files of a hospital's systems become OMOP through a column map that was reviewed once."""
