"""Where care varies: over time (XmR charts) and between sites (funnel plots)."""
