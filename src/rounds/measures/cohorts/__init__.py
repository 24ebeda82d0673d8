"""Cohort definitions as ATLAS writes them (Circe JSON): what they say, apart from any records."""
