"""A package index on the loopback that serves what is installed here, packed as wheels again: no test needs another.

Simple repository API: PEP 503; wheels: the binary distribution format of packaging.python.org.
"""

from __future__ import annotations

import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *words: Any) -> None:
        del format, words


@contextmanager
def own_index(root: Path, *names: str) -> Iterator[str]:
    """Its address. It has these distributions and all they require, made below `root`."""
    for each in _closure(names):
        folder = root / _normal(each.metadata["Name"])
        folder.mkdir(parents=True)
        wheel = _packed(each, folder)
        (folder / "index.html").write_text(f'<!DOCTYPE html><a href="{wheel}">{wheel}</a>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(names: tuple[str, ...]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = _normal(left.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        wanted = [Requirement(text) for text in found[name].requires or ()]
        left += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return list(found.values())


def _packed(one: Distribution, folder: Path) -> str:
    """The name of the wheel."""
    tags = re.findall(r"^Tag: (\S+)$", one.read_text("WHEEL") or "", re.MULTILINE)
    parts = [sorted({tag.split("-")[at] for tag in tags}) for at in range(3)]
    stem = re.sub(r"[-_.]+", "_", one.metadata["Name"])
    name = "-".join([stem, one.version, *(".".join(each) for each in parts)]) + ".whl"
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_STORED) as wheel:
        for file in one.files or ():
            outside = file.parts[0] == ".." or file.suffix == ".pyc" or file.name in ("INSTALLER", "REQUESTED")
            if not outside and (path := Path(str(file.locate()))).is_file():
                wheel.write(path, file.as_posix())
    return name
