"""Carrying: signed, versioned messages in a folder."""
