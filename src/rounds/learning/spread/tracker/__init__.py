"""Programme trackers as people keep them: which column is what, when something was, and what that means."""
