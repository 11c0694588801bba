"""Values: what the house speaks of. No I/O, no clock, no randomness of its own."""
