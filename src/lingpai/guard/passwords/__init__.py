"""Passwords: judged, hashed and verified."""
