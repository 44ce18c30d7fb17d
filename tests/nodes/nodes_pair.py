"""Two whole Holdfasts, each with a data directory of its own, on one PostgreSQL of theirs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import metadata_home
import pg_server
import psycopg
from faults_cluster import Cluster, eventually, processes_of, short_directory

from holdfast.kernel.settings import Settings

PASSWORD = "correct horse battery staple"


@dataclass
class Pair:
    """`a` can be held at the point `capture.half` of a snapshot; `server` is the PostgreSQL of both."""

    root: Path
    server: pg_server.Cluster
    url: str
    a: Cluster
    b: Cluster
    extra: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def nodes(self) -> tuple[Cluster, Cluster]:
        return self.a, self.b

    def second_runner(self, node: Cluster) -> subprocess.Popen[bytes]:
        """Another runner process on a node, which no crash point holds; returns once it is known."""
        known = self.runners()
        environ = {name: value for name, value in node.env.items() if not name.startswith("HOLDFAST_CRASH")}
        with (node.root / "runner2.log").open("ab") as words:
            child = subprocess.Popen(
                [sys.executable, "-m", "holdfast.runner"], env=environ, cwd=node.root, stdout=words, stderr=words
            )
        self.extra.append(child)
        eventually(lambda: self.runners() - known, 60, "a second runner")
        return child

    def end_extra(self) -> None:
        """The extra runners give back what they have."""
        for child in self.extra:
            child.send_signal(signal.SIGTERM)
        for child in self.extra:
            child.wait(40)
        self.extra.clear()

    def runners(self) -> set[str]:
        return {row[0] for row in self.rows("SELECT id FROM runners")}

    def rows(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        """Straight from the metadata database."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as conn:
            return conn.execute(statement, params).fetchall()  # type: ignore[call-overload]


def named(node: Cluster) -> str:
    return (node.data / "node").read_text().split()[0]


def tcp(node: Cluster) -> httpx.Client:
    """A browser's view of the node: no admin socket."""
    url = f"http://127.0.0.1:{node.info().control_port}"
    return httpx.Client(base_url=url, headers={"Origin": url}, timeout=30)


def together(*work: Callable[[], None]) -> None:
    """At once, on threads; raises what the first one raised."""
    with ThreadPoolExecutor(len(work)) as pool:
        for each in [pool.submit(one) for one in work]:
            each.result()


@contextmanager
def pair() -> Iterator[Pair]:
    """Up, and down again; nothing of it runs afterwards."""
    with ExitStack() as stack:
        server = stack.enter_context(pg_server.running("18", max_connections=200))  # as documented for two
        url = metadata_home.database_on(metadata_home.administrator(server))
        roots = [stack.enter_context(short_directory()) for _ in "ab"]
        made = Pair(
            roots[0], server, url, *(_node(root, roots[0], url, name) for name, root in zip("ab", roots, strict=True))
        )
        try:
            together(*(node.up for node in made.nodes))
            yield made
        finally:
            made.end_extra()
            for node in made.nodes:
                node.release()
                node.client.close()
            together(*(node.down for node in made.nodes))
            for root in roots:
                eventually(lambda root=root: not processes_of(root), 10, f"an end of {processes_of(root)}")


def _node(root: Path, keys: Path, url: str, name: str) -> Cluster:
    made = Cluster(
        root,
        hold="capture.half" if name == "a" else None,
        HOLDFAST_NODE=f"node-{name}",
        HOLDFAST_MASTER_KEY_FILE=str(keys / "keys" / "master.key"),
    )
    made.env["HOLDFAST_DATABASE_URL"] = url
    made.settings = Settings.load(made.env)
    return made
