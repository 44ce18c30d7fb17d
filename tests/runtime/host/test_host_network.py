"""Libraries that open connections themselves, unchanged: through the real egress process's server, to real servers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outside import WORKER, Outside, Worker

Start = Callable[..., Any]


def pages(told: list[str]) -> list[str]:
    """Without the port that the server saw."""
    return [page.rpartition(" ")[0] for page in told]


def test_httpx_without_and_with_an_event_loop(worker: Worker) -> None:
    told = worker.run("""
        import httpx
        told = []
        with httpx.Client() as client:
            for base in (plain, secure):
                told += [client.get(base + "/sync").text, client.get(base + "/again").text]
            told.append(client.post(secure, content=b"x" * 300_000).text + " ")
        async with httpx.AsyncClient() as client:
            for base in (plain, secure):
                told += [(await client.get(base + "/async")).text, (await client.get(base + "/again")).text]
            told.append((await client.post(secure, content=b"x" * 300_000)).text + " ")
    """)
    both = ["site.test /{}", "site.test /again"] * 2
    wanted = [*(each.format("sync") for each in both), "300000", *(each.format("async") for each in both), "300000"]
    assert pages(told) == wanted
    for first, second in ((0, 1), (2, 3), (5, 6), (7, 8)):
        ends = told[first].rpartition(" ")[2], told[second].rpartition(" ")[2]
        assert ends[0] == ends[1], "the second request did not go over the connection of the first"


def test_urllib_requests_and_http_client(worker: Worker) -> None:
    told = worker.run("""
        import http.client, os, ssl, urllib.request, requests
        told = []
        for base in (plain, secure):
            with urllib.request.urlopen(base + "/urllib") as answer:
                told.append(answer.read().decode())
            with requests.Session() as session:
                told += [session.get(base + "/requests").text, session.get(base + "/requests").text]
        line = http.client.HTTPSConnection(site, ports[1], context=ssl.create_default_context(), timeout=5)
        line.request("GET", "/client")
        told.append(line.getresponse().read().decode())
        line.close()
        if not (child := os.fork()):
            try:
                os._exit(urllib.request.urlopen(plain).status - 200)
            finally:
                os._exit(1)
        told.append(f"child {os.waitpid(child, 0)[1]}")
    """)
    assert told.pop() == "child 0", "a process that is forked"
    once = ["site.test /urllib", "site.test /requests", "site.test /requests"]
    assert pages(told) == [*once, *once, "site.test /client"]


def test_what_is_refused_or_fails_says_so_in_the_proxys_words(worker: Worker) -> None:
    told = worker.run("""
        import asyncio, httpx, requests, socket, urllib.request
        told = {}
        async def tried(name, work):
            try:
                found = work()
                told[name] = str(await found if hasattr(found, "__await__") else found)
            except Exception as error:
                told[name] = f"{[kind.__name__ for kind in type(error).__mro__]} {error}"
        for host in ("other.test", "down.nowhere.test"):
            base = f"http://{host}:{ports[0]}/"
            await tried("requests " + host, lambda: requests.get(base))
            await tried("urllib " + host, lambda: urllib.request.urlopen(base))
            await tried("httpx " + host, lambda: httpx.get(base))
            async with httpx.AsyncClient() as client:
                await tried("async httpx " + host, lambda: client.get(base))
            await tried("socket " + host, lambda: socket.create_connection((host, ports[0])))
            await tried("streams " + host, lambda: asyncio.open_connection(host, ports[0]))
        await tried("closed", lambda: socket.create_connection((site, 1)))
        await tried("closed streams", lambda: asyncio.open_connection(site, 1))
        await tried("inside", lambda: socket.create_connection(("169.254.169.254", 80)))
        await tried("wrong name", lambda: httpx.get(f"https://127.0.0.1:{ports[1]}/"))
    """)
    for name, said in told.items():
        if name.startswith("async httpx"):
            assert "ConnectError" in said
        elif "other.test" in name or name == "inside":
            assert "not among the hosts that this worker may reach" in said, (name, said)
            assert "(not_permitted)" in said
        elif "nowhere" in name:
            assert "(host_unresolved)" in said, (name, said)
    assert "PermissionError" in told["socket other.test"]
    assert "PermissionError" in told["streams other.test"]
    logged = [text for _, text in worker.host.logs() if text.startswith("[Errno 13] other.test:")]
    assert len(logged) == 6, "anyio says no more than that its attempts failed: the worker's log has the reason"
    assert "gaierror" in told["socket down.nowhere.test"]
    assert "'ConnectionRefusedError'" in told["closed"]
    assert "'ConnectionRefusedError'" in told["closed streams"]
    assert "(port_closed)" in told["closed"]
    assert "CERTIFICATE_VERIFY_FAILED" in told["wrong name"]


def test_timeouts(worker: Worker) -> None:
    told = worker.run("""
        import asyncio, httpx, requests, time
        told = []
        async def slow(work):
            began = time.monotonic()
            try:
                found = work()
                await found if hasattr(found, "__await__") else found
            except Exception as error:
                told.append([type(error).__name__, time.monotonic() - began < 1])
        await slow(lambda: httpx.get(plain + "/slow", timeout=0.2))
        await slow(lambda: requests.get(secure + "/slow", timeout=0.2))
        async with httpx.AsyncClient(timeout=0.2) as client:
            await slow(lambda: client.get(secure + "/slow"))
        await slow(lambda: asyncio.wait_for(asyncio.to_thread(requests.get, plain + "/slow"), 0.2))
    """)
    assert told == [["ReadTimeout", True], ["ReadTimeout", True], ["ReadTimeout", True], ["TimeoutError", True]]


def test_a_proxy_that_does_not_answer_or_is_not_there(start: Start, outside: Outside) -> None:
    """Its queue full, too: the kernel refuses the third connection at once, and it is tried again."""
    path = Path(outside.path).with_name("silent")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen(1)
        told = Worker(start(WORKER, egress=str(path)), outside).run("""
            import asyncio, httpx, os, requests, socket
            told, before = [], len(os.listdir("/proc/self/fd"))
            async def tried(work):
                try:
                    found = work()
                    await found if hasattr(found, "__await__") else found
                except Exception as error:
                    told.append(type(error).__name__)
            for _ in range(2):
                await tried(lambda: socket.create_connection((site, 80), timeout=0.1))
                await tried(lambda: requests.get(plain, timeout=0.1))
                await tried(lambda: asyncio.wait_for(asyncio.open_connection(site, 80), 0.1))
                async with httpx.AsyncClient(timeout=0.1) as client:
                    await tried(lambda: client.get(plain))
            told.append(len(os.listdir("/proc/self/fd")) - before)
        """)
    path.unlink()
    assert told == ["TimeoutError", "ConnectTimeout", "TimeoutError", "ConnectTimeout"] * 2 + [0]
    told = Worker(start(WORKER, egress=str(path)), outside).run("""
        import socket
        try:
            told = str(socket.create_connection((site, 80)))
        except ConnectionRefusedError as error:
            told = str(error)
    """)
    assert "site.test:80 cannot be reached: this worker has no way out now" in told


def test_fifty_at_once(worker: Worker) -> None:
    told = worker.run("""
        import asyncio, httpx
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=50)) as client:
            urls = [f"{secure if number % 2 else plain}/{number}" for number in range(50)]
            told = [answer.text for answer in await asyncio.gather(*map(client.get, urls))]
    """)
    assert pages(told) == [f"site.test /{number}" for number in range(50)]


def test_clients_with_a_loop_or_threads_of_their_own(worker: Worker) -> None:
    """What aiohttp does (resolve, `sock_connect`, `create_connection(sock=...)`), what drivers of databases do (a TLS
    upgrade later), what a synchronous application does (`asyncio.run` in a thread), and TLS around an open socket."""
    told = worker.run("""
        import asyncio, httpx, socket, ssl
        told = []
        ask = b"GET /%b HTTP/1.1\\r\\nhost: site.test\\r\\nconnection: close\\r\\n\\r\\n"
        loop, trust = asyncio.get_running_loop(), ssl.create_default_context()
        async def over(reader, writer, path):
            writer.write(ask % path)
            told.append((await reader.read()).decode().rpartition("\\n")[2])
            writer.close()
        for tls, port in ((None, ports[0]), (trust, ports[1])):
            found = await loop.getaddrinfo(site, port, type=socket.SOCK_STREAM)
            family, kind, proto, _, address = found[0]
            line = socket.socket(family, kind, proto)
            line.setblocking(False)
            await loop.sock_connect(line, address)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = site if tls else None
            await over(*await asyncio.open_connection(sock=line, ssl=tls, server_hostname=name), b"sock")
        reader, writer = await asyncio.open_connection(site, ports[1])
        await writer.start_tls(trust, server_hostname=site)
        told.append(writer.get_extra_info("peername")[1] == ports[1])
        await over(reader, writer, b"upgraded")
        await over(*await asyncio.open_connection(site, ports[1], ssl=trust), b"streams")
        async def other():
            async with httpx.AsyncClient() as client:
                return (await client.get(secure + "/thread")).text
        told.append(await asyncio.to_thread(asyncio.run, other()))
        with trust.wrap_socket(socket.socket(), server_hostname=site) as line:
            line.settimeout(5)
            line.connect((site, ports[1]))
            line.sendall(ask % b"wrapped")
            told.append(b"".join(iter(lambda: line.recv(4096), b"")).decode().rpartition("\\n")[2])
    """)
    assert told.pop(2) is True
    assert pages(told) == [
        f"site.test /{path}" for path in ("sock", "sock", "upgraded", "streams", "thread", "wrapped")
    ]


def test_a_socket_is_like_any_other(worker: Worker) -> None:
    told = worker.run("""
        import socket
        told = {}
        address = (socket.gethostbyname(site), ports[0])
        with socket.socket(socket.AF_INET6) as line:
            told["refused"] = line.connect_ex((socket.gethostbyname("other.test"), 80))
            try:
                line.getpeername()
            except OSError as error:
                told["no peer"] = type(error).__name__
        with socket.create_connection((site, ports[0]), timeout=5) as line:
            told["peer"] = line.getpeername() == address
            told["name"] = socket.gethostbyaddr(address[0])[0]
            told["family"] = [line.family.name, line.dup().family.name, line.getsockname()[1]]
            told["timeout"] = line.gettimeout()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            told["option"] = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            try:
                line.connect(address)
            except OSError as error:
                told["twice"] = error.errno
            with line.makefile("rwb") as file:
                file.write(b"GET /file HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
                file.flush()
                told["answer"] = file.readline().decode()
        for name, work in {
            "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "listen": lambda: socket.create_server(("127.0.0.1", 0)),
            "injected": lambda: socket.create_connection(("site.test:80 HTTP/1.1\\r\\nx: y", 80)),
            "forgotten": lambda: socket.create_connection(("250.1.2.3", 80)),
        }.items():
            try:
                told[name] = str(work())
            except OSError as error:
                told[name] = f"{type(error).__name__} {error}"
        one, two = socket.socketpair()
        one.sendall(b"pair")
        told["pair"] = [two.recv(9).decode(), two.family.name]
    """)
    assert told.pop("refused") == 13
    assert told.pop("twice") == 106
    assert told.pop("udp").startswith("PermissionError [Errno 13] workers have no UDP")
    assert told.pop("listen").startswith("PermissionError")
    assert told.pop("injected").startswith("gaierror")
    assert "look the name up again" in told.pop("forgotten")
    assert told == {
        "no peer": "OSError", "peer": True, "name": "site.test", "family": ["AF_INET", "AF_INET", 0],
        "timeout": 5, "option": 0, "answer": "HTTP/1.1 200 OK\r\n", "pair": ["pair", "AF_UNIX"],
    }  # fmt: skip


def test_certificates_are_trusted_whose_files_are_out_of_sight(worker: Worker) -> None:
    told = worker.run("""
        import os, ssl, urllib.request
        from holdfast.runtime.python.network import certificates
        certificates.remember()  # as a zygote does
        os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = "/nowhere"
        told = [urllib.request.urlopen(secure + "/trusted").read().decode()]
        certificates._kept.clear()
        try:
            urllib.request.urlopen(secure)
        except OSError as error:
            told.append(str(error))
    """)
    assert told[0].startswith("site.test /trusted")
    assert "CERTIFICATE_VERIFY_FAILED" in told[1]
