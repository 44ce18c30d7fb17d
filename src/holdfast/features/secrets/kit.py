"""What a recovery kit says: for people first, with a block for programs at its end. Pure: it is given the keys."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

_MARK = "----- for `holdfast recovery-kit check` -----"
_BLOCK = re.compile(re.escape(_MARK) + r"\n(\{.*\})\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class KitRepository:
    """All a stock restic needs. `files`: content, by the variable that names the file. `kind`, `lies` and `credential`
    say the same in our words, for `holdfast recover`. `older`: passwords that files of before a rotation need. `stock`:
    what opens it when that is not restic. `keys`: named ones that its files may need: name, kind, fingerprint, secret.
    """

    id: str
    name: str
    project: str
    path: str
    restic_id: str | None
    password: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    kind: str = "local"
    lies: Mapping[str, Any] | None = None
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)
    format: str = "restic"
    settings: Mapping[str, Any] | None = None
    older: Sequence[str] = field(default_factory=list, repr=False)
    stock: str = ""
    keys: Sequence[Mapping[str, str]] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Kit:
    """`master_keys` id -> base64, the one in use first."""

    installation: str
    made_at: str
    holdfast: str
    master_keys: Mapping[str, str] = field(repr=False)
    master_key_place: str = ""
    repositories: Sequence[KitRepository] = ()


def render(kit: Kit) -> str:
    """The text that is encrypted."""
    keys = "\n".join(f"  {key_id}\n    {text}" for key_id, text in kit.master_keys.items())
    facts = {**asdict(kit), "master_keys": dict(kit.master_keys)}
    return _TEXT.format(
        kit=kit,
        keys=keys,
        newest=next(iter(kit.master_keys.values())),
        repositories="\n".join(map(_repository, kit.repositories)) or "  There was none yet.\n",
        mark=_MARK,
        block=json.dumps(facts, sort_keys=True),
    )


def parse(text: str) -> Kit:
    """Inverse of `render`. Raises ValueError for anything else."""
    found = _BLOCK.search(text.replace("\r\n", "\n"))
    if found is None:
        raise ValueError("this is no recovery kit of Holdfast")
    try:
        facts: dict[str, Any] = json.loads(found[1])
        repositories = [KitRepository(**each) for each in facts.pop("repositories")]
        return Kit(**facts, repositories=repositories)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this kit was made by another version of Holdfast: {error}") from None


def _repository(repository: KitRepository) -> str:
    exports = "".join(f"    export {name}={shlex.quote(value)}\n" for name, value in repository.environment.items())
    for name, content in repository.files.items():
        file = f"{repository.id}.key"
        exports += f"    printf %s {shlex.quote(content)} > {file}\n    export {name}=$PWD/{file}\n"
    if repository.stock:
        return _files(repository, exports)
    return (
        f"  {repository.name} of project {repository.project}  ({repository.id})\n"
        f"    restic id: {repository.restic_id or 'nothing was stored in it yet'}\n"
        f"    path:      {repository.path}\n"
        f"    password:  {repository.password}\n"
        f"{exports}    restic -r {shlex.quote(repository.path)} snapshots\n"
    )


def _files(repository: KitRepository, exports: str) -> str:
    """One of plain files. They may be in plain text: then the key is of no use, and is said all the same."""
    older = "".join(f"    older key: {key}\n" for key in repository.older)
    older += "".join(_named(key) for key in repository.keys)
    return (
        f"  {repository.name} of project {repository.project}  ({repository.id})\n"
        f"    path:      {repository.path}\n"
        f"    key:       {repository.password}\n"
        f"{older}{exports}    One file for each snapshot: {repository.stock}.\n"
    )


def _named(key: Mapping[str, str]) -> str:
    mark = f", {key['fingerprint']}" if key["fingerprint"] else ""
    held = key["secret"] or "not here: each file's RESTORE.md says how it opens"
    return f"    file key {key['name']} ({key['kind']}{mark}): {held}\n"


_TEXT = """HOLDFAST RECOVERY KIT

Whoever reads this page can read everything this Holdfast has stored. Print it for a safe, or keep the encrypted file
away from the server; burn it when a newer one is made, unless you keep old backups of the metadata database.

Installation  {kit.installation}
Made          {kit.made_at}
Holdfast      {kit.holdfast}

1. THE MASTER KEY (was kept in: {kit.master_key_place})

{keys}

2. REPOSITORIES

{repositories}
3. WITHOUT HOLDFAST: GET DATA OUT OF A SNAPSHOT

Needs restic, and the repository's directory (from the server's disk or from a copy of it). One that lies in a bucket
(its path begins with s3:, gs: or azure:) needs the exports printed with it instead.

  export RESTIC_PASSWORD='the password above'
  restic -r PATH snapshots
  restic -r PATH restore SNAPSHOT --target out
  less out/RESTORE.md

Every snapshot carries a RESTORE.md that says how its database is rebuilt with stock tools.

4. WITH HOLDFAST: THE WHOLE SERVER AGAIN, FROM A REPOSITORY

Holdfast keeps snapshots of its own records (see `holdfast metadata snapshots`). On a new machine:

  holdfast recover --from REPOSITORY --kit KIT.age --identity KEY-FILE --data DIR --dry-run
  holdfast recover --from REPOSITORY --kit KIT.age --identity KEY-FILE --data DIR

REPOSITORY is an id above, or the path of the repository's directory. --dry-run says what would come back.

5. WITH HOLDFAST: START AGAIN FROM A COPY OF THE DATA DIRECTORY

Put the data directory back, give Holdfast its master key, start:

  umask 077
  echo '{newest}' > master.key
  HOLDFAST_MASTER_KEY_FILE=$PWD/master.key holdfast up --data DIR

When a key rotation was under way, put all keys above into the file, one a line, the newest first.

6. HOW THIS FILE WAS OPENED

  age -d -i KEY-FILE KIT.age        (or: age -d KIT.age, and the passphrase; rage works too)

{mark}
{block}
"""
