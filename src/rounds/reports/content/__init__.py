"""Turning findings into insights. Pure: numbers and names in, statements out."""
