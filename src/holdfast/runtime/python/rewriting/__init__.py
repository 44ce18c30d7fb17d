"""Cloudflare's HTMLRewriter: HTML changed by handlers while it streams. Imported when a worker first names it."""

from __future__ import annotations

from holdfast.runtime.python.rewriting.rewriter import HTMLRewriter

__all__ = ["HTMLRewriter"]
