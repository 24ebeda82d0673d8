"""Invented networks whose truth is known: what a round must find again."""
