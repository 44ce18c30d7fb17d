"""Alembic's scripts. `env.py` is not used: kernel/db/migrate.py drives Alembic itself."""
