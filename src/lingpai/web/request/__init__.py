"""A request as handlers see it."""
