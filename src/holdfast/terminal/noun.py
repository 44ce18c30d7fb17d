"""Typer apps as this program makes them: plain help that starts quickly, an example on every page."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

Confirmed = Annotated[str | None, typer.Option("--confirm", metavar="NAME", help="The name again, for scripts.")]
GLOBAL_OPTIONS = "Options that work everywhere: --json --project NAME --env NAME --profile NAME --data DIR"


def noun(name: str, help_text: str, example: str) -> typer.Typer:
    """The app of one noun; `example` is shown on its help page."""
    app = typer.Typer(
        name=name,
        help=with_example(help_text, example),
        short_help=help_text.splitlines()[0],
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )

    @app.callback()
    def group() -> None:
        pass

    group.__doc__ = None
    return app


def verb(
    app: typer.Typer, name: str, example: str, **settings: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command: its docstring is the help, `example` the lines a user can type."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        words = inspect.cleandoc(function.__doc__ or "")
        app.command(
            name,
            help=with_example(words, example),
            short_help=words.splitlines()[0] if words else "",
            epilog=GLOBAL_OPTIONS,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
            **settings,
        )(function)
        return function

    return register


def with_example(words: str, example: str) -> str:
    """Help text with an Example block that is not rewrapped."""
    lines = "\n".join(f"  {line.strip()}" for line in example.strip().splitlines())
    return f"{words}\n\n\b\nExample:\n{lines}"
