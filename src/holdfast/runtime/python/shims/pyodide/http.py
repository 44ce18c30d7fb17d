"""`pyodide.http`: `pyfetch` is `fetch`, with its options by name."""

from holdfast.runtime.python.workers import FetchResponse
from holdfast.runtime.python.workers import fetch as pyfetch

__all__ = ["FetchResponse", "pyfetch"]
