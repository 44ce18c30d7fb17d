"""Rate limits."""

from expecting import raises


async def is_wrapped(env):
    """Published: a wrapper with camelCase calls, no bare JavaScript object. Here: an object that is no list."""
    assert callable(env.LIMITER.limit)
    with raises(TypeError, "is not iterable"):
        list(env.LIMITER)


async def limit_success(env):
    assert (await env.LIMITER.limit({"key": "one"})).success is True
    assert (await env.LIMITER.limit(key="one"))["success"] is True
    for _ in range(98):
        assert (await env.LIMITER.limit({"key": "one"})).success is True
    assert (await env.LIMITER.limit({"key": "one"})).success is False
    assert (await env.LIMITER.limit({"key": "two"})).success is True
