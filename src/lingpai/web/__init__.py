"""HTTP: a request in, one flow, an answer out. It decides nothing."""
