"""Puts this folder on the path, so that every kind of test can use the small sites of `small_site.py`.

Generated cases are the same in every run, and slow machines do not fail them.
"""

from hypothesis import settings

settings.register_profile("rounds", deadline=None, derandomize=True, database=None)
settings.load_profile("rounds")
