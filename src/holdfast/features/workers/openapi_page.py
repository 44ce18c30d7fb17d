"""A worker's OpenAPI document as a page: no script, no style of another origin, every text of the document escaped.

What it shows was written by whoever deploys, and it stands on the control origin: nothing of it may become markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2330;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.1rem;margin:2.2rem 0 .4rem;border-top:1px solid #d5dae3;padding-top:1.2rem}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f4f6f9;padding:.8rem;overflow:auto;border-radius:6px}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top}
th{border-bottom:1px solid #d5dae3}.method{display:inline-block;min-width:4.5rem;font-weight:700}
@media(prefers-color-scheme:dark){body{color:#e4e8ef;background:#12161d}pre{background:#1c222c}
th,h2{border-color:#333b48}}
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox"
)


def page(document: dict[str, Any]) -> str:
    """HTML of a document as `runtime/openapi.py` makes it."""
    info = document["info"]
    parts = [f"<h1>{_text(info['title'])}</h1>", f"<p>Version {_text(info['version'])}</p>"]
    parts += [f"<p>{_text(info.get('description', ''))}</p>"]
    parts += [f"<p>Address: <code>{_text(each['url'])}</code></p>" for each in document["servers"]]
    if "security" in document:
        parts.append(
            "<p>Callers show a key: <code>Authorization: Bearer KEY</code> or <code>x-api-key: KEY</code>.</p>"
        )
    if not document["paths"]:
        parts.append(f"<p>{_text(document.get('x-holdfast-hint', ''))}</p>")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += _operation(method, path, operation)
    if schemas := document["components"]["schemas"]:
        parts.append("<h2>Schemas</h2>")
        parts += [f'<h3 id="{_text(name)}">{_text(name)}</h3>{_json(each)}' for name, each in schemas.items()]
    title = _text(info["title"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}: API</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> list[str]:
    parts = [f'<h2><span class="method">{_text(method.upper())}</span> <code>{_text(path)}</code></h2>']
    if operation.get("deprecated"):
        parts.append("<p><strong>Deprecated.</strong></p>")
    parts += [f"<p>{_text(operation[key])}</p>" for key in ("summary", "description") if key in operation]
    if parameters := operation.get("parameters"):
        parts.append("<table><thead><tr><th>Name</th><th>In</th><th>Required</th><th>Schema</th></tr></thead><tbody>")
        for each in parameters:
            needed = "yes" if each["required"] else "no"
            schema = _text(json.dumps(each["schema"], ensure_ascii=False))
            parts.append(
                f"<tr><td><code>{_text(each['name'])}</code></td><td>{_text(each['in'])}</td><td>{needed}</td>"
                f"<td><code>{schema}</code></td></tr>"
            )
        parts.append("</tbody></table>")
    if body := operation.get("requestBody"):
        needed = "required" if body["required"] else "optional"
        parts.append(f"<h3>Body ({needed})</h3>{_json(body['content']['application/json']['schema'])}")
    parts.append("<h3>Answers</h3>")
    for status, answer in operation["responses"].items():
        parts.append(f"<p><strong>{_text(status)}</strong> {_text(answer['description'])}</p>")
        if "content" in answer and status != "422":
            parts.append(_json(answer["content"]["application/json"]["schema"]))
    return parts


def _json(value: Any) -> str:
    return f"<pre>{_text(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _text(value: Any) -> str:
    return escape(str(value), quote=True)
