"""Who belongs, since when, and where. Pure: no files, no clocks."""
