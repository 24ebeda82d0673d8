"""Puts this folder on the path, so that every kind of test can use the small sites of `small_site.py`."""
