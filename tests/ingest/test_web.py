"""Pages from addresses: which are never connected to, tried over real connections, and what comes of the others."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rag.errors import SourceError
from rag.ingest.web import MAX_BYTES, FetchedPage, fetch, is_public, parse_address, resolve_host

# More addresses that must lead nowhere: files with addresses in their text, as ONRECORD_ADDRESSES=a.md:b.md.
MORE = [Path(path) for path in os.environ.get("ONRECORD_ADDRESSES", "").split(os.pathsep) if path]
PAGE = b"<html><title>Rain</title><body><p>Rain fell on the hills.</p></body></html>"

OPEN = ["8.8.8.8", "93.184.215.14", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::808:808", "2a00:1450:4001::1"]
CLOSED = [
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *(
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
    ),
    *("203.0.113.1", "224.0.0.1", "224.0.1.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:a00:1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::", "2001::1"),
    *("2001:0:7f00:1::1", "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("ff02::1", "ff0e::1", "5f00::1", "100::1", "", "localhost", "1.2.3", "0x7f000001"),
]

# Each names the loopback interface in a way that some program has taken for another host.
LOOPBACK = [
    *("127.0.0.1", "127.1", "127.0.1", "127.127.127.127", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1"),
    *("017700000001", "0177.0.0.1", "0177.0.0.01", "%31%32%37.0.0.1", "127.0.0.1.", "localhost", "LOCALHOST"),
    *("localhost.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::1%25lo]", "①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
]

NO_ADDRESS = [
    *("", "   ", "http://", "https:///path", "//127.0.0.1/", "127.0.0.1", "example.org/page", "http:127.0.0.1/"),
    *("http:/127.0.0.1/", "file:///etc/passwd", "ftp://example.org/", "gopher://127.0.0.1:70/_x", "dict://127.0.0.1/"),
    *("javascript:alert(1)", "data:text/html,x", "jar:http://127.0.0.1!/", "ldap://127.0.0.1/", "netdoc:///etc/passwd"),
    *("tftp://127.0.0.1/", "unix:/var/run/docker.sock", "ws://127.0.0.1/", "view-source:http://127.0.0.1/"),
    *("http://me@example.org/", "http://me:word@example.org/", "http://@example.org/", "http://:@example.org/"),
    *("http://example.org@127.0.0.1/", "https://example.org:a@b@c/"),
    *("http://127.0.0.1\\@example.org/", "http://example.org\\@127.0.0.1/", "http://1.1.1.1 &@127.0.0.1# @3.3.3.3/"),
    *("http://example.org/a b", "http://example.org\t/", "http://example.org/\r\nHost: 127.0.0.1", "http://a\x00b/"),
    *("http://example.org:0/", "http://example.org:99999/", "http://example.org:80a/", "http://localhost:+80/"),
    *("http://[::1/", "http://::1/", "http://[zz::1]/", "http://exa<mple.org/", "http://example.org/" + "a" * 2_000),
]


class TestGuard:
    @pytest.mark.parametrize("address", OPEN)
    def test_an_address_of_the_open_internet(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize("address", CLOSED)
    def test_an_address_of_this_computer_or_network_or_of_nobody(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize("url", NO_ADDRESS)
    def test_what_is_no_address_to_fetch(self, url: str) -> None:
        with pytest.raises(SourceError):
            parse_address(url)

    def test_what_is_checked_is_what_is_asked_for(self) -> None:
        assert parse_address(" HTTPS://News.Example:443/a/../b?q=ü#part ").url == "https://news.example/b?q=%C3%BC"
        assert parse_address("http://[2606:4700::1]:8080").url == "http://[2606:4700::1]:8080/"


@dataclass
class Canary:
    """Counts who connects to it, and lets nobody in."""

    port: int
    touched: list[str] = field(default_factory=list)


@contextmanager
def canary(host: str, port: int = 0) -> Iterator[Canary]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        bird = Canary(listener.getsockname()[1])
        listener.settimeout(0.05)
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    connection.close()
                    bird.touched.append(host)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield bird
        finally:
            time.sleep(0.1)  # who connected last is still to be counted
            done.set()
            watching.join()


class TestNothingOfOursIsTouched:
    def test_every_name_of_the_loopback_interface_is_refused(self) -> None:
        with canary("127.0.0.1") as four, canary("::1", four.port) as six:
            for scheme in ("http", "https"):
                for host in LOOPBACK:
                    with pytest.raises(SourceError):
                        fetch(f"{scheme}://{host}:{four.port}/", seconds=2)
        assert (four.touched, six.touched) == ([], [])

    def test_the_canary_is_seen_where_the_guard_is_off(self) -> None:
        with canary("127.0.0.1") as bird, pytest.raises(SourceError, match="did not give the page"):
            fetch(f"http://127.0.0.1:{bird.port}/", allow=lambda _: True, seconds=2)
        assert bird.touched == ["127.0.0.1"]

    def test_a_name_with_one_bad_address_among_good_ones_is_refused(self) -> None:
        with canary("127.0.0.1") as bird, pytest.raises(SourceError, match="its own network"):
            fetch(f"http://news.example:{bird.port}/", resolve=lambda *_: ["8.8.8.8", "127.0.0.1"])
        assert bird.touched == []

    @pytest.mark.skipif(not MORE, reason="ONRECORD_ADDRESSES names no files of addresses")
    def test_addresses_of_lists(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that is not a number resolves to the metadata service here, and no connection leaves this machine."""
        connected: list[str] = []

        def connect(self: socket.socket, address: Any) -> None:
            connected.append(address[0])
            raise ConnectionRefusedError

        def resolve(host: str, port: int) -> list[str]:
            try:
                return [str(socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)[0][4][0])]
            except OSError:
                return ["169.254.169.254"]

        monkeypatch.setattr(socket.socket, "connect", connect)
        text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in MORE)
        tried = sorted(set(re.findall(r"[\w+.-]+:/{0,3}[^\s`'\"<>|]+", text)))
        for url in tried:
            with pytest.raises(SourceError):
                fetch(url, resolve=resolve, seconds=1)
        assert len(tried) >= 40
        assert [address for address in connected if not is_public(address)] == []


