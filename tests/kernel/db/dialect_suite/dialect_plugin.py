"""Loaded only in a pytest invocation of its own (see ../test_dialect_suite.py): SQLAlchemy's plugin takes it over."""

import pytest
from sqlalchemy.dialects import registry

registry.register("sqlite.apsw", "holdfast.kernel.db.dialect", "ApswDialect")
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403 - the plugin is meant to be imported so

from holdfast.kernel.db.dialect import ApswDialect  # noqa: E402


def _provision(cls):
    """SQLite's own provisioning: temporary tables, upsert, and a second schema as an attached file."""
    import sqlalchemy.dialects.sqlite.provision  # noqa: F401


ApswDialect.load_provisioning = classmethod(_provision)
