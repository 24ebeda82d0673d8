"""Organisations against each other: funnels, over-dispersion, standardisation."""
