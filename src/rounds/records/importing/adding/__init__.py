"""Adds an extract to the records that are served: what is new comes as files of its own beside the old ones.

The door is `add.add_tables`. See docs/decisions/0031.
"""
