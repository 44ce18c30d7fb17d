"""`holdfast completion`: the script a shell needs to complete our commands."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.terminal import output
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

completion = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
SHELLS = ("bash", "zsh", "fish")


@verb(
    completion,
    "completion",
    """
    holdfast completion bash > ~/.local/share/bash-completion/completions/holdfast
    holdfast completion fish > ~/.config/fish/completions/holdfast.fish
    """,
)
def script(shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the completion script for a shell."""
    if shell not in SHELLS:
        raise Usage(f"no completion for {shell!r}", hint=f"one of {', '.join(SHELLS)}")
    from typer._completion_shared import get_completion_script

    output.say(get_completion_script(prog_name="holdfast", complete_var="_HOLDFAST_COMPLETE", shell=shell))
