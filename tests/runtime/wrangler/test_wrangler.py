"""A project file read whole: what it says, what an environment inherits, what is wrong with it and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.kernel.errors import Invalid, NotFound
from holdfast.runtime import wrangler
from holdfast.runtime.wrangler import D1Database, KvNamespace, Own, RateLimit, Route, Service, WorkerConfig

FULL = """
{
  "$schema": "node_modules/wrangler/config-schema.json",
  "name": "shop", // the shop
  "main": "src/entry.py",
  "compatibility_date": "2026-02-01",
  "compatibility_flags": ["python_workers"],
  "vars": {"STAGE": "production", "LIMITS": {"most": 3}},
  "kv_namespaces": [{"binding": "CACHE", "id": "c0ffee"}],
  "d1_databases": [{"binding": "DB", "database_name": "shop", "database_id": "d1", "migrations_dir": "sql"}],
  "services": [{"binding": "MAIL", "service": "mailer", "entrypoint": "Sender"}],
  "ratelimits": [{"name": "SLOW", "namespace_id": "1001", "simple": {"limit": 100, "period": 60}}],
  "version_metadata": {"binding": "VERSION"},
  "triggers": {"crons": ["*/5 * * * *", "0 3 * * SUN"]},
  "limits": {"cpu_ms": 50},
  "routes": ["shop.example.org/*", {"pattern": "api.example.org", "custom_domain": true}],
  "holdfast": {"network": ["*.example.org"], "memory_mb": 128, "warm": 1},
  "env": {
    "staging": {
      "vars": {"STAGE": "staging"},
      "kv_namespaces": [{"binding": "CACHE", "id": "beef"}],
      "routes": [],
    },
    "named": {"name": "other", "main": "src/other.py"},
  },
}
"""


def read(**keys: object) -> WorkerConfig:
    return wrangler.parse(json.dumps({"name": "w", "main": "a.py", **keys}))


def faults(error: Invalid) -> dict[str, str]:
    return {each["field"]: each["message"] for each in error.details["fields"]}


def test_the_top_level() -> None:
    found = wrangler.parse(FULL)
    assert (found.name, found.main, found.environments) == ("shop", "src/entry.py", ("named", "staging"))
    assert (found.compatibility_date, found.compatibility_flags) == ("2026-02-01", ("python_workers",))
    assert found.vars == {"STAGE": "production", "LIMITS": {"most": 3}}
    assert found.kv_namespaces == (KvNamespace("CACHE", "c0ffee"),)
    assert found.d1_databases == (D1Database("DB", "shop", "d1", "sql"),)
    assert found.services == (Service("MAIL", "mailer", "Sender"),)
    assert found.ratelimits == (RateLimit("SLOW", "1001", 100, 60),)
    assert (found.version_metadata, found.cpu_ms) == ("VERSION", 50)
    assert found.crons == ("*/5 * * * *", "0 3 * * SUN")
    assert found.routes == (Route("shop.example.org/*"), Route("api.example.org", True))
    assert [route.host for route in found.routes] == ["shop.example.org", "api.example.org"]
    assert found.own == Own(network=("*.example.org",), memory_mb=128, warm=1)
    said = [(each.kind, each.path, each.line) for each in found.findings]
    assert said == [("no_effect", "routes[0]", 16), ("no_effect", "routes[1]", 16)]


def test_an_environment_inherits_what_cloudflare_says_and_nothing_else() -> None:
    found = wrangler.parse(FULL, environment="staging")
    assert (found.name, found.main, found.environment) == ("shop-staging", "src/entry.py", "staging")
    assert (found.crons, found.cpu_ms, found.own.warm) == (("*/5 * * * *", "0 3 * * SUN"), 50, 1)
    assert found.routes == ()  # said, and empty
    assert found.vars == {"STAGE": "staging"}
    assert found.kv_namespaces == (KvNamespace("CACHE", "beef"),)
    assert (found.d1_databases, found.services, found.ratelimits, found.version_metadata) == ((), (), (), None)
    lost = [each.path for each in found.findings if each.kind == "not_inherited"]
    assert lost == ["d1_databases", "ratelimits", "services", "version_metadata"]


def test_an_environment_may_have_a_name_of_its_own() -> None:
    found = wrangler.parse(FULL, environment="named")
    assert (found.name, found.main) == ("other", "src/other.py")
    with pytest.raises(Invalid, match=r"env\.production: there is no such environment \(known: named, staging\)"):
        wrangler.parse(FULL, environment="production")


def test_toml_says_the_same() -> None:
    text = """
