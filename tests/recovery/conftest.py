"""The program as a user runs it, and the world of the databases' tests."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("cli", "databases"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
