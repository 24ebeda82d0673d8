"""What is in a site: OMOP tables, their quality, and synthetic networks with known truth."""
