"""Read by Alembic for each command: runs the steps on the connection that `runner` has opened, in its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
