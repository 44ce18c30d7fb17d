"""What the behaviours share."""

import re
from contextlib import contextmanager


@contextmanager
def raises(kind, pattern=""):
    try:
        yield
    except kind as error:
        told = str(error)
    else:
        raise AssertionError(f"{kind} was not raised")
    assert re.search(pattern, told), f"it says {told!r}, not {pattern!r}"


async def keys_of(kv, prefix):
    return [each["name"] for each in (await kv.list(prefix=prefix))["keys"]]
