"""One organisation against its own past: control charts, their rules, and how often these cry wolf."""
