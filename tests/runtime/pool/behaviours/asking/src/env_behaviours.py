"""Variables and secrets, as workerd's own Python tests read them."""

from expecting import raises

import workers
from workers import env as importable
from workers import patch_env

AT_IMPORT = importable.GREETING


async def variables_are_plain_values(env):
    assert (env.GREETING, env["GREETING"]) == ("hello", "hello")
    assert env.TABLE == {"colour": "green", "sizes": [1, 2]}
    with raises(AttributeError, "has no binding, variable or secret named 'NOTHING'"):
        env.NOTHING  # noqa: B018


async def secrets_are_variables_nobody_prints(env):
    assert env.KEY == "s3cret"
    assert "s3cret" not in repr(env)
    print(env)


async def env_is_importable(env):
    assert AT_IMPORT == importable.GREETING == workers.env.GREETING == env.GREETING
    assert await importable.KV.get("nobody") is None


async def patch_env_replaces_it_for_the_block(env):
    def normal():
        assert importable.KEY == "s3cret"
        assert not hasattr(importable, "NAME")

    normal()
    for given, named in (
        ((), {"NAME": 1, "place": "x"}),
        (({"NAME": 1, "place": "x"},), {}),
        (([("NAME", 1), ("place", "x")],), {}),
        (({"NAME": 1},), {"place": "x"}),
    ):
        with patch_env(*given, **named):
            assert (importable.NAME, importable.place) == (1, "x")
            assert not hasattr(importable, "KEY")
        normal()
    with raises(RuntimeError, "inside"), patch_env(NAME=1):
        raise RuntimeError("inside")
    normal()
