"""Fetch one page from an address that the user typed, and never connect to this computer or its own network.

An address can make a program connect to the computer that it runs on, or to the network around it. So a host name is
resolved once, every IP address of it must be public, and the connection goes to that IP address. A redirect is checked
in the same way. Nothing else in the project opens an address that a text contains.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Timer
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin

from rag.errors import SourceError

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.response import HTTPResponse

SCHEMES = {"http": 80, "https": 443}  # scheme -> port
KINDS: dict[str, Literal["html", "text"]] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "text",
}
MAX_URL_CHARS = 2_000
MAX_REDIRECTS = 5
MAX_BYTES = 10_000_000  # of a page, decompressed; a long report with all its scripts has a fifth of it
CONNECT_SECONDS = 5.0  # for each IP address of a host
TOTAL_SECONDS = 20.0  # from resolving the host to the last byte, with redirects
MIN_TIMEOUT_SECONDS = 0.01  # a socket takes 0 for "do not wait"
BLOCK_BYTES = 1 << 16
USER_AGENT = "Mozilla/5.0 (compatible; OnRecord; one page, because a reader asked for it)"
OK = 200
REDIRECTS = (301, 302, 303, 307, 308)

Resolver = Callable[[str, int], Sequence[str]]  # host and port -> IP addresses
AddressTest = Callable[[str], bool]  # takes an IP address

_NAT64 = ip_network("64:ff9b::/96")  # its last four bytes are an IPv4 address
_ASSIGNED_IPV6 = ip_network("2000::/3")  # public IPv6 addresses are assigned from this block only
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # protocol assignments, and the metadata service of a cloud
            "192.88.99.0/24",  # 6to4 relays
            "168.63.129.16/32",  # the metadata service of another cloud, on a public address
            "2002::/16",  # 6to4, which leads to any IPv4 network
            "3fff::/20",  # documentation; older Pythons do not know it
        ),
    )
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")  # control characters, spaces and the backslash


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page as the server sent it, decompressed.

    Attributes:
        url: of the page, after all redirects.
        charset: the encoding that the server names; empty when it names none.
    """

    url: str
    kind: Literal["html", "text"]
    data: bytes
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address: the same parts are checked and connected to."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The address, without a fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """The host, with the port unless it is the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == SCHEMES[self.scheme] else f"{name}:{self.port}"


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet; IPv4 inside IPv6 counts as IPv4."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped
        if inner is None and ip not in _ASSIGNED_IPV6:
            return False
        ip = inner or ip
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def parse_address(url: str) -> Address:
    """Parse an address.

    Raises:
        SourceError: it is not an address, or not one that may be fetched.
    """
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    url = url.strip()
    if len(url) > MAX_URL_CHARS:
        raise SourceError(f"the address has {len(url):,} characters; at most {MAX_URL_CHARS:,} are taken")
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise SourceError(f"{url[:80]!r} is not an address that begins with http:// or https://")
    if _FORBIDDEN.search(url):
        raise SourceError("the address has a space, a backslash or an invisible character in it: paste it again")
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise SourceError(f"{url[:80]!r} is not an address") from error
    if parts.auth is not None or re.match(r"[^/]*//[^/?#]*@", url):
        raise SourceError("the address has a user name or a password in it: remove everything before the @")
    host = (parts.host or "").strip("[]").rstrip(".")
    if parts.scheme not in SCHEMES or not re.fullmatch(r"[\w.:%-]+", host, re.ASCII) or parts.port == 0:
        raise SourceError(f"{url[:80]!r} is not an address")
    return Address(parts.scheme, host, parts.port or SCHEMES[parts.scheme], parts.request_uri)


def resolve_host(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, as the system resolves it.

    Raises:
        SourceError: there is no such host.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"there is no host {host!r}, or this computer is not connected") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


def fetch(
    url: str, resolve: Resolver = resolve_host, allow: AddressTest = is_public, seconds: float = TOTAL_SECONDS
) -> FetchedPage:
    """Fetch the page at `url`, or where it redirects to.

    Args:
        url: as the user typed it.
        resolve: returns the IP addresses of a host; only tests set it.
        allow: returns whether an IP address may be connected to; only tests set it.
        seconds: for all of it.

    Raises:
        SourceError: the page cannot or may not be fetched; says why in one line.
    """
    deadline = time.monotonic() + seconds
    address = parse_address(url)
    for _ in range(MAX_REDIRECTS + 1):
        reply = _get(address, _allowed(address, resolve, allow), deadline)
        if isinstance(reply, FetchedPage):
            return reply
        address = parse_address(urljoin(address.url, reply))
    raise SourceError(f"{parse_address(url).host} redirects more than {MAX_REDIRECTS} times")


