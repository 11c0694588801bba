"""Lingpai: one account core behind login APIs that cannot change any more."""
