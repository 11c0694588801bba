"""Moving an installation from SQLite to PostgreSQL: the marks on both, what closes the old one, and what fills the new one."""
