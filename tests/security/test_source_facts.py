"""What the whole source does not do: run text as code, start a shell, parse XML, guess at random, hash weakly."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from holdfast.features.access.factors import recovery

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "holdfast"
PAGES = SRC / "web" / "pages"


@cache
def trees() -> tuple[tuple[str, ast.AST], ...]:
    return tuple((str(path.relative_to(SRC)), ast.parse(path.read_text())) for path in sorted(SRC.rglob("*.py")))


@cache
def calls() -> tuple[tuple[str, str, ast.Call], ...]:
    """File, dotted name, call."""
    return tuple(
        (path, ast.unparse(node.func), node)
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    )


def imported() -> dict[str, set[str]]:
    """Top-level module -> files that import it."""
    found: dict[str, set[str]] = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            for name in names:
                found.setdefault(name, set()).add(path)
    return found


def test_no_text_becomes_code() -> None:
    bad = {"eval", "exec", "compile", "__import__", "builtins.eval", "os.popen", "os.system"}
    bad |= {"marshal.load", "marshal.loads"}
    assert {(path, name) for path, name, _ in calls() if name in bad} == set()
    assert imported().keys() & {"pickle", "cPickle", "shelve", "dill", "jinja2", "yaml", "mako.lookup"} == set()
    assert imported()["marshal"] == {"engines/sqlite/digest.py"}  # it writes with it, and reads nothing


def test_no_shell_is_started() -> None:
    shells = {
        (path, name)
        for path, name, call in calls()
        for word in call.keywords
        if word.arg == "shell" and "completion" not in name  # which shell a completion script is for
        if not (isinstance(word.value, ast.Constant) and word.value.value is False)
    }
    assert shells == set()
    assert {path for path, name, _ in calls() if name.endswith("create_subprocess_shell")} == set()


def test_mail_leaves_from_one_place() -> None:
    """Which keeps line breaks out of what it sends:
    tests/alerts/test_alert_mail.py::test_no_name_adds_a_header_a_recipient_or_a_tag."""
    assert {path for name, paths in imported().items() if name == "smtplib" for path in paths} == {
        "features/alerts/smtp.py"
    }


def test_no_xml_ldap_graphql_or_template_is_read() -> None:
    found = imported()
    for name in (
        "xml",
        "lxml",
        "xmltodict",
        "defusedxml",
        "ldap",
        "ldap3",
        "graphql",
        "strawberry",
        "pymemcache",
    ):
        assert not [each for each in found if each == name or each.startswith(name + ".")], name


def test_what_cannot_be_guessed_comes_from_the_system() -> None:
    """`secrets` and `os.urandom`. `random` makes the demo's data and nothing else; ids are no secrets."""
    allowed = (
        "commands/demo/",
        "contract/",
        "kernel/ids.py",
        "jobs/",
        "hosts/",
        "kernel/wake.py",
        "engines/",
        "vault/stores/",
        "vault/subset.py",  # which packs a check reads
    )
    guessed = {path for path in imported().get("random", set()) if not path.startswith(allowed)}
    assert guessed == set()
    for part in ("features/access", "features/secrets", "kernel/crypto.py", "kernel/secrets.py"):
        for path in (SRC / part).rglob("*.py") if (SRC / part).is_dir() else [SRC / part]:
            assert not re.search(r"\buuid[134]?\(|\brandom\.(random|randint|choice)\(", path.read_text()), path


def test_hashes_are_of_the_sha_2_and_blake_2_families() -> None:
    """MD5 and SHA-1 appear only where somebody else's format is, and say that it is no protection."""
    weak = {
        (path, ast.unparse(call))
        for path, name, call in calls()
        if re.search(r"(^|\.)(md5|sha1|SHA1|MD5|new)$", name) and name.startswith(("hashlib", "hashes"))
    }
    assert {each for each in weak if "usedforsecurity=False" not in each[1]} == set()


