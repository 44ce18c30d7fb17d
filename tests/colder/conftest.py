"""The world of databases and the vault's kit."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / each) for each in ("databases", "vault")]
