"""Counting where a site's OMOP lives: PostgreSQL or Spark, through Ibis, by the same steps that DuckDB takes."""
