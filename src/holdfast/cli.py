"""`holdfast`: the root of the command tree. Each noun's module is imported only when that noun is used.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 conflict, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from holdfast.kernel.errors import HoldfastError
from holdfast.terminal.context import Terminal
from holdfast.terminal.failure import INTERRUPTED, exit_code, show_error
from holdfast.terminal.noun import with_example


class Lazy(NamedTuple):
    """A top-level command: where its typer app is, and its help, kept here so that `--help` imports nothing."""

    module: str
    attribute: str
    help: str
    section: str
    hidden: bool = False
    more: tuple[str, ...] = ()  # modules of slices above that add verbs to the same noun


REPO_MORE = (
    "holdfast.features.backups.cli_repo_add",
    "holdfast.features.backups.cli_repo_care",
    "holdfast.features.backups.cli_repo_key",
    "holdfast.features.backups.cli_repo_life",
    "holdfast.features.retention.cli_collect",
    "holdfast.features.colder.cli",
)
SNAPSHOT_MORE = (
    "holdfast.features.retention.cli_bulk",
    "holdfast.features.retention.cli_snapshot",
    "holdfast.features.colder.cli_thaw",
    "holdfast.features.files.cli",
    "holdfast.features.imports.cli",
)
DB_MORE = (
    "holdfast.features.databases.cli_changes",
    "holdfast.features.connections.cli_db",
    "holdfast.features.copies.cli_db",
    "holdfast.features.upgrades.cli_db",
)
ALERT_MORE = ("holdfast.features.alerts.cli_channel", "holdfast.features.alerts.cli_rule")
WORKER_MORE = (
    "holdfast.features.workers.cli_env",
    "holdfast.features.workers.cli_watch",
    "holdfast.features.workers.cli_openapi",
    "holdfast.features.workers.cli_cases",
)
COMMANDS: dict[str, Lazy] = {
    "up": Lazy("holdfast.commands.up", "up", "Start Holdfast in the foreground, or --detach.", "Run"),
    "down": Lazy("holdfast.commands.down", "down", "Stop Holdfast and the databases it runs.", "Run"),
    "restart": Lazy("holdfast.commands.down", "restart", "Restart Holdfast; databases keep running.", "Run"),
    "status": Lazy("holdfast.commands.status", "status", "Show processes, databases and last snapshots.", "Run"),
    "doctor": Lazy("holdfast.commands.doctor", "doctor", "Check what this machine offers and what is amiss.", "Run"),
    "metadata": Lazy(
        "holdfast.commands.metadata",
        "app",
        "The metadata database: copy it, snapshots of it.",
        "Run",
        more=("holdfast.commands.metadata_snapshots",),
    ),
    "recover": Lazy("holdfast.commands.recover", "recover", "Build a lost server again from a repository.", "Run"),
    "demo": Lazy(
        "holdfast.commands.demo.command", "demo", "Make, lose and recover a shop database in every engine.", "Run"
    ),
    "db": Lazy(
        "holdfast.features.databases.cli", "app", "Databases: create, query, stop, delete.", "Data", more=DB_MORE
    ),
    "connection": Lazy(
        "holdfast.features.connections.cli_connection",
        "app",
        "Connections: sessions of a database, locks, tunnels.",
        "Data",
    ),
    "upkeep": Lazy(
        "holdfast.features.connections.cli_upkeep",
        "app",
        "Upkeep: vacuum, analyse, reindex, check; settings and extensions.",
        "Data",
    ),
    "login": Lazy("holdfast.features.connections.cli_login", "app", "Logins: named users of a database.", "Data"),
    "rows": Lazy("holdfast.features.rows.cli", "app", "Rows of a table, without SQL.", "Data"),
    "table": Lazy("holdfast.features.rows.cli_table", "app", "Tables: show, create, alter, drop.", "Data"),
    "query": Lazy("holdfast.features.saved.cli", "app", "Saved queries: save, run by name, look back.", "Data"),
    "keys": Lazy("holdfast.features.values.cli", "app", "Keys of a database that keeps keys.", "Data"),
    "snapshot": Lazy(
        "holdfast.features.backups.cli",
        "app",
        "Snapshots: back up, look inside, restore.",
        "Data",
        more=SNAPSHOT_MORE,
    ),
    "backup": Lazy("holdfast.features.backups.cli", "app", "The same as `snapshot`.", "Data", more=SNAPSHOT_MORE),
    "tag": Lazy(
        "holdfast.features.backups.tagging.cli",
        "app",
        "Tags: colours, and rules that tag snapshots by themselves.",
        "Data",
    ),
    "retention": Lazy("holdfast.features.retention.cli", "app", "Retention: which snapshots are kept.", "Data"),
    "repo": Lazy(
        "holdfast.features.backups.cli_repo", "app", "Repositories: where snapshots live.", "Data", more=REPO_MORE
    ),
    "migration": Lazy(
        "holdfast.features.migrations.cli", "app", "Migrations: versioned changes of a database's structure.", "Data"
    ),
    "alert": Lazy("holdfast.features.alerts.cli", "app", "Alerts: who is told what happened.", "Data", more=ALERT_MORE),
    "deploy": Lazy("holdfast.features.workers.cli_deploy", "deploy", "Deploy the worker in a folder.", "Code"),
    "tail": Lazy("holdfast.features.workers.cli_tail", "tail", "Follow a worker: what it does and logs.", "Code"),
    "invoke": Lazy("holdfast.features.workers.cli_here", "invoke", "Invoke the worker in this folder.", "Code"),
    "versions": Lazy("holdfast.features.workers.cli_here", "versions", "Versions of the worker in a folder.", "Code"),
    "rollback": Lazy("holdfast.features.workers.cli_here", "rollback", "Roll the worker in this folder back.", "Code"),
    "types": Lazy("holdfast.features.workers.cli_types", "types", "Types of a worker for an editor.", "Code"),
    "dev": Lazy("holdfast.commands.dev.command", "dev", "Run the worker in a folder on this machine alone.", "Code"),
    "worker": Lazy(
        "holdfast.features.workers.cli", "app", "Workers: code that runs beside its state.", "Code", more=WORKER_MORE
    ),
    "kv": Lazy("holdfast.features.kv.cli", "app", "Key-value namespaces and their keys.", "Code"),
    "metrics": Lazy("holdfast.features.metrics.cli", "app", "Metrics: how databases fare.", "Data"),
    "node": Lazy("holdfast.features.nodes.cli", "app", "Nodes: the Holdfasts of one metadata database.", "Run"),
    "drill": Lazy("holdfast.features.drills.cli", "app", "Drills: rehearse bringing a database back.", "Data"),
    "move": Lazy("holdfast.features.moves.cli", "app", "Moves: into another engine.", "Data"),
    "export": Lazy(
        "holdfast.features.transfers.cli_export", "export", "Export a table or a database to a file.", "Data"
    ),
    "import": Lazy("holdfast.features.transfers.cli_import", "import_", "Import a file into a table.", "Data"),
    "plan": Lazy(
        "holdfast.features.plans.cli",
        "app",
        "Plans: what is backed up when, and how long it is kept.",
        "Data",
        more=("holdfast.features.plans.cli_turns", "holdfast.features.plans.cli_late"),
    ),
    "run": Lazy("holdfast.features.runs.cli", "app", "Runs: every piece of work, its progress and log.", "Data"),
    "engine": Lazy("holdfast.commands.engine", "app", "Engines: what kinds of database there are.", "Data"),
    "project": Lazy("holdfast.features.projects.cli", "app", "Projects: what belongs together.", "Access"),
    "env": Lazy("holdfast.features.projects.cli_env", "app", "Environments of a project.", "Access"),
    "user": Lazy("holdfast.features.access.accounts.cli_user", "app", "People: invite, disable, reset.", "Access"),
    "session": Lazy("holdfast.features.access.accounts.cli_session", "app", "Where people are signed in.", "Access"),
    "role": Lazy(
        "holdfast.features.access.granting.cli_role", "app", "Roles: names for sets of permissions.", "Access"
    ),
    "grant": Lazy(
        "holdfast.features.access.granting.cli_grant", "app", "Grants: who holds which role where.", "Access"
    ),
    "key": Lazy("holdfast.features.access.cli", "app", "API keys for scripts.", "Access"),
    "token": Lazy("holdfast.features.access.tokens.cli", "app", "Access tokens: short, signed, refreshed.", "Access"),
    "sso": Lazy(
        "holdfast.features.access.sso.cli", "app", "Single sign-on: OpenID providers and their groups.", "Access"
    ),
    "audit": Lazy("holdfast.features.audit.cli", "app", "The audit log: read, follow, verify, export.", "Access"),
    "activity": Lazy("holdfast.features.audit.cli", "activity_app", "Who did what, as sentences.", "Access"),
    "file-key": Lazy("holdfast.features.file_keys.cli", "app", "Keys of plain files: own, Vault, a KMS.", "Data"),
    "masking": Lazy("holdfast.features.masking.cli", "app", "Masking profiles for copies of production.", "Access"),
    "secret": Lazy(
        "holdfast.features.secrets.cli",
        "app",
        "Secrets of an environment, and of workers.",
        "Access",
        more=("holdfast.features.workers.cli_secret",),
    ),
    "master-key": Lazy("holdfast.features.secrets.cli_keys", "app", "The master key: its id, rotating it.", "Access"),
    "recovery-kit": Lazy("holdfast.features.secrets.cli_kit", "app", "The file that recovers everything.", "Access"),
    "limit": Lazy("holdfast.features.limits.cli", "app", "Limits: how much may be done.", "Access"),
    "usage": Lazy("holdfast.features.limits.cli_usage", "usage", "Show what is used and left of each limit.", "Access"),
    "profile": Lazy("holdfast.commands.profile", "app", "Profiles: servers this program talks to.", "Access"),
    "completion": Lazy(
        "holdfast.commands.completion", "completion", "Print the completion script for a shell.", "Access"
    ),
}

_GLOBAL_FLAGS = ("--json",)
_GLOBAL_VALUES = ("--project", "--env", "--profile", "--data")


def hoist(args: list[str]) -> list[str]:
    """Global options moved to the front, so that they work anywhere on the line; nothing after `--` is touched."""
    end = args.index("--") if "--" in args else len(args)
    front: list[str] = []
    rest: list[str] = []
    at = 0
    while at < end:
        word = args[at]
        if word in _GLOBAL_FLAGS or word.startswith(tuple(f"{name}=" for name in _GLOBAL_VALUES)):
            front.append(word)
        elif word in _GLOBAL_VALUES:
            front += args[at : at + 2]
            at += 1
        else:
            rest.append(word)
        at += 1
    return front + rest + args[end:]


def wants_json(args: list[str]) -> bool:
    """Whether errors are to be written as JSON; known before, and even without, a successful parse."""
    return "--json" in (args[: args.index("--")] if "--" in args else args)


class Root(TyperGroup):
    """The top-level group: knows every noun's name and help, imports a noun when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the interface's
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        found = getattr(import_module(lazy.module), lazy.attribute)
        for module in lazy.more:
            import_module(module)
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # typer reads the keys to suggest a near name
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoist(args))

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        for section in dict.fromkeys(lazy.section for lazy in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items() if lazy.section == section])

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        from typer._click.shell_completion import CompletionItem

        names = [CompletionItem(n, help=lazy.help) for n, lazy in COMMANDS.items() if n.startswith(incomplete)]
        options = super(TyperGroup, self).shell_complete(ctx, incomplete)
        return names + options


