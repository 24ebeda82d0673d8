"""Where care varies: over time, between sites, and between groups and places."""
