"""Logins: issuing them, and what proves them again."""
