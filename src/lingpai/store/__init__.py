"""What lasts: accounts, identifiers, sessions, letters, the audit trail. SQLite and PostgreSQL."""
