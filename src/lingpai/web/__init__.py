"""The front door: a request in, one flow, an answer out. It decides nothing."""
