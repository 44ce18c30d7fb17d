"""The `holdfast` command, also as `python -m holdfast`."""

from __future__ import annotations

import sys


def main() -> None:
    """As `holdfast.cli.main`. Ctrl-C while that is still being imported ends as quietly as any other."""
    try:
        from holdfast.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