app = typer.Typer(
    name="holdfast",
    cls=Root,
    help=with_example(
        "Databases provisioned, queried, backed up, verified and restored.",
        """
        holdfast up
        holdfast db create sqlite shop
        holdfast snapshot create shop
        """,
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("holdfast"))
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Answer with JSON; errors too, on stderr.")] = False,
    project: Annotated[str | None, typer.Option("--project", help="Project, by name or id.", metavar="NAME")] = None,
    env: Annotated[str | None, typer.Option("--env", help="Environment, by name or id.", metavar="NAME")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="Server to talk to.", metavar="NAME")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Data directory of a local Holdfast.", metavar="DIR")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    ctx.obj = ctx.obj or Terminal(json=json, project=project, environment=env, profile=profile, data=data)


def main(args: list[str] | None = None) -> None:
    """Entry point: runs, renders any error once, and exits with the code the error stands for."""
    given = sys.argv[1:] if args is None else args
    # httpx imports its own command line (rich, pygments, click) when it can: a sixth of our start, never used here.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    try:
        if "_HOLDFAST_COMPLETE" in os.environ:
            from typer._completion_classes import completion_init

            completion_init()
        app(args=given, prog_name="holdfast")
    except HoldfastError as error:
        show_error(error, as_json=wants_json(given))
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our pipe has gone (`| head`): not an error, and nothing more can be said on it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