name = "shop"
main = "src/entry.py"
compatibility_date = 2026-02-01
kv_namespaces = [{ binding = "CACHE", id = "c0ffee" }]
[vars]
STAGE = "production"
[[d1_databases]]
binding = "DB"
database_name = "shop"
[triggers]
crons = ["0 * * * *"]
[env.staging.vars]
STAGE = "staging"
[durable_objects]
bindings = [{ name = "ROOM", class_name = "Room" }]
"""
    found = wrangler.parse(text, kind="toml", where="wrangler.toml")
    assert (found.compatibility_date, found.crons) == ("2026-02-01", ("0 * * * *",))
    assert (found.kv_namespaces, found.d1_databases) == (
        (KvNamespace("CACHE", "c0ffee"),),
        (D1Database("DB", "shop", None),),
    )
    assert [(each.kind, each.path, each.line) for each in found.findings] == [("unsupported", "durable_objects", None)]
    assert wrangler.parse(text, kind="toml", environment="staging").vars == {"STAGE": "staging"}
    assert wrangler.environments(text, kind="toml") == ("staging",)


@pytest.mark.parametrize("text", ["name = ", 'name = "a"\nname = "b"', "x = " + "[" * 5000, "[vars]\nat = 12:00:00\n"])
def test_toml_that_cannot_be_read_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        wrangler.parse(text, kind="toml", where="wrangler.toml")
    assert caught.value.code == "wrangler_invalid"
    assert caught.value.message.startswith("wrangler.toml: ")


def test_nothing_is_ignored_in_silence() -> None:
    found = read(
        durable_objects={"bindings": [{"name": "ROOM", "class_name": "Room"}]},
        r2_buckets=[{"binding": "FILES", "bucket_name": "files"}],
        queues={"producers": []},
        workflows=[{"binding": "FLOW"}],
        kv_namespaces=[{"binding": "CACHE", "id": "1", "preview_id": "2", "ttl": 3}],
        triggers={"crons": [], "evens": 1},
        observability={"enabled": True},
        routes=["example.org/api/*"],
        assets={"directory": "./public", "run_worker_first": ["/api/*"]},
        kv_namespace=[],
    )
    said = {(each.kind, each.path) for each in found.findings}
    assert said == {
        ("unsupported", "durable_objects"),
        ("unsupported", "r2_buckets"),
        ("unsupported", "queues"),
        ("unsupported", "workflows"),
        ("unsupported", "routes[0]"),
        ("unsupported", "assets"),
        ("no_effect", "kv_namespaces[0].preview_id"),
        ("no_effect", "observability"),
        ("unknown", "kv_namespaces[0].ttl"),
        ("unknown", "triggers.evens"),
        ("unknown", "kv_namespace"),
    }
    assert found.routes == ()
    assert found.assets is not None
    assert (found.assets.directory, found.assets.run_worker_first) == ("public", ("/api/*",))
    assert {each.kind for each in found.unsupported} == {"unsupported", "unknown"}


def test_keys_of_an_environment_are_looked_at_too() -> None:
    found = wrangler.parse(
        '{"name": "w", "main": "a.py", "env": {"x": {"queues": {"producers": [1]}, "env": {}, "vasr": {}}}}',
        environment="x",
    )
    assert {(each.kind, each.path) for each in found.findings} == {
        ("unsupported", "env.x.queues"),
        ("unknown", "env.x.env"),
        ("unknown", "env.x.vasr"),
    }


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({"name": "Shop!"}, "name", "lower-case"),
        ({"name": None}, "name", "missing"),
        ({"main": "/etc/passwd"}, "main", "below the project"),
        ({"main": "../x.py"}, "main", "below the project"),
        ({"main": ""}, "main", "text"),
        ({"compatibility_date": "2026-02-30"}, "compatibility_date", "date"),
        ({"compatibility_flags": "python_workers"}, "compatibility_flags", "list"),
        ({"vars": {"A-B": 1}}, "vars.A-B", "name in env"),
        ({"vars": []}, "vars", "table"),
        ({"kv_namespaces": [{"id": "x"}]}, "kv_namespaces[0].binding", "missing"),
        ({"kv_namespaces": {"binding": "A"}}, "kv_namespaces", "list"),
        (
            {"vars": {"A": 1}, "kv_namespaces": [{"binding": "A"}]},
            "kv_namespaces[0].binding",
            "already bound by vars.A",
        ),
        ({"services": [{"binding": "A"}]}, "services[0].service", "missing"),
        (
            {"ratelimits": [{"name": "A", "namespace_id": "1", "simple": {"limit": 0, "period": 60}}]},
            "ratelimits[0].simple.limit",
            "whole number",
        ),
        ({"limits": {"cpu_ms": "50"}}, "limits.cpu_ms", "whole number"),
        ({"triggers": {"crons": [5]}}, "triggers.crons[0]", "text"),
        ({"triggers": {"crons": ["* * * *"]}}, "triggers.crons[0]", "five fields"),
        ({"triggers": {"crons": ["* * * * 0"]}}, "triggers.crons[0]", "weekday: 0"),
        ({"route": "a.example.org", "routes": []}, "route", "either"),
        ({"env": {"a b": {}}}, "env.a b", "letters"),
        ({"d1_databases": [{"binding": "DB", "migrations_dir": "/x"}]}, "d1_databases[0].migrations_dir", "below"),
        ({"holdfast": {"memory_mb": 1}}, "holdfast.memory_mb", "from 32"),
        ({"holdfast": {"network": "*"}}, "holdfast.network", "list"),
        ({"assets": {"directory": "a/../../b"}}, "assets.directory", "below"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(keys: dict[str, object], path: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(**keys)
    assert words in faults(caught.value)[path]
    assert path in caught.value.message


def test_every_fault_is_told_at_once_with_its_line() -> None:
    with pytest.raises(Invalid) as caught:
        wrangler.parse('{\n  "name": "W",\n  "limits": {\n    "cpu_ms": -1}\n}')
    fields = {each["field"]: (each.get("line"), each.get("column")) for each in caught.value.details["fields"]}
    assert fields == {"name": (2, 11), "main": (1, 1), "limits.cpu_ms": (4, 15)}
    assert caught.value.message.startswith("wrangler.jsonc:")


def test_the_file_is_found_and_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"wrangler\.jsonc"):
        wrangler.find(tmp_path)
    (tmp_path / "wrangler.toml").write_text('name = "a"\nmain = "a.py"\n')
    assert wrangler.load(wrangler.find(tmp_path)).name == "a"
    (tmp_path / "wrangler.jsonc").write_text('\ufeff{"name": "b", "main": "./b.py"}')
    assert wrangler.load(wrangler.find(tmp_path)).main == "b.py"
    (tmp_path / "wrangler.jsonc").write_bytes(b'{"name": "\xff"}')
    with pytest.raises(Invalid, match="UTF-8"):
        wrangler.load(wrangler.find(tmp_path))


def test_a_placeholder_of_a_template_is_no_namespace() -> None:
    found = read(kv_namespaces=[{"binding": "LINKS", "id": "<YOUR_KV_NAMESPACE_ID>"}])
    assert found.kv_namespaces == (KvNamespace("LINKS", None),)
    assert [(each.kind, each.path) for each in found.findings] == [("no_effect", "kv_namespaces[0].id")]
    assert "LINKS is meant" in found.findings[0].message


def test_a_build_command_is_told_as_one_that_is_not_run() -> None:
    found = read(build={"command": "python manage.py collectstatic"})
    assert [(each.kind, "not run" in each.message) for each in found.findings] == [("no_effect", True)]
