"""Wake-ups between processes."""

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdfast.kernel.errors import NeedsOperator
from holdfast.kernel.wake import Wake


@pytest.fixture
def short(tmp_path_factory):
    """A short directory: pytest's own paths may be longer than a socket's path."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="hf") as made:
        yield Path(made)


def test_every_listener_hears_every_topic(short: Path) -> None:
    wake = Wake(short)
    with wake.listen("a") as first, wake.listen("a") as second:
        wake.notify("runs")
        wake.notify("run:run_1")
        assert first.wait(30) == {"runs", "run:run_1"}
        assert second.wait(30) == {"runs", "run:run_1"}
        assert first.wait(0.01) == set()
    assert list((short / "wake").iterdir()) == []
    wake.close()


def test_a_wait_ends_as_soon_as_another_process_notifies(short: Path) -> None:
    wake = Wake(short)
    code = "import sys; from pathlib import Path; from holdfast.kernel.wake import Wake; "
    code += "Wake(Path(sys.argv[1])).notify('x')"
    with wake.listen("a") as ear:
        started = time.monotonic()
        child = subprocess.Popen([sys.executable, "-c", code, str(short)])
        assert ear.wait(120) == {"x"}
        assert time.monotonic() - started < 100
        assert child.wait(60) == 0


def test_coroutines_hear_too(short: Path) -> None:
    wake = Wake(short)

    async def main() -> list[str]:
        heard = []
        with wake.listen("a") as ear:
            asyncio.get_running_loop().call_later(0.05, wake.notify, "one")
            asyncio.get_running_loop().call_later(0.1, wake.notify, "two")
            async for topic in ear:
                heard.append(topic)
                if len(heard) == 2:
                    return heard
        return heard

    assert asyncio.run(asyncio.wait_for(main(), 60)) == ["one", "two"]


def test_the_socket_of_a_killed_process_is_cleaned_away(short: Path) -> None:
    wake = Wake(short)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(short / "wake" / "dead.1.x"))
    dead.close()
    (short / "wake" / "note.txt").write_text("not a socket")
    with wake.listen("a") as ear:
        wake.notify("x")
        assert ear.wait(30) == {"x"}
        assert not (short / "wake" / "dead.1.x").exists()
        assert (short / "wake" / "note.txt").exists()


def test_a_listener_that_never_reads_holds_nobody_up(short: Path) -> None:
    wake = Wake(short)
    with wake.listen("deaf"), wake.listen("a") as ear:
        started = time.monotonic()
        for _ in range(5000):
            wake.notify("x")
        assert time.monotonic() - started < 60
        assert ear.wait(30) == {"x"}


def test_a_path_too_long_for_a_socket_says_what_to_do(short: Path) -> None:
    wake = Wake(short / ("d" * 90))
    with pytest.raises(NeedsOperator, match="107") as raised:
        wake.listen("a")
    assert "HOLDFAST_RUNTIME" in (raised.value.hint or "")
