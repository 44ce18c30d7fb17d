"""The watch over the whole run can fail: each way a secret may leak is planted in a run of its own, and is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leak_watch import LEAKED

TESTS = Path(__file__).parents[1]
HEAD = """
import http.server, json, shutil, tempfile, threading
from pathlib import Path
import httpx, pytest
from holdfast.kernel import log
SECRET = "planted-Zq81xv-secret-00042"

def server(status, body):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())
        def log_message(self, *given):
            pass
    made = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{made.server_port}/x"

def leave(name, text):
    root = Path(tempfile.mkdtemp(prefix="hf-planted-"))
    path = root / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    shutil.rmtree(root)
"""
PLANTED = {
    "a registered secret in a log": "log.register_secret(SECRET); leave('api.log', f'line {SECRET} end')",
    "in a log's JSON": "log.register_secret(SECRET + '\"x'); leave('a/logs/r.log', json.dumps({'m': SECRET + '\"x'}))",
    "in the metadata database": "log.register_secret(SECRET); leave('data/meta/holdfast.db', chr(0) + SECRET + chr(1))",
    "what a request sent": "httpx.post(server(201, {}), json={'password': SECRET}); leave('runner.log', SECRET)",
    "what an answer gave": "httpx.post(server(201, {'codes': [SECRET]}), json={}); leave('runner.log', SECRET)",
    "an error that echoes": "httpx.post(server(422, {'error': SECRET}), json={'new_password': SECRET})",
    "an error before it was known": "httpx.post(server(500, [SECRET]), json={}); log.register_secret(SECRET)",
    "a key nobody here made": "leave('api.log', 'hf_0123456789ab_' + 'aB3_' * 10 + 'xyz')",
    "a URL with its password": "leave('runner.log', 'failed: postgresql://owner:Wq81xv00@127.0.0.1/shop')",
}
INNOCENT = {
    "nothing": "log.register_secret(SECRET); leave('api.log', 'quiet'); httpx.post(server(404, {}), json={})",
    "hidden": "log.register_secret(SECRET); leave('api.log', 'postgresql://owner:***@h/x [hidden]')",
    "in a server's own files": "log.register_secret(SECRET); leave('base/1/2', SECRET)",
}


def run(tmp_path: Path, act: str, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (tmp_path / "test_planted.py").write_text(f"{HEAD}\ndef test_planted():\n    {act}\n")
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), *options]
    environ = {"PYTHONPATH": f"{TESTS}:{TESTS / 'support'}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [*line, str(tmp_path)], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("act", PLANTED.values(), ids=PLANTED)
def test_a_planted_leak_fails_the_run(tmp_path, act) -> None:
    ran = run(tmp_path, act)
    assert ran.returncode in (1, LEAKED), ran.stdout
    assert "holds a" in ran.stdout, ran.stdout
    assert "planted-Zq81xv" not in ran.stdout.replace("SECRET = ", ""), "the report repeats the secret"


@pytest.mark.slow
@pytest.mark.parametrize("act", INNOCENT.values(), ids=INNOCENT)
def test_a_clean_run_passes(tmp_path, act) -> None:
    ran = run(tmp_path, act)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
def test_workers_tell_the_one_who_started_them(tmp_path) -> None:
    """A leak that is found when a worker ends fails the whole run."""
    ran = run(tmp_path, PLANTED["an error before it was known"], "-p", "xdist", "-n", "1")
    assert ran.returncode == LEAKED, ran.stdout
    assert "LEAKED: the body of 500" in ran.stdout
