"""Libraries that open connections themselves, behind the walls: a real sandbox, the real proxy, a real TLS server."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from certificates import Authority
from pool_sandboxes import deployed

from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.runtime.egress.server import EgressServer
from holdfast.runtime.live import Permits
from holdfast.runtime.sandbox.users import uid_of

CODE = """
import asyncio, os, socket, ssl
import httpx, requests
from workers import Response

before = ssl.create_default_context()
os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = "/app/ca.pem"


async def on_fetch(request, env):
    url = f"https://site.test:{env.PORT}/"
    async with httpx.AsyncClient() as client:
        told = [(await client.get(url)).text, httpx.get(url).text, requests.get(url).text]
    try:
        requests.get("https://other.test/")
    except requests.ConnectionError as error:
        told.append(str(error))
    for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_NETLINK, socket.SOCK_RAW)):
        try:
            socket.socket(family, kind)
        except OSError as error:
            told.append(type(error).__name__)
    capath = ssl.get_default_verify_paths().capath
    told.append(before.cert_store_stats()["x509_ca"] + len(os.listdir(capath) if capath else ()))
    return Response.json(told)
"""


def test_libraries_reach_what_the_worker_may(short: Path, tmp_path: Path) -> None:
    authority = Authority()
    pair = authority.sign("site", host="site.test")
    (tmp_path / "site.pem").write_text(pair.key + pair.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "site.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\n" + head[:5])
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        folder = tmp_path / "caller"
        folder.mkdir()
        port = str(server.sockets[0].getsockname()[1])
        settings = {"name": "caller", "main": "main.py", "compatibility_date": "2026-01-01", "vars": {"PORT": port}}
        for name, text in {
            "wrangler.jsonc": json.dumps(settings), "main.py": CODE, "ca.pem": authority.pem,
            "pyproject.toml": '[project]\nname = "caller"\nversion = "1"\ndependencies = ["httpx", "requests"]\n',
        }.items():  # fmt: skip
            (folder / name).write_text(text)
        async with deployed(short, ("caller", folder)) as at:
            policy = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}), resolver=lambda host, port: ["127.0.0.1"])
            egress = EgressServer(short / "r", policy, lambda token: uid_of(short / "data", token))
            await egress.apply([replace(at.versions["caller"], permits=Permits(network=("site.test",)))])
            try:
                status, told = await at.ask("caller")
            finally:
                await egress.close()
                server.close()
        if status != 200:
            pytest.fail(str(told))
        *told, trusted = told
        assert told[:3] == ["GET /"] * 3
        assert "other.test is not among the hosts that this worker may reach" in told[3]
        assert told[4:] == ["PermissionError", "PermissionError"]
        assert trusted > 10

    asyncio.run(work())
