"""The tables. Columns are BIGINT, TEXT and BYTES only, so that nothing has to be converted on the way to the raw drivers.

Instants are milliseconds since 1970 UTC. `metadata` is what a migrated database looks like (`migrations/`); a test compares the two.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, text

metadata = MetaData()

Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite's integers have 64 bits whatever they are called; a primary key must be called INTEGER to be the row's own number."""

TAKEN = "kind <> 'phone' OR proved_at IS NOT NULL"
"""Which identifiers are unique in their realm: all but unproved phones. A lookup names the same condition, so that it may use the index."""

UNPROVED = "kind = 'email' AND proved_at IS NULL"
"""Which identifiers the worker looks through for registrations that nobody has proved."""

WAITING = "state = 'waiting'"
"""Which letters the worker looks through."""


FAILED = "state = 'failed' AND sealed IS NOT NULL"
"""Which letters the worker looks through for contents that are to be erased."""


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    # Not as `postgresql_where`: SQLAlchemy would load all of that dialect to judge the word, 2.2 MB on SQLite too.
    return Index(name, *columns, unique=unique, info={"where": where})


accounts = Table(
    "accounts",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("realm", Text, nullable=False),
    Column("password", Text),
    Column("nickname", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("created_at", Number, nullable=False),
    Column("created_ip", Text, nullable=False),
    Column("locked_at", Number),
    Column("password_changed_at", Number),
    # No foreign key: who invited is history, and outlives the inviter's account.
    Column("invited_by", Number),
    Column("invites_left", Number, nullable=False, server_default=text("0")),
    Column("avatar", Text, nullable=False, server_default=text("''")),
    # While it is set the account is locked too, so that no dialect needs a second word for "closed".
    Column("deletes_at", Number),
    # NULL only until the transaction that adds the account has learnt its number.
    Column("public_id", Text),
    # Grows with each password, lock, closing, and added or replaced address: what was earned under an older one is worth nothing.
    Column("security_stamp", Number, nullable=False, server_default=text("0")),
    # A name of the IANA's database; NULL: no browser has said it.
    Column("zone", Text),
    _partial("ix_accounts_deletes", "deletes_at", where="deletes_at IS NOT NULL"),
    Index("uq_accounts_public_id", "realm", "public_id", unique=True),
    # The number of a deleted account is never used again: audit rows and device cookies still name it.
    sqlite_autoincrement=True,
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("account_id", Number, ForeignKey("accounts.id", name="fk_identifiers_account", ondelete="CASCADE"), nullable=False),
    Column("realm", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("proved_at", Number),
    # NULL: older than this column, and taken for what the account was born with.
    Column("added_at", Number),
    # Since when it logs nobody in by itself, and earns no reset (contract, 10.5).
    Column("asleep_at", Number),
    Index("uq_identifiers_account", "account_id", "kind", "key", unique=True),
    _partial("ix_identifiers_unproved", "account_id", where=UNPROVED),
    _partial("uq_identifiers_taken", "realm", "kind", "key", where=TAKEN, unique=True),
)

questions = Table(
    "questions",
    metadata,
    Column("account_id", Number, ForeignKey("accounts.id", name="fk_questions_account", ondelete="CASCADE"), primary_key=True),
    Column("one", Text, nullable=False),
    Column("two", Text, nullable=False),
    Column("three", Text, nullable=False),
    # All three answers in one PHC string (contract, session).
    Column("answers", Text, nullable=False),
    Column("set_at", Number, nullable=False),
    # Before this instant no answer is right; NULL: from the beginning.
    Column("works_at", Number),
    # As an identifier's.
    Column("asleep_at", Number),
)

consents = Table(
    "consents",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("account_id", Number, ForeignKey("accounts.id", name="fk_consents_account", ondelete="CASCADE"), nullable=False),
    Column("document", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("at", Number, nullable=False),
    Column("ip", Text, nullable=False),
    Index("ix_consents_account", "account_id"),
)

logins = Table(
    "logins",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("account_id", Number, ForeignKey("accounts.id", name="fk_logins_account", ondelete="CASCADE"), nullable=False),
    Column("realm", Text, nullable=False),
    # cookie, jwt or link: what its first session was.
    Column("kind", Text, nullable=False),
    # How it was proved (RFC 8176), a space between two: pwd, otp (a code by mail), sms (a code by text message), mca (more than one
    # channel). Ours, where there is no such name: fed (a third party's word), link (a one-time link that another login made).
    # Empty: nobody noted it, for the login is older than this table.
    Column("amr", Text, nullable=False),
    # The moment of the proof.
    Column("created_at", Number, nullable=False),
    # None of its sessions lives longer; a renewal puts it off.
    Column("ends_at", Number, nullable=False),
    Column("ip", Text, nullable=False),
    Column("agent", Text, nullable=False),
    # No renewal goes past it: so many days after the proof, or the time that was chosen for a one-time link.
    Column("family_ends_at", Number, nullable=False, server_default=text("0")),
    Index("ix_logins_account", "account_id"),
    Index("ix_logins_ends", "ends_at"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("account_id", Number, ForeignKey("accounts.id", name="fk_sessions_account", ondelete="CASCADE"), nullable=False),
    Column("realm", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Number, nullable=False),
    Column("expires_at", Number, nullable=False),
    Column("seen_at", Number, nullable=False),
    Column("ip", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'cookie'")),
    Column("login_id", Number, ForeignKey("logins.id", name="fk_sessions_login", ondelete="CASCADE"), nullable=False),
    # The login's own, copied: they never change, and to look the login up at each check would cost a tenth of it.
    Column("amr", Text, nullable=False),
    Column("proved_at", Number, nullable=False),
    # When the last tenth of a JWT's life brought a fresh one: once for each.
    Column("renewed_at", Number),
    Index("uq_sessions_digest", "digest", unique=True),
    Index("ix_sessions_account", "account_id"),
    Index("ix_sessions_login", "login_id"),
    Index("ix_sessions_expires", "expires_at"),
    sqlite_autoincrement=True,
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("kid", Text, nullable=False),
    # The key that was the newest when this one was made, empty for the first: unique, so of racing makers one makes the next.
    Column("follows", Text, nullable=False),
    Column("alg", Text, nullable=False),
    Column("public", Text, nullable=False),
    Column("private", LargeBinary),
    Column("created_at", Number, nullable=False),
    Column("signs_at", Number, nullable=False),
    Column("revoked_at", Number),
    Index("uq_signing_keys_kid", "kid", unique=True),
    Index("uq_signing_keys_follows", "follows", unique=True),
    sqlite_autoincrement=True,
)

clients = Table(
    "clients",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Number, nullable=False),
    Index("uq_clients_name", "name", unique=True),
)

invites = Table(
    "invites",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("realm", Text, nullable=False),
    Column("code", Text, nullable=False),
    # None: the operator's, or of an account that is gone.
    Column("owner_id", Number, ForeignKey("accounts.id", name="fk_invites_owner", ondelete="SET NULL")),
    Column("uses", Number, nullable=False),
    Column("used", Number, nullable=False),
    Column("created_at", Number, nullable=False),
    Column("expires_at", Number),
    Column("revoked_at", Number),
    Index("uq_invites_code", "realm", "code", unique=True),
    Index("ix_invites_owner", "owner_id"),
)

letters = Table(
    "letters",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("sealed", LargeBinary),
    # No foreign key, here and in the audit trail: the row outlives its account.
    Column("account_id", Number),
    Column("created_at", Number, nullable=False),
    Column("due_at", Number, nullable=False),
    Column("expires_at", Number, nullable=False),
    Column("attempts", Number, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Number),
    Column("ended_at", Number),
    Column("subject", Text),
    Column("text", Text),
    Column("html", Text),
    _partial("ix_letters_due", "channel", "due_at", where=WAITING),
    Index("ix_letters_account", "account_id"),
    _partial("ix_letters_nobodys", "channel", where="account_id IS NULL"),
    _partial("ix_letters_failed", "expires_at", where=FAILED),
    _partial("ix_letters_owner", "lease_owner", where="lease_owner IS NOT NULL"),
    Index("ix_letters_state", "state", "id"),
    Index("ix_letters_ended", "ended_at"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("at", Number, nullable=False),
    Column("realm", Text, nullable=False),
    Column("account_id", Number),
    Column("event", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_audit_account", "account_id", "id"),
    Index("ix_audit_at", "at"),
)

entries = Table(
    "entries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    # 0 bears any number of wrong proofs (`ephemeral.UNLIMITED`), over 0 that many, -1 is dead.
    Column("tries", Number, nullable=False),
    Column("expires_at", Number, nullable=False),
    Index("ix_entries_expires", "expires_at"),
    sqlite_with_rowid=False,
)

installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What is true of the whole installation: a word to a name (`store/installation.py`)."""

volatile = MetaData()
"""What a power cut may take: on PostgreSQL an UNLOGGED table that the migrations make; on SQLite a file of its own (`ephemeral`)."""

counters = Table(
    "counters",
    volatile,
    Column("key", Text, primary_key=True),
    Column("total", Number, nullable=False),
    Column("expires_at", Number, nullable=False),
    Index("ix_counters_expires", "expires_at"),
    sqlite_with_rowid=False,
)
