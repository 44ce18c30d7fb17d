"""Debian's Chromium, driven over its debugging pipe (Chrome DevTools Protocol): no driver program, no port.

Source: https://chromedevtools.github.io/devtools-protocol/ ; `--remote-debugging-pipe` reads requests from descriptor 3
and writes answers to 4, each JSON ended by a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, PROGRAMS)), None)
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")


class Page:
    """One tab. What the page says in its console, and every error, is in `errors`."""

    def __init__(self, into: int, out_of: int) -> None:
        self._into, self._out_of = into, out_of
        self._rest = b""
        self._last = 0
        self.errors: list[str] = []
        target = self.send("Target.createTarget", session=None, url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", session=None, targetId=target, flatten=True)
        self._session: str = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, session: str | None = "", **params: Any) -> dict[str, Any]:
        """One command of the protocol and its answer. Raises AssertionError with what the browser said."""
        self._last += 1
        asked: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session is not None:
            asked["sessionId"] = self._session
        os.write(self._into, json.dumps(asked).encode() + b"\0")
        while (heard := self._next()).get("id") != self._last:
            self._notice(heard)
        assert "error" not in heard, f"{method}: {heard}"
        result: dict[str, Any] = heard["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._out_of, 65536)
            assert read, "the browser ended"
            self._rest += read
        whole, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        return message

    def _notice(self, heard: dict[str, Any]) -> None:
        params = heard.get("params", {})
        if heard.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"].get("exception", params)))
        elif heard.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 60) -> Any:
        """Wait for an expression to become true. Raises AssertionError with the page's words.

        A page that is just being replaced has no document to ask, or half of one: that is "not yet".
        """
        end = time.monotonic() + seconds
        wrapped = f"(async () => {{ try {{ return await ({script}); }} catch (e) {{ return null; }} }})()"
        while not (found := self._if_there(wrapped)):
            assert time.monotonic() < end, (script, self.run("document.body.innerText"), self.errors)
            time.sleep(0.05)
        return found

    def _if_there(self, script: str) -> Any:
        try:
            return self.run(script)
        except AssertionError as error:
            if "context" in str(error) or "navigated" in str(error):
                return None
            raise

    def go(self, url: str) -> None:
        """Open a URL and wait for its load."""
        self.send("Page.navigate", url=url)
        self.until(
            f"location.href.startsWith({json.dumps(url.partition('#')[0])}) && document.readyState === 'complete'"
        )

    def type(self, selector: str, text: str) -> None:
        """Type as a person does: the field gets focus, the keys go to whatever has it."""
        self.until(
            f"(() => {{ const f = document.querySelector({json.dumps(selector)}); if (!f) return false; "
            "f.focus(); f.select(); return document.activeElement === f; })()"
        )
        self.send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """A real click in the middle of the element."""
        box = self.until(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null; "
            "const b = e.getBoundingClientRect(); return b.width ? [b.x + b.width / 2, b.y + b.height / 2] "
            ": null; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def shown(self, selector: str) -> bool:
        """Whether a person sees it."""
        return bool(self.run(f"!!document.querySelector({json.dumps(selector)})?.checkVisibility()"))

    def look(self, to: Path, *, width: int = 1280, height: int = 800, scheme: str = "light") -> Path:
        """A screenshot, for eyes."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        to.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))
        return to

    def authenticator(self) -> None:
        """A passkey device built into the browser that says yes to everything."""
        self.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
        self.send("WebAuthn.addVirtualAuthenticator", options=options)


def _pipe() -> tuple[int, int]:
    """Descriptors well above 3 and 4, so that neither is lost when the other is put there."""
    made = os.pipe()
    moved = tuple(fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 40) for each in made)
    for each in made:
        os.close(each)
    return moved[0], moved[1]


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A browser with an empty profile, ended with the block."""
    assert PROGRAM is not None, "Debian's chromium-headless-shell is missing: make system-parts"
    there, into = _pipe()
    out_of, back = _pipe()
    wired = f"import os, sys; os.dup2({there}, 3); os.dup2({back}, 4); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", wired, PROGRAM, *FLAGS, f"--user-data-dir={profile}"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, pass_fds=(there, back))
    os.close(there)
    os.close(back)
    try:
        yield Page(into, out_of)
    finally:
        process.terminate()
        process.wait(20)
        os.close(into)
        os.close(out_of)
