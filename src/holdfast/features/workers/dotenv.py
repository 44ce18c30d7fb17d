"""Files of NAME=value, such as `.dev.vars`."""

from __future__ import annotations

from holdfast.kernel.errors import Invalid


def dotenv(text: str, where: str) -> dict[str, str]:
    """NAME=value by line; quotes around a value are taken off, `#` begins a comment on a line of its own or after a
    blank. Raises Invalid naming the line."""
    found = {}
    for number, given in enumerate(text.splitlines(), 1):
        line = given.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name.isidentifier():
            raise Invalid(f"{where}: line {number} is not NAME=value", code="secrets_file_invalid")
        if value[:1] in ('"', "'") and (end := value.find(value[0], 1)) > 0:
            value = value[1:end]
        else:
            value = value.partition(" #")[0].rstrip()
        found[name] = value
    return found
