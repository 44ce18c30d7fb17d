"""Write docs/reference/permissions.md from the registry. `--check` only says whether it is current (exit 1 if not)."""

from __future__ import annotations

import sys
from pathlib import Path

from holdfast.features.access.grants import SHARED_READS
from holdfast.features.access.permissions import DESCRIPTIONS, PERMISSIONS, ROLES

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "permissions.md"
HEAD = """# Permissions and roles

Generated from the registry by `make docs`; do not edit. A running Holdfast answers the same at `/api/v1/permissions`.

A permission counts where it was granted: in the whole installation, in a project, or in one of its environments; a key
can be limited to single databases as well. [Roles and keys](../how-to/roles-and-keys.md) says how to grant them.

Someone let into one environment still sees what the project shares with it: {shared}. Nothing else around it.

## Roles
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD.format(shared=", ".join(f"`{name}`" for name in sorted(SHARED_READS)))]
    parts += [f"- `{name}`: {DESCRIPTIONS[name]}" for name in ROLES]
    parts += ["", "`member` holds none of what follows.", "", "## Permissions", ""]
    shown = [name for name in ROLES if ROLES[name]]
    parts += [f"| Permission | Allows | {' | '.join(shown)} |", "|---|---|" + ":-:|" * len(shown)]
    for name, meaning in PERMISSIONS.items():
        held = " | ".join("yes" if name in ROLES[role] else "" for role in shown)
        parts.append(f"| `{name}` | {meaning} | {held} |")
    return "\n".join(parts) + "\n"


def main() -> int:
    if "--check" in sys.argv[1:]:
        current = TARGET.exists() and TARGET.read_text() == page()
        print(f"{TARGET.name} is {'current' if current else 'out of date: make docs'}")
        return 0 if current else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
