"""Workers KV. The names are those of Cloudflare's public list."""

import json

from expecting import keys_of, raises


async def put_and_get_text(env):
    await env.KV.put("text", "grüße")
    assert await env.KV.get("text") == "grüße"


async def get_nonexistent(env):
    assert await env.KV.get("nobody") is None


async def put_and_get_json(env):
    order = {"id": 7, "lines": [{"sku": "a"}, None, 1.5]}
    await env.KV.put("json", json.dumps(order))
    found = await env.KV.get("json", "json")
    assert isinstance(found, dict)
    assert found == order
    assert found.lines[0].sku == "a"


async def put_overwrite(env):
    await env.KV.put("over", "one")
    assert await env.KV.get("over") == "one"
    await env.KV.put("over", "two")
    assert await env.KV.get("over") == "two"


async def put_empty_value(env):
    await env.KV.put("empty", "")
    assert await env.KV.get("empty") == ""


async def delete(env):
    await env.KV.put("gone", "x")
    await env.KV.delete("gone")
    assert await env.KV.get("gone") is None


async def delete_nonexistent(env):
    assert await env.KV.delete("never was") is None


async def put_with_metadata(env):
    await env.KV.put("tagged", "v", metadata={"by": "Ada", "n": 2})
    found = await env.KV.getWithMetadata("tagged")
    assert found["value"] == found.value == "v"
    assert found["metadata"] == {"by": "Ada", "n": 2}


async def get_with_metadata_nonexistent(env):
    found = await env.KV.getWithMetadata("nobody")
    assert found["value"] is None
    assert found["metadata"] is None


async def get_with_metadata_has_metadata(env):
    await env.KV.put("tagged again", "v", metadata={"deep": {"a": [1]}})
    found = await env.KV.getWithMetadata("tagged again")
    assert (found["value"], found["metadata"]) == ("v", {"deep": {"a": [1]}})


async def put_with_expiration_ttl(env):
    await env.KV.put("short", "v", expirationTtl=60)
    assert await env.KV.get("short") == "v"
    (line,) = (await env.KV.list(prefix="short"))["keys"]
    assert line["expiration"] > 1_700_000_000


async def list_basic(env):
    for number in range(3):
        await env.KV.put(f"basic:{number}", "v")
    page = await env.KV.list(prefix="basic:")
    assert [each["name"] for each in page["keys"]] == ["basic:0", "basic:1", "basic:2"]
    assert page["list_complete"] is True


async def list_with_prefix(env):
    for key in ("pre_a:1", "pre_a:2", "pre_b:1"):
        await env.KV.put(key, "v")
    assert await keys_of(env.KV, "pre_a:") == ["pre_a:1", "pre_a:2"]


async def list_with_limit_and_cursor(env):
    for number in range(5):
        await env.KV.put(f"page:{number}", "v")
    sizes, cursor = [], None
    while True:
        page = await env.KV.list(prefix="page:", limit=2, cursor=cursor)
        sizes.append(len(page["keys"]))
        assert page["list_complete"] == (page.get("cursor") is None)
        if page["list_complete"]:
            break
        cursor = page["cursor"]
    assert sizes == [2, 2, 1]


async def list_empty_prefix(env):
    page = await env.KV.list(prefix="no such prefix")
    assert (page["keys"], page["list_complete"]) == ([], True)


async def list_with_metadata(env):
    await env.KV.put("listed", "v", metadata={"tag": "t"})
    (line,) = (await env.KV.list(prefix="listed"))["keys"]
    assert line["metadata"] == {"tag": "t"}


async def get_type_as_options_dict(env):
    await env.KV.put("typed", '{"x": "y"}')
    assert (await env.KV.get("typed", type="json"))["x"] == "y"
    assert (await env.KV.get("typed", {"type": "json"}))["x"] == "y"


async def get_arraybuffer(env):
    await env.KV.put("bytes", b"\x00\xff")
    found = await env.KV.get("bytes", "arrayBuffer")
    assert isinstance(found, memoryview)
    assert bytes(found) == b"\x00\xff"


async def get_multiple_keys(env):
    await env.KV.put("many:a", "1")
    await env.KV.put("many:b", "2")
    found = await env.KV.get(["many:a", "many:b", "many:c"])
    assert isinstance(found, dict)
    assert (found.get("many:a"), found.get("many:b"), found.get("many:c")) == ("1", "2", None)


async def get_multiple_keys_json(env):
    await env.KV.put("manyj:a", '{"v": 1}')
    await env.KV.put("manyj:b", '{"v": 2}')
    found = await env.KV.get(["manyj:a", "manyj:b"], "json")
    assert found["manyj:a"]["v"] + found["manyj:b"]["v"] == 3


async def put_dict_expiration_ttl(env):
    await env.KV.put("dict ttl", "v", {"expirationTtl": 60})
    (line,) = (await env.KV.list({"prefix": "dict ttl"}))["keys"]
    assert line.get("expiration") is not None


async def put_dict_metadata(env):
    await env.KV.put("dict meta", "v", {"metadata": {"from": "dict"}})
    assert (await env.KV.getWithMetadata("dict meta"))["metadata"]["from"] == "dict"


async def none_options_put(env):
    await env.KV.put("none put", "v", None)
    assert await env.KV.get("none put") == "v"


async def none_options_list(env):
    await env.KV.put("none list", "v")
    assert (await env.KV.list(None))["list_complete"] is True


async def binding_not_iterable(env):
    with raises(TypeError, "KvNamespace.*is not iterable"):
        list(env.KV)


async def binding_no_len(env):
    with raises(TypeError, "KvNamespace.*has no len"):
        len(env.KV)
    assert env.KV
