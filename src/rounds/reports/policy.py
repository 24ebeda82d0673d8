"""What a browser may load for a page of ours."""

POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
"""Content security policy of every page: its own style sheet and nothing else."""