def _allowed(address: Address, resolve: Resolver, allow: AddressTest) -> list[str]:
    """Return the IP addresses of a host; one that is not allowed excludes the host, which might choose it next time."""
    ips = list(resolve(address.host, address.port))
    if not ips or not all(map(allow, ips)):
        raise SourceError(
            f"{address.host} is in this computer or its own network, and only pages of the open internet are fetched: "
            "save the page as a file and add that"
        )
    return ips


def _get(address: Address, ips: Sequence[str], deadline: float) -> FetchedPage | str:
    """Request one page from one server; return the page, or the address that it redirects to."""
    from urllib3.exceptions import HTTPError

    late = SourceError(f"{address.host} took too long: the page has {TOTAL_SECONDS:g} s to come")
    try:
        with _connected(address, ips, deadline) as connection:
            connection.request("GET", address.path, headers=_headers(address), preload_content=False)
            reply = _read(address, connection.getresponse(), deadline)
    except (HTTPError, OSError, ValueError) as error:  # http.client raises ValueError for a broken reply
        if time.monotonic() >= deadline:
            raise late from error
        raise SourceError(f"{address.host} did not give the page ({_reason(error)})") from error
    if reply is None:
        raise late
    return reply


def _read(address: Address, response: HTTPResponse, deadline: float) -> FetchedPage | str | None:
    """Return the page or the address that it redirects to; None after the deadline."""
    data = bytearray()
    kind: Literal["html", "text"] = "html"
    charset = ""
    if response.status == OK and time.monotonic() < deadline:
        kind, charset = _content_type(address, response.headers.get("Content-Type", ""))
        while block := response.read1(BLOCK_BYTES, decode_content=True):
            data += block
            if len(data) > MAX_BYTES:
                raise SourceError(f"the page has more than {MAX_BYTES:,} bytes")
    if time.monotonic() >= deadline:  # a connection that was cut off looks like the end of the page
        return None
    if response.status == OK:
        return FetchedPage(address.url, kind, bytes(data), charset)
    location = response.headers.get("Location")
    if response.status in REDIRECTS and location:
        return str(location)
    raise SourceError(f"{address.host} answered {response.status} {response.reason or ''}".rstrip())


def _headers(address: Address) -> dict[str, str]:
    return {
        "Host": address.authority,
        "User-Agent": USER_AGENT,
        "Accept": ", ".join(KINDS),
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def _content_type(address: Address, header: str) -> tuple[Literal["html", "text"], str]:
    """Return the kind and the charset of a Content-Type header."""
    from email.message import Message

    message = Message()
    message["Content-Type"] = header
    media_type = message.get_content_type() if header else ""
    if media_type not in KINDS:
        sent = media_type or "something it does not name"
        raise SourceError(f"{address.host} sent {sent}; only HTML and text are taken")
    return KINDS[media_type], str(message.get_content_charset() or "")


@contextmanager
def _connected(address: Address, ips: Sequence[str], deadline: float) -> Iterator[HTTPConnection]:
    """Connect to the first IP address that accepts, and cut the connection at the deadline."""
    connection = _connect(address, ips, deadline)
    sock = connection.sock
    assert sock is not None
    # A socket's timeout restarts with each byte, so a server that sends one byte a second would never time out.
    timer = Timer(max(0.0, deadline - time.monotonic()), _cut, args=(sock,))
    timer.daemon = True
    timer.start()
    try:
        yield connection
    finally:
        timer.cancel()
        connection.close()


def _connect(address: Address, ips: Sequence[str], deadline: float) -> HTTPConnection:
    from urllib3.exceptions import HTTPError

    for ip in ips:
        remaining = deadline - time.monotonic()
        connection = _connection(address, ip, max(MIN_TIMEOUT_SECONDS, min(CONNECT_SECONDS, remaining)))
        try:
            connection.connect()
        except (HTTPError, OSError):
            connection.close()
            if ip == ips[-1] or remaining <= 0:
                raise
        else:
            return connection
    raise AssertionError("a host has at least one IP address")


def _connection(address: Address, ip: str, timeout: float) -> HTTPConnection:
    """Return a connection to an IP address whose certificate must be valid for the host name."""
    import certifi
    from urllib3.connection import HTTPConnection, HTTPSConnection

    if address.scheme == "http":
        return HTTPConnection(ip, address.port, timeout=timeout)
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(certifi.where())
    return HTTPSConnection(
        ip,
        address.port,
        timeout=timeout,
        ssl_context=trusted,
        server_hostname=address.host,
        assert_hostname=address.host,
    )


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    """Return in a few words why a connection failed."""
    if isinstance(error, ssl.SSLError) or "certificate" in f"{type(error).__name__} {error}".lower():
        return "its certificate is not valid for it"
    if isinstance(error, TimeoutError) or "timed out" in str(error).lower():
        return "no answer"
    inner = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return (getattr(inner, "strerror", None) or type(inner).__name__).lower().splitlines()[0]
