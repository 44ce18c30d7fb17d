"""`holdfast doctor`: what this machine offers and what is amiss."""

from __future__ import annotations

from dataclasses import asdict

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import verb

doctor = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@verb(doctor, "doctor", "holdfast doctor\nholdfast doctor --json")
def examine(ctx: typer.Context) -> None:
    """Check what this machine offers and what is amiss. Exits 1 when something is broken."""
    from holdfast.catalog import ENGINES
    from holdfast.commands import workers_told
    from holdfast.hosts.doctor import DoctorCheck, checks
    from holdfast.runtime.sandbox.modes import chosen, detect

    t = terminal(ctx)
    wanted = [engine.software(engine.spec()) for engine in ENGINES]
    found = checks(t.settings(), [software for software in wanted if software is not None])
    held = detect(chosen(t.settings().workers_sandbox))
    needed = (t.settings().data / "workers").is_dir()
    held_in = True if held.mode else False if needed else None
    found.append(DoctorCheck("worker sandbox", held_in, held.detail, held.hint))
    found.append(workers_told.limits(t.settings()))
    found += workers_told.checks(t.settings())
    broken = [check for check in found if check.ok is False]
    if t.json:
        output.say_json({"ok": not broken, "checks": [asdict(check) for check in found]})
    else:
        for check in found:
            mark = {True: "✓", False: "✗", None: "-"}[check.ok]
            output.say(f"{mark} {check.name:<18} {output.visible(check.detail)}")
            if check.ok is not True and check.hint:
                output.say(f"  {'':<18} {output.visible(check.hint)}")
    if broken:
        raise typer.Exit(1)
