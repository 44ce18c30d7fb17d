"""`holdfast repo file-key`: with which key new files are sealed."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from holdfast.features.backups.cli_repo import Name, app
from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb


@verb(
    app,
    "file-key",
    """
    holdfast repo file-key dumps offsite
    holdfast repo file-key dumps vaulted --encryption gpg
    holdfast repo file-key dumps own
    """,
)
def file_key(
    ctx: typer.Context,
    repository: Name,
    key: Annotated[str, typer.Argument(help="A file key, by name; own = the repository's own.")],
    *,
    encryption: Annotated[
        Literal["none", "age", "gpg", "aes256"] | None, typer.Option("--encryption", help="One that the key seals.")
    ] = None,
) -> None:
    """Seal the new files of a plain-file repository with another key. Older files open with theirs."""
    t = terminal(ctx)
    found = t.repository(repository)
    body = {"key": key, **({"encryption": encryption} if encryption else {})}
    changed = t.client.post(f"/repositories/{found['id']}/file-key", body)
    files = changed["files"]
    how = "are not encrypted" if files["encryption"] == "none" else f"are sealed with {files['encryption']}"
    t.answer(changed, f"New files in {output.visible(changed['name'])} {how}, key {output.visible(key)}.")
