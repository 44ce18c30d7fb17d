"""A whole Holdfast as a user has it: `holdfast up` in processes of its own, looked at from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import metadata_home
from stock_restic import stock

from holdfast.client import ENDED, Client
from holdfast.hosts.keeper import KeeperClient, KeeperInfo
from holdfast.hosts.layout import Layout
from holdfast.kernel.errors import Conflict, HoldfastError, Retryable
from holdfast.kernel.settings import Settings

Answer = dict[str, Any]
ENGINES = ("sqlite", "postgresql")
FILL = {
    "sqlite": "INSERT INTO t(id, body) WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    "SELECT i, 'row ' || i || ' ünï ' || hex(randomblob(?)) FROM n",
    "postgresql": "INSERT INTO t(id, body) SELECT i, 'row ' || i || ' ünï ' || "
    "(SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 1 + $3::int / 16) AS j) "
    "FROM generate_series($1::int, $2::int) AS i",
}
QUIET = frozenset({"ready", "stopped", "failed", "deleted"})


def eventually(check: Callable[[], object], seconds: float = 60.0, what: str = "it") -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, f"{what} did not come true within {seconds:g} s"
        time.sleep(0.03)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes_of(root: Path) -> dict[int, str]:
    """Living processes whose environment, command line or working directory names `root`."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid() or not alive(int(entry)):
            continue
        at = Path("/proc") / entry
        with suppress(OSError):
            words = at.joinpath("cmdline").read_bytes()
            named = os.fsencode(root) in words + at.joinpath("environ").read_bytes()
            if named or os.readlink(at / "cwd").startswith(str(root)):
                found[int(entry)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found


class Cluster:
    """One installation below a short directory. `crash` names a point where the runner dies once it is armed, or
    several, `hold` those where a task waits until it is released."""

    def __init__(
        self,
        root: Path,
        *,
        data: Path | None = None,
        crash: str | tuple[str, ...] | None = None,
        hold: str | tuple[str, ...] | None = None,
        **variables: str,
    ) -> None:
        self.root = root
        self.data = data or root / "data"
        self.once = root / "crashed"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        self.env = kept | {
            "HOLDFAST_DATA": str(self.data),
            "HOLDFAST_RUNTIME": str(root / "run"),
            "HOLDFAST_MASTER_KEY_FILE": str(root / "keys" / "master.key"),
            "HOLDFAST_CONTROL_PORT": "0",
            "HOLDFAST_APPS_PORT": "0",
            "HOLDFAST_DISK_RESERVE_BYTES": "1048576",
            "HOME": str(root),
            **variables,
        }
        if metadata := metadata_home.elsewhere():
            self.env["HOLDFAST_DATABASE_URL"] = metadata
        self.held = root / "held"
        if points := crash or hold:
            self._pass_by(points)
            named = points if isinstance(points, str) else ",".join(points)
            self.env |= {"HOLDFAST_CRASH_AT": named, "HOLDFAST_CRASH_ONCE": str(self.once)}
        if hold is not None:
            self.held.touch()
            self.env |= {"HOLDFAST_CRASH_HOLD": str(self.held)}
        self.settings = Settings.load(self.env)
        self.client = Client(socket=self.settings.admin_socket, timeout=60)
        self.keeper = KeeperClient.of(self.settings)
        self.child: subprocess.Popen[bytes] | None = None
        self.log = root / "up.log"

    # its processes

    def up(self) -> None:
        with self.log.open("ab") as words:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "holdfast.cli", "up"],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=self.env,
                cwd=self.root,
                start_new_session=True,
            )
        eventually(self._ready, 120, "a served API")

    def _ready(self) -> bool:
        assert self.child is not None
        assert self.child.poll() is None, self.log.read_text(errors="replace")[-3000:]
        try:
            self.client.get("/engines")
            return self.keeper.info().parts["runner"]["pid"] is not None
        except (Retryable, HoldfastError) as error:
            if error.status < 500 and not isinstance(error, Retryable):
                raise
            return False

    def down(self) -> None:
        """SIGTERM, and wait for it."""
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait(60)
        self.child = None

    def cli(
        self, *words: str, seconds: float = 180, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "holdfast.cli", *words],
            env=self.env | variables,
            cwd=self.root,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def info(self) -> KeeperInfo:
        return self.keeper.info()

    def pid(self, part: str) -> int:
        return int(self.info().parts[part]["pid"] or 0)

    def server_pid(self, database: str) -> int:
        return int(self.keeper.status(database).pid or 0)

    def _pass_by(self, points: str | tuple[str, ...]) -> None:
        """Until `arm`."""
        if isinstance(points, str):
            self.once.touch()
            return
        self.once.mkdir()
        for point in points:
            (self.once / point).touch()

    def arm(self, point: str = "") -> None:
        """From here on the runner dies at the point, or is held there, once."""
        if "HOLDFAST_CRASH_HOLD" in self.env:
            self.held.touch()
        (self.once / point).unlink()

    def reached(self) -> None:
        """A task is held at the point now."""
        eventually(lambda: self.crashed, 60, "the point")

    def release(self) -> None:
        self.held.unlink(missing_ok=True)

    @property
    def crashed(self) -> bool:
        """At every point that was armed."""
        if self.once.is_dir():
            return {each.name for each in self.once.iterdir()} == set(self.env["HOLDFAST_CRASH_AT"].split(","))
        return self.once.exists()

    # its databases

    @property
    def environment(self) -> str:
        project = self.client.get("/projects")["items"][0]["id"]
        return str(self.client.get(f"/projects/{project}/environments")["items"][0]["id"])

    def stored(self, database: str) -> int:
        """How many snapshots of a database a stock restic lists: each carries our id of it in a tag."""
        listed = self.restic("snapshots", "--json")
        assert listed.returncode == 0, listed.stderr
        ours = {each["id"] for each in self.client.items("/snapshots", resource_id=database)}
        return sum(any(own in tag for own in ours for tag in each["tags"] or ()) for each in json.loads(listed.stdout))

    def ended(self, answer: Answer) -> Answer:
        return self.client.wait(answer["run"]["id"])

    def done(self, answer: Answer) -> Answer:
        run = self.ended(answer)
        assert run["state"] == "succeeded", (run["kind"], run["state"], run["error"])
        return run

    def create(self, engine: str, name: str = "shop", rows: int = 3000, width: int = 24) -> str:
        """A database with a table of `rows` rows, `width` random bytes each."""
        made = self.client.post("/databases", {"engine": engine, "name": name, "environment_id": self.environment})
        self.done(made)
        database = str(made["resource"]["id"])
        self.write(database, "CREATE TABLE t (id integer PRIMARY KEY, body text NOT NULL)")
        if rows:
            self.fill(database, engine, 1, rows, width)
        return database

    def fill(self, database: str, engine: str, first: int, last: int, width: int = 24) -> None:
        self.write(database, FILL[engine], [first, last, width])

    def write(self, database: str, statement: str, params: list[Any] | None = None) -> Answer:
        body = {"statement": statement, "params": params or [], "write": True}
        answer: Answer = self.client.post(f"/databases/{database}/query", body)
        return answer

    def rows(self, database: str, statement: str = "SELECT id, body FROM t ORDER BY id") -> list[list[Any]]:
        body = {"statement": statement, "limits": {"rows": 100_000}}
        answer = self.client.post(f"/databases/{database}/query", body)
        assert answer["truncated"] is None
        return list(answer["rows"])

    def reads(self, database: str) -> bool:
        """False while its server comes back."""
        try:
            return bool(self.rows(database, "SELECT 1"))
        except Retryable:
            return False

    def snap(self, database: str, level: str = "L1") -> Answer:
        answer: Answer = self.client.post(f"/databases/{database}/snapshots", {"level": level})
        return answer

    def snapshot(self, database: str, level: str = "L1") -> str:
        """The id of a snapshot that is ready."""
        answer = self.snap(database, level)
        self.done(answer)
        return str(answer["snapshot"]["id"])

    def restore_new(self, snapshot: str, name: str) -> Answer:
        answer: Answer = self.client.post(f"/snapshots/{snapshot}/restore", {"mode": "new", "name": name})
        return answer

    def restore_in_place(self, snapshot: str, confirm: str = "shop", *, safety: bool = False) -> Answer:
        wish = {"mode": "in_place", "confirm": confirm, "safety": safety}
        answer: Answer = self.client.post(f"/snapshots/{snapshot}/restore", wish)
        return answer

    # what must hold

    def restic(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The stock judge on the first repository in restic's format that is on this node, with the password a user
        gets."""
        there = sorted(each["id"] for each in self.client.items("/repositories") if each["format"] == "restic")
        keys = (self.client.post(f"/repositories/{each}/key") for each in there)
        # Ids grow: a later one is for Holdfast's own records.
        key = next(each for each in keys if Path(each["path"], "config").exists())
        return stock(key["path"], *words, password=key["password"], check=False)

    def settled(self, seconds: float = 90) -> None:
        """Every run ended and nothing is left in a passing state."""
        eventually(lambda: not self.passing(), seconds, "a settled system")

    def passing(self) -> list[str]:
        later = [run for run in self.client.items("/runs") if run["state"] not in ENDED and not _delayed(run)]
        found = [f"run {run['id']} {run['kind']} {run['state']}" for run in later]
        for kind, quiet in (("databases", QUIET), ("snapshots", QUIET), ("restores", ENDED)):
            found += [
                f"{kind} {it['id']} {it['state']}" for it in self.client.items(f"/{kind}") if it["state"] not in quiet
            ]
        return found

    def beside(self, database: str) -> list[str]:
        """Names of databases (or files) beside the living one."""
        facts = self.client.get(f"/databases/{database}")
        if facts["endpoint"].get("path"):
            live = Path(facts["endpoint"]["path"])
            leftovers = {live.name + end for end in ("", "-wal", "-shm", "-journal")}
            return sorted(entry.name for entry in live.parent.iterdir() if entry.name not in leftovers)
        standard = {"postgres", "template0", "template1", facts["endpoint"]["database"]}
        names = self.rows(database, "SELECT datname FROM pg_database")
        return sorted(name for (name,) in names if name not in standard)

    def works(self, database: str, level: str = "L3") -> None:
        """The data can be read, a new snapshot proves itself, a stock restic finds nothing wrong."""
        assert self.rows(database)
        self.snapshot(database, level)
        self.sound()

    def sound(self) -> None:
        """No lock is left in a repository and a stock restic reads every byte of it."""
        self.settled()
        assert self.locks() == []
        checked = self.restic("check", "--read-data")
        assert checked.returncode == 0, checked.stdout + checked.stderr

    def locks(self) -> list[str]:
        return [str(path) for path in self.data.glob("repositories/*/locks/*")]

    def no_files_left(self) -> None:
        """Of runs, scratch servers and databases that failed to come to be."""
        with suppress(AssertionError):
            eventually(lambda: not self._scratch(), 10)
        assert self._scratch() == []
        items = [*self.client.items("/databases"), *self.client.items("/databases", deleted=True)]
        assert {path.name for path in self.data.glob("databases/*")} <= {item["id"] for item in items}

    def left_nothing(self) -> None:
        """No unfinished work, no lock, no file."""
        self.settled()
        eventually(lambda: not self.locks(), 10, "released locks")
        self.no_files_left()

    def _scratch(self) -> list[str]:
        """The api has a directory of its own, in which nothing stays."""
        there = [path for path in self.data.glob("scratch/**/*") if path.is_file() or path.parent.name == "scratch"]
        there = [path for path in there if path != self.data / "scratch" / "api"]
        return sorted(str(path) for path in [*there, *Layout.of(self.settings).scratch.glob("*")])


def _delayed(run: Answer) -> bool:
    """A discard that waits for its grace period is no unfinished work."""
    return run["state"] == "queued" and run["kind"] in ("restore.discard", "database.purge")


@contextmanager
def short_directory() -> Iterator[Path]:
    """Short, because a socket's path may hold 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix="hf-f-"))
    try:
        yield root
    finally:
        shutil.rmtree(root)


@contextmanager
def cluster(root: Path, **more: Any) -> Iterator[Cluster]:
    """Up, and down again; then nothing of it may be left but its files on disk."""
    made = Cluster(root, **more)
    try:
        made.up()
        yield made
        made.left_nothing()
    except BaseException:
        with suppress(OSError):
            sys.stderr.write(made.log.read_text(errors="replace")[-3000:])
            for log in sorted(made.data.glob("logs/*.log")):
                sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}\n")
        raise
    finally:
        made.release()
        made.client.close()
        try:
            made.down()
            _nothing_runs(made)
        finally:
            for pid in processes_of(root):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def _nothing_runs(made: Cluster) -> None:
    eventually(lambda: not processes_of(made.root), 10, f"an end of {processes_of(made.root)}")
    assert str(made.root) not in _mounts_below(made.data)
    label = Layout.of(made.settings).label
    # os.walk and not glob: groups of other tests come and go meanwhile, and glob raises on one that went.
    assert [where for where, _, _ in os.walk("/sys/fs/cgroup") if label in Path(where).name] == []


def _mounts_below(data: Path) -> str:
    """Mounts in our namespace, apart from one a test put the data directory on itself."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return "\n".join(line for line in lines if line.split()[1] != str(data))


def both(sqlite: tuple[str, ...], postgresql: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("sqlite", point) for point in sqlite] + [("postgresql", point) for point in postgresql]


def taken_over(it: Cluster, runner: int, answer: Answer) -> Answer:
    """The runner died at the point, another took its place, and the run ended well in its second attempt."""
    run = it.done(answer)
    assert it.crashed
    eventually(lambda: it.pid("runner") not in (0, runner))
    return run


def refused(call: Callable[[], Any], kind: type[HoldfastError] = Conflict) -> HoldfastError:
    """The error a call is refused with."""
    try:
        answer = call()
    except kind as error:
        return error
    raise AssertionError(f"it was not refused: {answer}")
