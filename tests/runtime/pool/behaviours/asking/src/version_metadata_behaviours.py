"""Version metadata."""

from datetime import datetime


async def has_id(env):
    assert isinstance(env.VERSION.id, str)
    assert env.VERSION.id == env.VERSION["id"] != ""


async def has_tag(env):
    assert isinstance(env.VERSION.tag, str)


async def has_timestamp(env):
    assert datetime.fromisoformat(env.VERSION.timestamp).year >= 2026
