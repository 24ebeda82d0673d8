"""What happened, in order, so that it can be proved. Pure: events and their hash chain."""