def test_ciphers_authenticate() -> None:
    """AES-GCM of our own; restic's format is AES-CTR with Poly1305-AES, checked before it is opened, whose one-time key
    is one block under AES alone (that is ECB of a single block, and the only one); no CBC; PKCS#1 v1.5 only signs what
    Google's token service takes as RS256 alone."""
    text = {path: (SRC / path).read_text() for path, _ in trees()}
    old = re.compile(r"modes\.(CBC|CFB|OFB)|\bARC4\b|TripleDES")
    assert {path for path, source in text.items() if old.search(source)} == set()
    assert {path for path, source in text.items() if "PKCS1v15" in source} == {"formats/service_jwt.py"}
    assert "decrypt" not in text["formats/service_jwt.py"]
    assert {path for path, source in text.items() if "modes.ECB" in source} == {"formats/restic/sealing.py"}
    ctr = {path for path, source in text.items() if "modes.CTR" in source}
    assert all(path.startswith("formats/restic/") for path in ctr), ctr


def test_tls_is_never_left_unchecked() -> None:
    for path, name, call in calls():
        for word in call.keywords:
            if word.arg in ("verify", "check_hostname", "verify_ssl") and isinstance(word.value, ast.Constant):
                assert word.value.value is not False, (path, name)
        assert not name.endswith(("_create_unverified_context", "disable_warnings")), path
    # An operator may say "require" of a server of their own: encrypted, not verified, and warned of (libpq's word).
    said = {path for path, _ in trees() if "CERT_NONE" in (SRC / path).read_text()}
    assert said == {"hosts/external/tls.py"}
    assert (SRC / "hosts/external/tls.py").read_text().count('CERT_NONE if tls.mode == "require"') == 1


def test_no_debug_mode_and_no_cross_origin_sharing() -> None:
    for path, name, call in calls():
        given = {word.arg: word.value for word in call.keywords}
        assert not (isinstance(given.get("debug"), ast.Constant) and given["debug"].value is True), (path, name)
        assert name != "CORSMiddleware", path
    ours = [path for path, _ in trees() if "runtime/edge/" not in str(path)]  # workers share with whom their owner says
    assert not any("access-control-allow-origin" in (SRC / path).read_text().lower() for path in ours)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.js")), ids=lambda page: page.name)
def test_scripts_write_text_and_keep_nothing(page) -> None:
    """`textContent` only: what a server answers is never markup; nothing is stored in the browser."""
    script = page.read_text()
    for bad in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "localStorage",
    ):
        assert bad not in script, bad
    written = [line for line in script.splitlines() if re.search(r"\w\[[^\]'\"]+\]\s*=[^=]", line)]
    assert all(re.search(r"for \(const \w+ of \[\"", line) for line in written), "a name from elsewhere is written to"
    for bad in (
        "__proto__",
        "Object.assign",
        "sessionStorage",
        "indexedDB",
        "document.cookie",
        "postMessage",
        "document.domain",
        "window.name",
    ):
        assert bad not in script, bad


def test_every_dependency_is_pinned_by_its_hash() -> None:
    """The lock files are the inventory: one version and its hashes per package, installed with --require-hashes."""
    assert "--require-hashes" in (ROOT / "Makefile").read_text()
    for name in ("runtime.lock", "dev.lock"):
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        packages = [number for number, line in enumerate(lines) if re.match(r"^[a-z0-9]", line)]
        assert len(packages) > 20
        for start, end in zip(packages, [*packages[1:], len(lines)], strict=True):
            assert "==" in lines[start], lines[start]
            assert any("--hash=sha256:" in line for line in lines[start:end]), lines[start]


def test_packages_hold_no_tests_and_no_repository() -> None:
    """What is installed is `src/holdfast`: no test, no source-control folder, no note of ours."""
    text = (ROOT / "pyproject.toml").read_text()
    assert 'where = ["src"]' in text
    assert not list(SRC.rglob("test_*.py"))
    assert not list((ROOT / "src").rglob(".git"))


def test_recovery_codes_have_enough_bits_for_a_plain_hash() -> None:
    """112 at least, or they would have to be hashed slowly (ASVS 6.5.2)."""
    made = {recovery._new() for _ in range(200)}
    assert len(made) == 200
    letters = {len(code.replace("-", "")) for code in made}
    assert min(letters) * 5 >= 112
    assert len(set("".join(made)) - {"-"}) == 32
