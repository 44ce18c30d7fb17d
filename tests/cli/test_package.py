"""What is released: both packages carry the dashboard as it was built, and nothing of its sources."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from holdfast.web.bundle import SHIPPED, Bundle

ROOT = Path(__file__).parents[2]
FOLDER = "holdfast/web/pages/ui/"


@pytest.mark.slow
def test_wheel_and_sdist_carry_the_built_dashboard(tmp_path: Path) -> None:
    assert Bundle().is_built, "the dashboard is not built: make ui"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "package.py"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,), (source,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as opened:
        inside_sdist = {name.partition("/src/")[2] for name in opened.getnames()}
    names = {"wheel": set(zipfile.ZipFile(wheel).namelist()), "sdist": inside_sdist}
    built = {each.relative_to(SHIPPED).as_posix() for each in SHIPPED.rglob("*") if each.is_file()} - {".stamp"}
    assert any(name.endswith(".br") for name in built)
    for kind, inside in names.items():
        assert {name.removeprefix(FOLDER) for name in inside if name.startswith(FOLDER) and name[-1] != "/"} >= built, (
            kind
        )
        assert not [name for name in inside if "node_modules" in name or name.endswith((".tsx", ".stamp"))], kind
    assert zipfile.ZipFile(wheel).read(FOLDER + "index.html") == (SHIPPED / "index.html").read_bytes()


def test_every_asset_of_the_build_is_kept_for_ever() -> None:
    """A name without a hash would be asked for again at every visit, or never again after a change."""
    assert Bundle().is_built, "the dashboard is not built: make ui"
    for path in (SHIPPED / "assets").iterdir():
        if path.suffix not in (".br", ".gz"):
            answer = Bundle().answer(f"assets/{path.name}", Headers({}))
            assert answer is not None, path
            assert "immutable" in answer.headers["cache-control"], path
            assert answer.headers["content-type"] != "application/octet-stream", path
