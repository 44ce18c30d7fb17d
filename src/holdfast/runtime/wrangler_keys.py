"""Which keys of a wrangler file there are, which an environment inherits, and which do nothing here.

From Cloudflare's "Wrangler configuration" page (inheritable and non-inheritable keys).
"""

from __future__ import annotations

_NOT_YET = "not supported yet"
_NEVER = "only Cloudflare's own network has it"
_BUILD = "nothing is bundled here: Python files are taken as they are"

# Acted on, and taken over by `env.NAME` from the top level.
INHERITED = frozenset(
    {
        "name",
        "main",
        "compatibility_date",
        "compatibility_flags",
        "triggers",
        "limits",
        "routes",
        "route",
        "assets",
        "holdfast",
    }
)
# Acted on, and each environment has to say them itself.
NOT_INHERITED = frozenset(
    {"vars", "secrets", "kv_namespaces", "d1_databases", "services", "ratelimits", "version_metadata"}
)
TOP_ONLY = frozenset({"env"})

UNSUPPORTED = {
    "durable_objects": _NOT_YET,
    "migrations": f"{_NOT_YET} (durable objects)",
    "exports": f"{_NOT_YET} (durable objects)",
    "queues": _NOT_YET,
    "r2_buckets": _NOT_YET,
    "workflows": _NOT_YET,
    "vectorize": _NOT_YET,
    "analytics_engine_datasets": _NOT_YET,
    "hyperdrive": _NOT_YET,
    "tail_consumers": _NOT_YET,
    "streaming_tail_consumers": _NOT_YET,
    "mtls_certificates": _NOT_YET,
    "secrets_store_secrets": "use secrets of the worker",
    "send_email": _NOT_YET,
    "site": "Workers Sites: use assets, once they are served",
    "unsafe": "use the binding's own key (rate limits: ratelimits)",
    "ai": _NEVER,
    "ai_search": _NEVER,
    "browser": _NEVER,
    "images": _NEVER,
    "media": _NEVER,
    "stream": _NEVER,
    "pipelines": _NEVER,
    "dispatch_namespaces": _NEVER,
    "dispatch_namespace_outbounds": _NEVER,
    "containers": _NEVER,
    "cloudchamber": _NEVER,
    "vpc_services": _NEVER,
    "worker_loaders": _NOT_YET,
    "wasm_modules": _NOT_YET,
    "text_blobs": _NOT_YET,
    "data_blobs": _NOT_YET,
}
FOR_EDITORS = "$schema"  # nothing to tell: whoever wrote it knows
WITHOUT_EFFECT = {
    "account_id": "there is no account here",
    "workers_dev": "each worker has a host below the apps domain",
    "preview_urls": "a version is asked for by the header `holdfast-version`",
    "dev": "read by `wrangler dev` only",
    "send_metrics": "nothing is sent anywhere",
    "keep_vars": "vars always come from the file",
    "observability": "logs and invocations are always kept",
    "logpush": "logs and invocations are always kept",
    "logfwdr": "logs and invocations are always kept",
    "placement": "it runs where its state is",
    "compliance_region": "it runs on your machine",
    "upload_source_maps": _BUILD,
    "build": "its command is not run: run it before a deploy",
    "rules": _BUILD,
    "define": _BUILD,
    "alias": _BUILD,
    "no_bundle": _BUILD,
    "minify": _BUILD,
    "keep_names": _BUILD,
    "tsconfig": _BUILD,
    "jsx_factory": _BUILD,
    "jsx_fragment": _BUILD,
    "base_dir": _BUILD,
    "find_additional_modules": _BUILD,
    "preserve_file_names": _BUILD,
    "python_modules": "packages are installed whole",
    "pages_build_output_dir": "Pages projects are not deployed by this file",
    "first_party_worker": "there is no such thing here",
    "legacy_env": "environments are workers of their own, as by default",
    "cache": "there is no cache in front of a worker",
}
KV_QUIET = {
    "preview_id": "read by `wrangler dev` only",
    "remote": "read by `wrangler dev` only",
    "experimental_remote": "read by `wrangler dev` only",
}
D1_QUIET = {
    "preview_database_id": "read by `wrangler dev` only",
    "remote": "read by `wrangler dev` only",
    "experimental_remote": "read by `wrangler dev` only",
    "jurisdiction": "the database is on your machine",
}
SERVICE_QUIET = {
    "environment": "old: name the worker itself, such as `api-staging`",
    "remote": "read by `wrangler dev` only",
    "experimental_remote": "read by `wrangler dev` only",
}
ROUTE_QUIET = {"zone_id": "there are no zones here", "zone_name": "there are no zones here"}
