"""Calling `uv`: which arguments, as whom, in which surroundings, and what its complaints mean."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.kernel.errors import HoldfastError, LimitExceeded, NeedsOperator, Permanent, Retryable
from holdfast.runtime.requirements import LEFT_OUT, OURS

_SECONDS = 600.0
_FILE_BYTES = 1024**3
# What an operator says about the index and the way to it; nothing else of our surroundings is passed on.
_PASSED = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL",
    "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_HTTP_TIMEOUT",
)  # fmt: skip
_UNKNOWN = re.compile(r"Because (?:there are no versions of )?(\S+?) (?:was not found|and you require)")
_NO_WHEEL = re.compile(
    r"Because (\S+?)(?:==\S+)? has no (?:usable )?wheels|all versions of (\S+) have no usable wheels"
)
_NEWER_PYTHON = re.compile(r"current Python version \(\S+\) does not satisfy")


@dataclass(frozen=True)
class Uv:
    """`user`: as whom it runs where we are root and that user can reach it (None: as we are). `build`: source packages
    too, which runs their code: only where an operator said so. `wheels`: directories with wheels; `index` False: no
    index but those."""

    user: int | None = 65534
    build: bool = False
    wheels: tuple[Path, ...] = ()
    index: bool = True
    seconds: float = _SECONDS

    def resolve(self, lines: Sequence[str], cache: Path) -> str:
        """The lock of these requirements. Raises as `Environments.ensure`."""
        with tempfile.TemporaryDirectory(prefix="holdfast-uv-") as place:
            asked = Path(place) / "requirements.in"
            asked.write_text("\n".join(lines) + "\n")
            never = Path(place) / "never.txt"
            never.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in LEFT_OUT))
            arguments = ("pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet")
            without = ("--override", never.name)  # also where a package asks for them: `workers` is ours
            return self._run((*arguments, *without, *self._wheels_only(), asked.name), Path(place), cache)

    def install(self, lock: str, target: Path, cache: Path) -> None:
        """Exactly what the lock says, into `target`. Raises as `Environments.ensure`."""
        with tempfile.TemporaryDirectory(prefix="holdfast-uv-") as place:
            (Path(place) / "lock.txt").write_text(lock)
            arguments = ("pip", "install", "--require-hashes", "--no-deps", "--compile-bytecode", "--link-mode", "copy")
            where = ("--target", str(target), "-r", "lock.txt", "--quiet")
            self._run((*arguments, *self._wheels_only(), *where), Path(place), cache, target)

    def _wheels_only(self) -> tuple[str, ...]:
        return () if self.build else ("--only-binary", ":all:")

    def _run(self, arguments: Sequence[str], place: Path, cache: Path, target: Path | None = None) -> str:
        binary, user = uv_binary(), self._user(place, cache, target)
        shared = ("--no-config", "--no-progress", "--color", "never", "--python", sys.executable)
        places = tuple(part for each in self.wheels for part in ("--find-links", str(each)))
        argv = (binary, *arguments, *shared, *places, *(() if self.index else ("--no-index",)))
        try:
            done = subprocess.run(
                argv,
                cwd=place,
                env=surroundings(os.environ, place, cache),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.seconds,
                check=False,
                user=user,
                group=user,
                extra_groups=None if user is None else (),
                umask=0o022,
                preexec_fn=_bounded,
            )
        except subprocess.TimeoutExpired:
            raise LimitExceeded(f"the packages took longer than {self.seconds:.0f} s", code="packages_slow") from None
        except OSError as error:
            raise NeedsOperator(f"uv cannot be started: {error}", code="uv_missing", hint="install it: uv") from error
        if done.returncode != 0:
            raise explained(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode()

    def _user(self, place: Path, cache: Path, target: Path | None) -> int | None:
        """Another user only where it reaches uv, the interpreter and the directories; else we go on as we are: with
        wheels only, nothing of a package is run either way."""
        if os.geteuid() != 0 or self.user is None:
            return None
        needed = [Path(uv_binary()), Path(sys.executable).resolve(), Path(sys.prefix), cache, *self.wheels]
        needed += [] if target is None else [target]
        if not all(_passable(each) for each in needed):
            return None
        for owned in (place, *place.iterdir(), cache, *([target] if target else [])):
            os.chown(owned, self.user, self.user)
        return self.user


def uv_binary() -> str:
    """Raises NeedsOperator ("uv_missing")."""
    import uv

    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        hint = "install Holdfast's dependencies again: the package `uv` brings it"
        raise NeedsOperator("uv, which installs packages, is missing", code="uv_missing", hint=hint) from error


def surroundings(environ: Mapping[str, str], place: Path, cache: Path) -> dict[str, str]:
    """Nothing of ours but the way to the index: no secrets, no configuration of whoever started us."""
    passed = {name: environ[name] for name in _PASSED if environ.get(name)}
    return passed | {
        "HOME": str(place),
        "PATH": "/usr/bin:/bin",
        "UV_CACHE_DIR": str(cache),
        "UV_PYTHON_DOWNLOADS": "never",
        "TMPDIR": str(place),
    }


def explained(stderr: str) -> HoldfastError:
    """uv's complaint as an error of ours."""
    text = _told(stderr)
    if re.search(
        r"dns error|error sending request|Failed to fetch|connection|timed out|HTTP status server", stderr, re.I
    ):
        hint = "it is tried again; see the proxy and index settings of this machine"
        return Retryable(f"the package index does not answer: {text}", code="index_away", hint=hint)
    if found := _NO_WHEEL.search(stderr):
        name = found[1] or found[2]
        hint = "Ask for another version, or let an operator allow building from source."
        return Permanent(f"there is no wheel of {name} for this machine: {text}", code="wheel_missing", hint=hint)
    if (found := _UNKNOWN.search(stderr)) and "was not found" in stderr:
        hint = "See how it is spelled."
        return Permanent(f"there is no package {found[1]}: {text}", code="package_unknown", hint=hint)
    if "No solution found" in stderr:
        hint = "Loosen the versions asked for."
        if _NEWER_PYTHON.search(text):
            hint = f"Workers run on the Python of Holdfast, {OURS} here: ask for versions that know it, or run Holdfast"
            hint += " on a newer Python."
        return Permanent(f"the packages do not fit together: {text}", code="packages_conflict", hint=hint)
    return Permanent(f"the packages cannot be installed: {text}", code="packages_failed")


def _told(stderr: str) -> str:
    lines = [re.sub(r"^(error|cause|×|╰─▶|hint|\s)+:?\s*", "", each.strip()) for each in stderr.splitlines()]
    return " ".join(each for each in lines if each and not each.startswith("No solution found"))[:1500]


def _passable(path: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in path.resolve().parents)


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
