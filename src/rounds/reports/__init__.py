"""Rendering: one insight, many faces."""
