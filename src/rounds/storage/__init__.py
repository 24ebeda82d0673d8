"""Files on disk: atomic writes, steps addressed by their inputs, definitions read from YAML and CSV."""
