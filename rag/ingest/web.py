"""One page from an address that somebody typed, and nothing from anywhere that an address must not lead to.

Whoever can make a program open an address can make it speak to the machine it runs on and to the network around it.
So a name is looked up once, every address that it has must be one of the open internet, and the connection is made to
that very address; a redirect is checked like the first. Nothing else in the project opens an address of its own accord.
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

SCHEMES = {"http": 80, "https": 443}
KINDS: dict[str, Literal["html", "text"]] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "text",
}
MAX_URL = 2_000  # characters
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
MAX_BYTES = 10_000_000  # of a page, unpacked; a long report with all its scripts has a fifth of it
CONNECT_SECONDS = 5.0  # for each address of a name
TOTAL_SECONDS = 20.0  # from the first look-up to the last byte, redirects included
BLOCK_BYTES = 1 << 16
AGENT = "Mozilla/5.0 (compatible; OnRecord; one page, because a reader asked for it)"

Resolve = Callable[[str, int], Sequence[str]]  # host and port -> IP addresses
Allow = Callable[[str], bool]  # an IP address

_NAT64 = ip_network("64:ff9b::/96")  # its last four bytes are an IPv4 address
_GIVEN_OUT = ip_network("2000::/3")  # all of IPv6 that was ever given out
_NOT_OPEN = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # of protocols, and the metadata of a cloud
            "192.88.99.0/24",  # tunnels
            "168.63.129.16/32",  # the metadata of another cloud, which took an open address for it
            "2002::/16",  # tunnels into any network of IPv4
            "3fff::/20",  # for examples; older Pythons do not know it
        ),
    )
)
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came.

    Attributes:
        url: where it was found in the end.
        charset: the encoding that the server names; empty when it names none.
    """

    url: str
    kind: Literal["html", "text"]
    data: bytes
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An address, taken apart once: what is checked is what is connected to."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == SCHEMES[self.scheme] else f"{name}:{self.port}"


def public(address: str) -> bool:
    """Whether an IP address is one of the open internet; one of IPv4 written as IPv6 is judged as what it is."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped
        if inner is None and ip not in _GIVEN_OUT:
            return False
        ip = inner or ip
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_OPEN)


def target(url: str) -> Target:
    """Take an address apart.

    Raises:
        SourceError: it is none, or none that is fetched.
    """
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    url = url.strip()
    if len(url) > MAX_URL:
        raise SourceError(f"the address has {len(url):,} characters; at most {MAX_URL:,} are taken")
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise SourceError(f"{url[:80]!r} is not an address that begins with http:// or https://")
    if _UNSEEN.search(url):
        raise SourceError("the address has a space, a backslash or an invisible character in it: paste it again")
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise SourceError(f"{url[:80]!r} is not an address") from error
    if parts.auth is not None or re.match(r"[^/]*//[^/?#]*@", url):
        raise SourceError("the address has a user name or a password in it: take out all before the @")
    host = (parts.host or "").strip("[]").rstrip(".")
    if parts.scheme not in SCHEMES or not re.fullmatch(r"[\w.:%-]+", host, re.ASCII) or parts.port == 0:
        raise SourceError(f"{url[:80]!r} is not an address")
    return Target(parts.scheme, host, parts.port or SCHEMES[parts.scheme], parts.request_uri)


def addresses(host: str, port: int) -> list[str]:
    """Look a name up, as the system does.

    Raises:
        SourceError: there is no such name.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"there is no host {host!r}, or this computer is not connected") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def fetch(url: str, resolve: Resolve = addresses, allow: Allow = public, seconds: float = TOTAL_SECONDS) -> Fetched:
    """Fetch the page at `url`. `resolve` and `allow` are seams for tests; nothing in the product sets them.

    Raises:
        SourceError: in one line, why it was not fetched.
    """
    deadline = time.monotonic() + seconds
    wanted = target(url)
    for _ in range(MAX_REDIRECTS + 1):
        found = _checked(wanted, resolve, allow)
        came = _get(wanted, found, deadline)
        if isinstance(came, Fetched):
            return came
        wanted = target(urljoin(wanted.url, came))
    raise SourceError(f"{target(url).host} redirects more than {MAX_REDIRECTS} times")


