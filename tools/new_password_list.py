"""Write the list of common passwords anew: `python tools/new_password_list.py`, with zxcvbn and Django installed.

Neither is a dependency; any environment that has both will do. See accounts/common_passwords.md for what this takes.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

TOP = 10_000
OURS = Path(__file__).parent.parent / "src/holdfast/features/access/accounts/common_passwords.txt"


def sources() -> Iterator[list[str]]:
    """Each by rank, the most used first."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-not-found]

    yield list(FREQUENCY_LISTS["passwords"])
    packed = files("django.contrib.auth").joinpath("common-passwords.txt.gz").read_bytes()
    yield gzip.decompress(packed).decode().split("\n")


def wanted(rank: int, word: str) -> bool:
    """What the policy can meet: long entries as they are, shorter ones with a letter as the core of a longer one."""
    if not word.isprintable() or " " in word:
        return False
    return len(word) >= 12 or (rank < TOP and len(word) >= 4 and any(char.isalpha() for char in word))


def main() -> int:
    found = {
        word for source in sources() for rank, raw in enumerate(source) if wanted(rank, word := raw.strip().casefold())
    }
    OURS.write_text("\n".join(sorted(found)) + "\n")
    print(f"{len(found)} passwords, {sum(len(word) >= 12 for word in found)} of 12 characters or more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
