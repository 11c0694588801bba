"""How often: rate limits, lockout, messages."""
