"""National data opt-outs: whose records may be used, as the national service says by NHS number."""
