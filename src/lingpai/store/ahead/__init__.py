"""Statements as they were compiled ahead, so that what serves does not load SQLAlchemy. Written by `make statements`."""
