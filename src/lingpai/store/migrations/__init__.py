"""How a database comes to look like `schema.py`, step by step and back (Alembic)."""
