"""The restic repository format, version 2, as bytes. Source: restic's `doc/design.rst` and its code."""