def _checked(wanted: Target, resolve: Resolve, allow: Allow) -> list[str]:
    """The addresses of a host; one that is not allowed shuts out the host, for the next try might take that one."""
    found = list(resolve(wanted.host, wanted.port))
    if not found or not all(map(allow, found)):
        raise SourceError(
            f"{wanted.host} is in this computer or its own network, and only pages of the open internet are fetched: "
            "save the page as a file and add that"
        )
    return found


def _get(wanted: Target, found: Sequence[str], deadline: float) -> Fetched | str:
    """Ask one server for one page; return that, or where it redirects to."""
    from urllib3.exceptions import HTTPError

    late = SourceError(f"{wanted.host} took too long: the page has {TOTAL_SECONDS:g} s to come")
    try:
        with _connected(wanted, found, deadline) as connection:
            connection.request("GET", wanted.path, headers=_headers(wanted), preload_content=False)
            response = connection.getresponse()
            data = bytearray()
            if response.status == 200 and time.monotonic() < deadline:
                kind, charset = _content_type(wanted, response.headers.get("Content-Type", ""))
                while block := response.read1(BLOCK_BYTES, decode_content=True):
                    data += block
                    if len(data) > MAX_BYTES:
                        raise SourceError(f"the page has more than {MAX_BYTES:,} bytes")
            if time.monotonic() >= deadline:  # a connection that was cut off looks like the end of the page
                raise late
    except (HTTPError, OSError, ValueError) as error:  # ValueError: what http.client makes of a broken reply
        if time.monotonic() >= deadline:
            raise late from error
        raise SourceError(f"{wanted.host} did not give the page ({_reason(error)})") from error
    if response.status == 200:
        return Fetched(wanted.url, kind, bytes(data), charset)
    location = response.headers.get("Location")
    if response.status in REDIRECTS and location:
        return str(location)
    raise SourceError(f"{wanted.host} answered {response.status} {response.reason or ''}".rstrip())


def _headers(wanted: Target) -> dict[str, str]:
    return {
        "Host": wanted.authority,
        "User-Agent": AGENT,
        "Accept": ", ".join(KINDS),
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def _content_type(wanted: Target, header: str) -> tuple[Literal["html", "text"], str]:
    from email.message import Message

    message = Message()
    message["Content-Type"] = header
    given = message.get_content_type() if header else ""
    if given not in KINDS:
        raise SourceError(f"{wanted.host} sent {given or 'something it does not name'}; only HTML and text are taken")
    return KINDS[given], str(message.get_content_charset() or "")


@contextmanager
def _connected(wanted: Target, found: Sequence[str], deadline: float) -> Iterator[HTTPConnection]:
    """A connection to the first of the addresses that takes one; it is cut off at the deadline."""
    from urllib3.exceptions import HTTPError

    for place, address in enumerate(found):
        left = deadline - time.monotonic()
        connection = _connection(wanted, address, max(0.01, min(CONNECT_SECONDS, left)))
        try:
            connection.connect()
        except (HTTPError, OSError):
            connection.close()
            if place + 1 == len(found) or left <= 0:
                raise
            continue
        break
    sock = connection.sock
    assert sock is not None
    # Timeouts of a socket count from its last byte, and a server can send one byte a second for ever.
    timer = Timer(max(0.0, deadline - time.monotonic()), _cut, args=(sock,))
    timer.daemon = True
    timer.start()
    try:
        yield connection
    finally:
        timer.cancel()
        connection.close()


def _connection(wanted: Target, address: str, timeout: float) -> HTTPConnection:
    """To an IP address, in the name of the host: that is what a certificate is held against."""
    import certifi
    from urllib3.connection import HTTPConnection, HTTPSConnection

    if wanted.scheme == "http":
        return HTTPConnection(address, wanted.port, timeout=timeout)
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(certifi.where())
    return HTTPSConnection(
        address,
        wanted.port,
        timeout=timeout,
        ssl_context=trusted,
        server_hostname=wanted.host,
        assert_hostname=wanted.host,
    )


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) or "certificate" in f"{type(error).__name__} {error}".lower():
        return "its certificate is not valid for it"
    if isinstance(error, TimeoutError) or "timed out" in str(error).lower():
        return "no answer"
    inner = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return (getattr(inner, "strerror", None) or type(inner).__name__).lower().splitlines()[0]
