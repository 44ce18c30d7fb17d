"""URLs and what becomes of them: every trick known to reach the inside is refused, and ordinary URLs are called."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.kernel.errors import NeedsOperator
from holdfast.kernel.outbound import OutboundPolicy, Refused, allowance
from holdfast.kernel.outbound_addresses import inner_of, kind_of
from holdfast.kernel.outbound_url import target_of
from holdfast.kernel.settings import Settings

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
NAMES = {
    "example.com": PUBLIC,
    "xn--bcher-kva.example": PUBLIC[:1],
    "under_score.example": PUBLIC[:1],
    "localtest.example": ("127.0.0.1",),
    "mixed.example": (PUBLIC[0], "10.0.0.1"),
    "mixed6.example": (PUBLIC[1], "::1"),
    "metadata.google.internal": ("169.254.169.254",),
    "zone.example": ("fe80::1%eth0",),
    "garbage.example": ("not an address",),
    "many.example": PUBLIC[:1] * 65,
    "nat64.example": ("64:ff9b::7f00:1",),
    "intranet": ("10.1.2.3",),
    "127.0.0.1.nip.example": ("127.0.0.1",),
}


def words(text: str) -> list[str]:
    return text.split()


ALLOWED = words("""
https://example.com
https://example.com/
http://example.com:80/
HTTPS://EXAMPLE.COM/Path?q=1#fragment
https://example.com:8443/a/b;c?d=e&f=%20%0d%0a#g
https://example.com/?u=http://127.0.0.1/
https://example.com/@127.0.0.1/
https://example.com?@127.0.0.1
https://example.com#@127.0.0.1
https://bücher.example/
https://xn--bcher-kva.example/
https://under_score.example/
http://93.184.215.14/
http://8.8.8.8:8080/
http://1.1.1.1/
http://11.0.0.1/
http://100.63.255.255/
http://100.128.0.0/
http://172.15.255.255/
http://172.32.0.0/
http://192.169.0.1/
http://198.17.255.255/
http://198.20.0.0/
http://223.255.255.255/
https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/
https://[2606:2800:21F:CB07:6820:80DA:AF6B:8B2C]:8443/x
https://[2a00:1450:4001:80b::200e]/
""")

REFUSED = words("""
127.0.0.1 127.0.0.1:80 127.1 127.0.1 127.255.255.254 0 0.0.0.0 0.0.0.0:7700 2130706433 017700000001 0x7f000001
0x7f.1 0x7f.0.0.1 0x7F.0.0.1 0X7F000001 0177.0.0.1 0177.1 00000177.0.0.1 127.0.0.01 127.00.0.1 127.0.0.1. 127.0.0.1..
0x 0x. 1.0x 256.256.256.256 1.2.3.4.5 1.2.3 1.2.3.256 1.2.3.-4 4294967296 99999999999 0xffffffffff
127.0.0.1%00.example.com 127.0.0.1%2eexample.com 127%2e0%2e0%2e1 %31%32%37.0.0.1 example.com%00 example.com%0d
127。0。0。1 127．0．0．1 127｡0｡0｡1 １２７.0.0.1 127.0.0.１ ①②⑦.0.0.1 ⑯⑨。②⑤④。⑯⑨｡②⑤④ ٣.٣.٣.٣ १२७.0.0.1
ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ loc\u00adalhost local\u200bhost ⓔxample.com ℡.example ﬁ.example ex\u0430mple\u2024com
localhost localhost. LOCALHOST LocalHost:7700 a.localhost foo.bar.localhost localhost.localhost
localtest.example mixed.example mixed6.example metadata.google.internal zone.example garbage.example many.example
nat64.example intranet 127.0.0.1.nip.example
10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 100.64.0.1 100.127.255.255
169.254.0.1 169.254.169.254 169.254.169.254:80 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192
2852039166 0xa9fea9fe 0251.0376.0251.0376 169.16689662 0xA9.0xFE.0xA9.0xFE 025177524776
192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.255 240.0.0.1 254.255.255.255 255.255.255.255
[::] [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::1]:7700 [::0001] [0::1]
[::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:8.8.8.8] [::ffff:10.0.0.1]
[::127.0.0.1] [::7f00:1] [::8.8.8.8] [::ffff:0:127.0.0.1] [::ffff:0:7f00:1]
[64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::8.8.8.8] [64:ff9b::a9fe:a9fe] [64:ff9b:1::1] [64:ff9b:1:ffff::7f00:1]
[2002:7f00:1::] [2002:7f00:0001::1] [2002:a9fe:a9fe::] [2002:0a00:0001::1] [2002:808:808::1]
[2001::1] [2001:0:0:0:0:0:80ff:fffe] [2001:0:4136:e378:8000:63bf:80ff:fffe] [2001:2::1] [2001:10::1] [2001:20::1]
[2001:db8::1] [3fff::1] [3fff:fff::1] [5f00::1] [100::1] [100:0:0:1::1]
[fc00::1] [fd00::1] [fdff:ffff::1] [fd00:ec2::254] [fd00:ec2::23] [fd20:ce::254] [fd00:42::42]
[fe80::1] [febf::1] [fec0::1] [feff::1] [ff02::1] [ff0e::1] [ffff::1] [4000::1] [8000::1] [1::1] [200::1]
[fe80::1%eth0] [fe80::1%25eth0] [::1%lo] [::1%25lo] [2606:2800:21f:cb07:6820:80da:af6b:8b2c%251]
[2606:2800:21f:cb07:0:5efe:7f00:1] [2606:2800:21f:cb07:200:5efe:127.0.0.1] [fe80::5efe:10.0.0.1]
[] [:] [::1 ::1] ::1 ::1:80 [::1]x [::1]:x [v1.x] [1.2.3.4] [::g] [::1]80 [[::1]] [:::1] [1:2:3:4:5:6:7:8:9]
user@example.com user:pass@example.com @example.com :@example.com example.com@127.0.0.1 example.com:80@127.0.0.1
127.0.0.1@example.com example.com%40127.0.0.1 a:b:c@example.com
example.com:0 example.com:65536 example.com:99999 example.com:-1 example.com:+80 example.com:8０ example.com:80:80
example.com: example.com:x example.com:0x50 example.com:８０
-example.com example-.com example..com .example.com example.com. a.-b.example *.example.com exa$mple.com exa,mple.com
xn--.example xn--a.example xn--a-.example xn--0.example xn--ls8h.example xn--iñvalid.example
exa<mple.com exa>mple.com exa^mple.com exa|mple.com exa`mple.com "example.com" exa{mple}.com exa(mple.com
""")
RAW = (
    "",
    " ",
    "/",
    "//example.com/",
    "example.com",
    "http:",
    "http:/",
    "http://",
    "http:///",
    "http:////example.com",
    "http:example.com",
    "http:/example.com",
    "https:///example.com",
    "http://?",
    "http://#",
    "http:///etc/passwd",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "dict://example.com:11211/",
    "data:,x",
    "javascript:alert(1)",
    "ws://example.com/",
    "wss://example.com/",
    "unix:///run/holdfast/admin.sock",
    "http+unix://%2Frun%2Fadmin.sock/",
    "ldap://example.com/",
    "jar:http://example.com!/",
    "blob:https://example.com/x",
    "ht tp://example.com/",
    " http://example.com/",
    "http://example.com/ ",
    "http://exa mple.com/",
    "\thttp://example.com/",
    "http://example.com/\n",
    "http://exam\nple.com/",
    "http://exam\tple.com/",
    "http://example.com/\r\nHost: 127.0.0.1",
    "http://example.com\r\n/",
    "http://example.com/\x00",
    "http://\x00/",
    "http://example.com\x00.127.0.0.1/",
    "http://example.com/\x7f",
    "http://example.com/\x1f",
    "http://127.0.0.1\x0b/",
    "http:\\\\example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http:/\\example.com",
    "http://example.com\\.127.0.0.1/",
    "http://example.com/\\..\\",
    "\\\\127.0.0.1\\share",
    "http:\\127.0.0.1",
    "http://example.com&@127.0.0.1/",
    "http://127.0.0.1#@example.com/",
    "http://127.0.0.1?@example.com/",
    "http://127.0.0.1/@example.com",
    "http://127.0.0.1;example.com/",
    "http://example.com,127.0.0.1/",
    "http://exa\u2044mple.com/",
    "http://example.com\u2044@127.0.0.1/",
    "http://example.com\uff0f@127.0.0.1/",
    "http://example\uff0ecom\uff0f/",
    "http://\u202eexample.com/",
    "http://exam\u0301ple\u3002com/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 127 + "example/",
    "http://example.com/" + "a" * 9000,
    "http://[::1",
    "http://::1]/",
    "http://[127.0.0.1]/",
    "http://[example.com]/",
    "http://[::1].example.com/",
    "http://[::ffff:127.0.0.1.]/",
    "http://[0x7f.1]/",
    "http://[::127.1]/",
    "http://[::ffff:0177.0.0.1]/",
)


def policy(**wanted: object) -> OutboundPolicy:
    def resolve(host: str, _port: int) -> tuple[str, ...]:
        if host not in NAMES:
            raise OSError(f"{host} was not expected to be looked up")
        return NAMES[host]

    return OutboundPolicy(resolver=resolve, **wanted)  # type: ignore[arg-type]


def called(url: str, rules: OutboundPolicy) -> list[str]:
    """The addresses that would be connected to."""
    target = target_of(url)
    rules.check(target)
    return rules.addresses(target.host, target.port)


@pytest.mark.parametrize("url", ALLOWED)
def test_an_ordinary_url_is_called(url: str) -> None:
    assert called(url, policy())


HOSTS = [host.encode().decode("unicode_escape") if "\\u" in host else host for host in REFUSED]


@pytest.mark.parametrize("url", [*(f"http://{host}/" for host in HOSTS), *RAW])
def test_a_trick_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        called(url, policy())
    with pytest.raises(Refused):
        called(url.replace("http:", "https:", 1), policy())


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(set(HOSTS) | set(RAW)) > 300
    assert len(set(HOSTS)) == len(HOSTS)


RANGES = words("""0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16
fc00::/7 fe80::/10 fec0::/10 ff00::/8""")


@pytest.mark.parametrize("text", RANGES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_address_of_a_special_range_is_public(text: str, data: st.DataObject) -> None:
    network = ip_network(text)
    first, last = int(network.network_address), int(network.broadcast_address)
    for number in (first, last, data.draw(st.integers(first, last))):
        address = ip_address(number) if network.version == 4 else type(network.network_address)(number)
        assert kind_of(address) is not None
        for each in forms(str(address)):
            with pytest.raises(Refused):
                called(each, policy())


def forms(address: str) -> list[str]:
    """An address as people write it who want it called."""
    if ":" in address:
        return [f"http://[{address}]/", f"http://[{ip_address(address).exploded}]:8080/"]
    a, b, c, d = (int(part) for part in address.split("."))
    number = int(ip_address(address))
    mapped = f"[::ffff:{address}]"
    hosts = [address, str(number), hex(number), oct(number).replace("o", ""), f"{a}.{(b << 16) | (c << 8) | d}"]
    hosts += [f"{a}.{b}.{(c << 8) | d}", f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", mapped]
    hosts += [f"[64:ff9b::{address}]", f"[::{address}]", f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]"]
    return [f"http://{host}/" for host in hosts]


STRICTER = ("192.0.0.0/24", "192.88.99.0/24")  # protocol assignments and 6to4 relays: of no use to anyone here


@settings(max_examples=400, deadline=None)
@given(number=st.integers(0, 2**32 - 1))
@example(number=int(ip_address("192.0.0.8")))
@example(number=int(ip_address("192.88.99.1")))
@example(number=int(ip_address("168.63.129.16")))
def test_whatever_we_call_public_the_registry_does_too(number: int) -> None:
    address = ip_address(number)
    if kind_of(address) is None:
        assert address.is_global
        assert not address.is_multicast
    elif address.is_global and not address.is_multicast:
        assert str(address) == "168.63.129.16" or any(address in ip_network(each) for each in STRICTER)


@settings(max_examples=600, deadline=None)
@given(number=st.integers(0, 2**128 - 1) | st.integers(2**125, 2**125 + 2**124))
def test_only_global_unicast_ipv6_is_public(number: int) -> None:
    address = type(ip_address("::"))(number)
    if kind_of(address) is None:
        assert address in ip_network("2000::/3")
        assert inner_of(address) is None


@settings(max_examples=500, deadline=None)
@given(url=st.text(max_size=60) | st.builds("http://{}/{}".format, st.text(max_size=30), st.text(max_size=10)))
def test_any_text_is_read_or_refused(url: str) -> None:
    """Never another error; what is read has a plain host."""
    try:
        target = target_of(url)
    except Refused:
        return
    assert target.host.isascii()
    assert target.scheme in ("http", "https")
    assert 0 < target.port < 65536


@pytest.mark.parametrize(
    ("entry", "url", "reaches"),
    [
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://intranet/", True),
        ("10.0.0.0/8", "http://mixed.example/", True),
        ("10.0.0.0/8", "http://192.168.0.1/", False),
        ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/", False),
        ("10.0.0.0/8", "http://[64:ff9b::a00:1]/", False),
        ("intranet:80", "http://intranet/", True),
        ("intranet:80", "http://intranet:81/", False),
        ("intranet:80", "http://10.1.2.3/", False),
        ("10.1.2.3:80", "http://intranet/", False),
        ("10.1.2.3:80", "http://10.1.2.3/", True),
        ("127.0.0.1:5556", "http://127.0.0.1:5556/", True),
        ("127.0.0.1:5556", "http://localtest.example:5556/", False),
        ("localtest.example:80", "http://localtest.example/", False),  # a name's owner must not choose our loopback
        ("[fd00::5]:443", "https://[fd00::5]/", True),
        ("[fd00:0:0::5]:443", "https://[fd00::5]/", True),
        ("169.254.0.0/16", "http://169.254.1.1/", True),
        ("169.254.0.0/16", "http://169.254.169.254/", False),
        ("169.254.169.254:80", "http://169.254.169.254/", False),
        ("metadata.google.internal:80", "http://metadata.google.internal/", False),
        ("0.0.0.0/0", "http://0.0.0.0/", False),
        ("0.0.0.0/0", "http://224.0.0.1/", False),
        ("0.0.0.0/0", "http://255.255.255.255/", False),
        ("0.0.0.0/0", "http://100.100.100.200/", False),
        ("::/0", "http://[fd00:ec2::254]/", False),
        ("::/0", "http://[::ffff:169.254.169.254]/", False),
        ("::/0", "http://[64:ff9b::a9fe:a9fe]/", False),
        ("::/0", "http://[64:ff9b::7f00:1]/", False),
        ("64:ff9b::/96", "http://[64:ff9b::808:808]/", True),
        ("64:ff9b::/96", "http://[64:ff9b::a00:1]/", False),
        ("64:ff9b::/96", "http://nat64.example/", False),
    ],
)
def test_what_an_operator_opens(entry: str, url: str, *, reaches: bool) -> None:
    rules = policy(allow_private=frozenset({allowance(entry)}))
    if reaches:
        assert called(url, rules)
    else:
        with pytest.raises(Refused):
            called(url, rules)


@pytest.mark.parametrize(
    "text", ["", "intranet", "intranet:", ":80", "10.0.0.1/8", "intranet:0", "intranet:x", "a:70000"]
)
def test_an_entry_that_means_nothing_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        allowance(text)


def test_our_own_names_and_ports() -> None:
    rules = policy(own_names=frozenset({"example.com"}))
    with pytest.raises(Refused) as refused:
        called("https://EXAMPLE.com/", rules)
    assert refused.value.reason == "own_name"
    only = policy(ports=frozenset({443}))
    assert called("https://example.com/", only)
    with pytest.raises(Refused):
        called("https://example.com:8443/", only)


@pytest.mark.parametrize("where", ["0.0.0" + ".0", "::", "", "127.0.0.1", "localhost"])
def test_our_own_listeners_stay_closed_whatever_is_opened(where: str) -> None:
    everything = frozenset({allowance("127.0.0.0/8"), allowance("127.0.0.1:7700"), ("localhost", 7700)})
    rules = OutboundPolicy(everything, lambda: [(where, 7700)], resolver=lambda *_: ["127.0.0.1"])
    for url in ("http://127.0.0.1:7700/", "http://localhost:7700/"):
        with pytest.raises(Refused) as refused:
            called(url, rules)
        assert refused.value.reason == "own_listener"
    assert called("http://127.0.0.1:7777/", rules)


def test_a_refusal_tells_no_more_than_was_typed() -> None:
    with pytest.raises(Refused) as refused:
        called("http://intranet/", policy())
    assert "10.1.2.3" not in str(refused.value.as_dict())
    assert refused.value.as_dict()["details"] == {"host": "intranet"}
    assert (refused.value.address, refused.value.reason) == ("10.1.2.3", "private")


def test_the_operators_own_list(tmp_path: Path) -> None:
    """Read from the settings, with where this installation listens and what it is called."""
    paths = {"data": tmp_path, "runtime": tmp_path, "master_key_file": tmp_path}
    given = ("10.0.0.0/8", " Intranet:80 ")
    rules = OutboundPolicy.of(Settings(**paths, outbound_allow=given, allowed_hosts=("Backup.Example:443",)))
    assert rules.allow_private == frozenset({ip_network("10.0.0.0/8"), ("intranet", 80)})
    assert rules.own_names == frozenset({"backup.example"})
    assert set(rules.own_listeners()) == {("127.0.0.1", 7700), ("127.0.0.1", 7701)}
    with pytest.raises(NeedsOperator) as wrong:
        OutboundPolicy.of(Settings(**paths, outbound_allow=("10.0.0.0/8", "intranet")))
    assert "'intranet'" in wrong.value.message
