"""`holdfast deploy`: the project in a folder, packed, uploaded and deployed at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.workers import acts
from holdfast.features.workers.cli import send
from holdfast.features.workers.config import checked_main
from holdfast.features.workers.folder import chosen, packed
from holdfast.features.workers.proving import prove
from holdfast.features.workers.target import section
from holdfast.kernel.errors import Conflict, Retryable
from holdfast.runtime import env_stubs, wrangler
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import verb

_MADE_SECONDS = 30.0
deploy = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@verb(
    deploy,
    "deploy",
    """
    holdfast deploy
    holdfast deploy ./shop --env production --wrangler-env production --tag v1.4
    holdfast deploy --create-missing
    holdfast deploy --run-cases
    holdfast deploy --skip-check
    """,
)
def deploy_(
    ctx: typer.Context,
    *,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where its wrangler file is.")] = Path(),
    wrangler_env: acts.Section = None,
    name: Annotated[str | None, typer.Option("--name", help="Another name than the file's.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="A word for this version.")] = None,
    message: Annotated[str, typer.Option("--message", "-m", help="What is new in it.")] = "",
    create_missing: Annotated[
        bool, typer.Option("--create-missing", help="Make the namespaces and databases its bindings name.")
    ] = False,
    accept_findings: Annotated[
        bool, typer.Option("--accept-findings", help="Although its file says what is not acted on.")
    ] = False,
    skip_check: Annotated[bool, typer.Option("--skip-check", help="Although it was not seen to start.")] = False,
    run_cases: Annotated[
        bool, typer.Option("--run-cases", help="Only if it answers the worker's saved cases as expected.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
) -> None:
    """Deploy the worker in a folder: upload it as a version, and send all requests to it.

    With --env, the `env.NAME` of that name counts where the wrangler file has one; --wrangler-env names another.
    """
    t = terminal(ctx)
    began = time.monotonic()
    wrangler_env = section(t, folder, wrangler_env)
    config = wrangler.load(wrangler.find(folder), wrangler_env)
    findings = [vars(each) for each in config.findings]
    refused = config.unsupported and not accept_findings and not dry_run
    _tell(() if t.json and refused else findings)  # an error is all there is on stderr then
    archive = packed(folder)
    files = [path.relative_to(folder).as_posix() for path in chosen(folder)]
    checked_main(config, files)  # before a worker is made for it
    if dry_run:
        sent = {"name": name or config.name, "files": files, "bytes": len(archive), "env": env_stubs.named(config)}
        sent |= {"findings": findings}
        t.answer(sent, f"Would deploy {sent['name']}: {len(files)} files, {output.size_text(len(archive))} packed.")
        return
    if refused:  # before anything is sent: the server refuses it too
        named = ", ".join(each.path for each in config.unsupported[:10])
        raise Conflict(
            f"the project file says what is not acted on here: {named}",
            code="findings_unaccepted",
            hint="Take it out of the file, or deploy with --accept-findings.",
            details={"findings": findings},
        )
    worker = _worker(t, name or config.name)
    version = send(t, worker, archive, tag=tag, message=message, environment=wrangler_env)
    findings = _with_those_of_the_server(t, version, findings)
    body = {"version_id": version["id"], "message": message}
    body |= {"create_missing": create_missing, "accept_findings": accept_findings, "skip_check": skip_check}
    if run_cases:
        prove(t, worker, version, body)
    made = t.client.post(f"/workers/{worker['id']}/deployments", body)
    if create_missing:
        _await_state(t, made)
    _tell_what_is_not_given(worker, config)
    address = address_of(t, worker)
    seconds = time.monotonic() - began
    t.answer(
        made | {"worker": worker, "address": address, "findings": findings},
        f"{acts.deployed_text(worker, made)} {seconds:.1f} s\n{address}",
    )


def _tell(findings: Iterable[dict[str, Any]]) -> None:
    for each in findings:
        output.note(f"{each['kind'].replace('_', ' ')}: {each['path']}: {output.visible(each['message'])}")


def _with_those_of_the_server(
    t: Terminal, version: dict[str, Any], findings: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """And what is told of its packages: they are installed there, for the Python that runs there."""
    kept = t.client.get(f"/worker-versions/{version['id']}")["config"]["findings"]
    more = [each for each in kept if each not in findings]
    _tell(more)
    return findings + more


def _tell_what_is_not_given(worker: dict[str, Any], config: wrangler.WorkerConfig) -> None:
    """What the file wishes for and the worker's settings do not give: its calls of other hosts would be refused."""
    from holdfast.features.workers.settings import settings_of  # it loads what would slow `--help`

    own = {"network": config.own.network, "subprocess": config.own.subprocess}
    for wish in settings_of(worker["settings"]).wishes({"own": own}):
        named = output.visible(worker["name"])
        key = wish.partition(" ")[0]
        output.note(f"not given: {wish}. See: holdfast worker update {named} --set permits.{key}=...")


def _await_state(t: Terminal, deployment: dict[str, Any]) -> None:
    """Until what its bindings name is there: a worker that is called before says that it is not."""
    paths = {
        "kv": lambda target: f"/kv-namespaces/{target['namespace_id']}",
        "d1": lambda target: f"/databases/{target['resource_id']}",
    }
    until = time.monotonic() + _MADE_SECONDS
    for binding in (each for share in deployment["versions"] for each in share["bindings"]):
        if (path := paths.get(binding["kind"])) is None:
            continue
        while t.client.get(path(binding["target"]))["state"] == "creating" and time.monotonic() < until:
            time.sleep(0.1)


def address_of(t: Terminal, worker: dict[str, Any]) -> str:
    """Of a worker on the Holdfast of this machine, with the port its apps are really served at."""
    from holdfast.hosts.keeper import KeeperClient  # it loads what would slow `--help`

    settings = t.settings()
    try:
        port = KeeperClient.of(settings).info().apps_port
    except Retryable:
        port = None
    return f"http://{worker['slug']}.{settings.apps_domains[0]}:{port or settings.apps_port or 7701}"


def _worker(t: Terminal, name: str) -> dict[str, Any]:
    """The one of that name in the environment, made when it is not there."""
    environment = t.environment_of()
    for each in t.client.items("/workers", environment_id=environment["id"], name=name):
        return each
    made: dict[str, Any] = t.client.post("/workers", {"environment_id": environment["id"], "name": name})
    output.note(f"Made worker {output.visible(name)}.")
    return made
