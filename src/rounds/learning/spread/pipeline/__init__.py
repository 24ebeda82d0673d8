"""Which innovation of a pipeline comes first, why and how sure that is; and what support to innovators came to."""