# A server of ours, which tests may reach because they say so


class Handler(BaseHTTPRequestHandler):
    """Answers by path; `/hop/3` redirects to `/hop/2` and so on, `/to?URL` to any address."""

    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.headers["Host"], self.path))
        path, _, rest = self.path.partition("?")
        if path == "/to":
            self.reply(302, {"Location": rest})
        elif path.startswith("/hop/") and path != "/hop/0":
            self.reply(301, {"Location": f"/hop/{int(path[5:]) - 1}"})
        elif path == "/large":
            self.reply(200, {"Content-Type": "text/html"}, b"x" * (MAX_BYTES + 1))
        elif path == "/bomb":
            packed = gzip.compress(b"x" * 10 * MAX_BYTES)
            self.reply(200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, packed)
        elif path == "/packed":
            self.reply(200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, gzip.compress(PAGE))
        elif path == "/type":
            self.reply(200, {"Content-Type": rest} if rest else {}, b"x")
        elif path in ("/drip", "/drip-head"):
            self.drip(b"" if path == "/drip-head" else b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        elif path == "/gone":
            self.reply(404, {"Content-Type": "text/html"}, b"no")
        else:
            self.reply(200, {"Content-Type": "text/html; charset=ISO-8859-1"}, PAGE)

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def drip(self, head: bytes) -> None:
        with suppress(OSError):
            self.wfile.write(head or b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(100):
                time.sleep(0.1)
                self.wfile.write(b"x")

    def log_message(self, *_: Any) -> None: ...


@dataclass
class Site:
    port: int
    asked: list[tuple[str, str]]

    def fetch(self, path: str, host: str = "news.example", seconds: float = 10) -> FetchedPage:
        """As the product fetches, but that 127.0.0.1 counts as the open internet and `*.example` lies there."""
        return fetch(
            f"http://{host}:{self.port}{path}", resolve=nearby, allow=lambda a: a == "127.0.0.1", seconds=seconds
        )


def nearby(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host.endswith(".example") else resolve_host(host, port)


@pytest.fixture
def site() -> Iterator[Site]:
    asked: list[tuple[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Ours", (Handler,), {"asked": asked}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Site(server.server_port, asked)
    server.shutdown()
    thread.join()
    server.server_close()


class TestFetching:
    def test_a_page_comes_with_where_it_was_found_and_its_encoding(self, site: Site) -> None:
        page = site.fetch("/hop/5?x")
        assert (page.kind, page.data, page.charset) == ("html", PAGE, "iso-8859-1")
        assert page.url == f"http://news.example:{site.port}/hop/0"
        assert site.asked[0] == (f"news.example:{site.port}", "/hop/5?x")

    def test_a_name_is_looked_up_once_for_each_step(self, site: Site) -> None:
        looked_up: list[str] = []

        def rebinding(host: str, port: int) -> list[str]:
            looked_up.append(host)
            return ["127.0.0.1"] if len(looked_up) == 1 else ["127.0.0.2"]

        with canary("127.0.0.2", site.port) as bird:
            page = fetch(f"http://news.example:{site.port}/", resolve=rebinding, allow=lambda _: True)
        assert (page.data, looked_up, bird.touched) == (PAGE, ["news.example"], [])

    @pytest.mark.parametrize(
        "where",
        ["http://127.0.0.2:{port}/", "http://127.2:{port}/", "//127.0.0.2:{port}/", "http://2130706434:{port}/x"],
    )
    def test_a_redirect_into_this_computer_is_refused(self, site: Site, where: str) -> None:
        with canary("127.0.0.2", site.port) as bird, pytest.raises(SourceError, match="its own network"):
            site.fetch(f"/to?{where.format(port=site.port)}")
        assert bird.touched == []

    @pytest.mark.parametrize("where", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://a@b.example/", "data:,x"])
    def test_a_redirect_out_of_the_web_is_refused(self, site: Site, where: str) -> None:
        with pytest.raises(SourceError, match=r"not an address|user name"):
            site.fetch(f"/to?{where}")

    @pytest.mark.parametrize(
        ("path", "why"),
        [
            ("/hop/6", "news.example redirects more than 5 times"),
            ("/large", "more than 10,000,000 bytes"),
            ("/bomb", "more than 10,000,000 bytes"),
            ("/gone", "news.example answered 404 Not Found"),
            ("/type?application/pdf", "news.example sent application/pdf; only HTML and text are taken"),
            ("/type?image/svg%2Bxml", "only HTML and text are taken"),
            ("/type", "sent something it does not name"),
        ],
    )
    def test_what_is_not_taken(self, site: Site, path: str, why: str) -> None:
        with pytest.raises(SourceError, match=re.escape(why)):
            site.fetch(path)

    def test_what_is_packed_is_unpacked(self, site: Site) -> None:
        assert site.fetch("/packed").data == PAGE

    @pytest.mark.parametrize("path", ["/drip", "/drip-head"])
    def test_a_server_that_sends_a_byte_now_and_then_is_cut_off(self, site: Site, path: str) -> None:
        began = time.monotonic()
        with pytest.raises(SourceError, match="took too long"):
            site.fetch(path, seconds=0.5)
        assert time.monotonic() - began < 3

    def test_no_proxy_of_the_environment_is_asked(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        with canary("127.0.0.3") as bird:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.3:{bird.port}")
            assert site.fetch("/").data == PAGE
        assert bird.touched == []

    @pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
    def test_a_certificate_is_held_against_the_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        names = ["-subj", "/CN=news.example", "-addext", "subjectAltName=DNS:news.example"]
        making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
        subprocess.run([*making, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Ours", (Handler,), {"asked": []}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

        def secure(host: str) -> FetchedPage:
            return fetch(f"https://{host}:{server.server_port}/", resolve=nearby, allow=lambda a: a == "127.0.0.1")

        try:
            with pytest.raises(SourceError, match="its certificate is not valid for it"):
                secure("news.example")
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert secure("news.example").data == PAGE
            with pytest.raises(SourceError, match="its certificate is not valid for it"):
                secure("other.example")
        finally:
            server.shutdown()
            server.server_close()
