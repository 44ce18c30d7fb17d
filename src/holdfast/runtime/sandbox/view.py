"""Which files of the machine a worker may see: the interpreter's and ours, found from the one that runs here."""

from __future__ import annotations

import importlib.util
import os
import ssl
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import holdfast
from holdfast.runtime.sandbox.walls import outermost

LIBRARIES = ("httptools", "uvloop", "wsproto", "h11")  # what the inside imports of others
_OURS = ("__init__.py", "runtime")  # of our package
_ETC = ("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs")
_SHARED = ("/usr/share/zoneinfo", "/usr/share/ca-certificates", "/usr/lib/locale", "/usr/lib/ssl")


@dataclass(frozen=True)
class View:
    """`path`: sys.path inside. `visible`: files and directories shown at their own places, read-only. `empty`:
    directories below them of which nothing is shown. `links`: symbolic links of the root, {name: target}."""

    executable: str
    path: tuple[str, ...]
    visible: tuple[str, ...]
    empty: tuple[str, ...]
    links: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def here(cls, libraries: Sequence[str] = LIBRARIES, extra: Sequence[tuple[Path, str]] = ()) -> View:
        """The view of this interpreter, virtual environments included. `extra`: (directory for sys.path, what of it is
        visible), for entries that are not ours. Raises ImportError for a library that is not installed."""
        ours = Path(holdfast.__file__).parent
        found = [(ours.parent, f"holdfast/{part}") for part in _OURS]
        found += [place for name in libraries for place in _library(name)]
        found += extra
        stdlib = _stdlib()
        sites = [os.path.join(one, name) for one in stdlib for name in ("site-packages", "dist-packages")]
        visible = [*stdlib, *_interpreter(), *_system(), *(str(root / part) for root, part in found)]
        return cls(
            executable=os.path.realpath(sys.executable),
            path=tuple(dict.fromkeys([*stdlib, *_dynload(stdlib), *(str(root) for root, _ in found)])),
            visible=outermost(one for one in visible if os.path.exists(one)),
            empty=tuple(one for one in sites if os.path.isdir(one)),
            links={name: os.readlink(f"/{name}") for name in ("lib", "lib64") if os.path.islink(f"/{name}")},
        )


def _stdlib() -> list[str]:
    """Of the base interpreter: a virtual environment has none of its own."""
    base = dict.fromkeys(("platbase", "installed_platbase"), sys.base_exec_prefix)
    return list(dict.fromkeys((sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib", vars=base))))


def _dynload(stdlib: Sequence[str]) -> list[str]:
    where = [sysconfig.get_config_var("DESTSHARED") or "", *(os.path.join(one, "lib-dynload") for one in stdlib)]
    return [one for one in where if os.path.isdir(one)][:1]


def _interpreter() -> list[str]:
    """The program and, where it is a library of its own, libpython."""
    found = [os.path.realpath(sys.executable), *_dynload(_stdlib())]
    directory, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and directory and name:
        found.append(os.path.join(directory, name))
    return found


def _system() -> list[str]:
    """Shared libraries, certificates, time zones, locales. A link at the root is made again, not followed."""
    triple = sysconfig.get_config_var("MULTIARCH") or ""
    wanted = [f"/usr/lib/{triple}", f"/lib/{triple}"] if triple and os.path.isdir(f"/usr/lib/{triple}") else []
    wanted = [*(wanted or ["/usr/lib", "/lib"]), "/usr/lib64", "/lib64"]
    linked = [one for one in wanted if not os.path.islink("/" + one.split("/")[1])]
    paths = ssl.get_default_verify_paths()
    certificates = [one for one in (paths.openssl_cafile, paths.openssl_capath) if one]
    return [one for one in (*linked, *_ETC, *_SHARED, *certificates) if os.path.exists(one)]


def _library(name: str) -> list[tuple[Path, str]]:
    """Where a package lies, with the shared libraries a wheel brings beside it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ImportError(f"{name} is not installed: workers need it")
    here = Path(spec.origin)
    root = here.parent.parent if spec.submodule_search_locations else here.parent
    parts = [here.parent.name if spec.submodule_search_locations else here.name, f"{name}.libs"]
    return [(root, part) for part in parts if (root / part).exists()]
