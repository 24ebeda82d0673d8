"""Deterioration: how well a score warns, and whether observations, reviews and escalations come in time.

`sets`, `on_time` and `responses` are for a site, over its rows. All else is reckoned from score tables, which add up
over sites: what the sum says is what the pooled rows would.
"""
