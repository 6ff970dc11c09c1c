"""Decode bytes into text: detect the encoding, unify line ends, and replace characters that cannot be stored."""

from __future__ import annotations

import codecs
import json
import re
from typing import NoReturn

from rag.errors import SourceError

BYTE_ORDER_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# The bytes that Windows-1252 leaves undefined stand for themselves, as in browsers.
WINDOWS_1252 = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
# The encodings that a page may declare. Unicode is recognised by its bytes, whatever the page declares.
DECLARED = re.compile(rb"""charset\s*=\s*["']?\s*((?:windows|iso|koi8|shift|euc|gb|big5|mac)[\w-]*)""", re.IGNORECASE)
SAMPLE_BYTES = 10_000  # from the beginning, in which zeros are counted
DECLARED_WITHIN = 4096  # bytes from the beginning
CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# With a larger share of control characters, a file is binary; of damaged characters, it is not UTF-8.
MAX_SHARE = 10  # one in so many


def decode_text(data: bytes, declared: bool = False) -> str:
    r"""Decode the bytes of a file, with `\n` for every line end.

    The encoding is the one of the byte order mark, else UTF-8, else the one that the file declares, else Windows-1252.

    Args:
        data: the whole file.
        declared: whether the file may declare its encoding, as HTML does.

    Raises:
        SourceError: the file is binary.
    """
    marked = next((encoding for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), None) or _unmarked(data)
    if marked:
        text = data.decode(marked, "replace")
    elif b"\0" in data:
        raise SourceError("binary content, not text")
    else:
        text = _utf8(data) or (_declared(data) if declared else "") or _windows_1252(data)
    if "\0" in text or len(CONTROLS.findall(text)) * MAX_SHARE > len(text):
        raise SourceError("binary content, not text")
    return with_line_ends(text)


def _unmarked(data: bytes) -> str | None:
    """Return the name of UTF-16 without a byte order mark: of Latin letters, every other byte is zero."""
    first, second = data[:SAMPLE_BYTES:2].count(0), data[1:SAMPLE_BYTES:2].count(0)
    half = len(data[:SAMPLE_BYTES]) // 2
    if not (first or second) or (first and second) or (first + second) * 10 < half * 7 or len(data) % 2:
        return None
    return "utf-16-be" if first else "utf-16-le"


def _utf8(data: bytes) -> str:
    """Decode UTF-8 that may be damaged a little, as where a file was cut short; empty for another encoding.

    Text in another encoding has almost no valid UTF-8 sequence outside ASCII.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", "replace")
        damaged = text.count("\ufffd")
        valid = sum(not char.isascii() for char in text) - damaged
        return text if valid >= MAX_SHARE * damaged else ""


def _declared(data: bytes) -> str:
    match = DECLARED.search(data[:DECLARED_WITHIN])
    try:
        return data.decode(match[1].decode("ascii"), "replace") if match else ""
    except LookupError:
        return ""


def _windows_1252(data: bytes) -> str:
    return data.decode("latin-1").translate(WINDOWS_1252)


def decode_json(line: bytes) -> object:
    """Decode one JSON value by the standard, which has no NaN and no Infinity.

    Raises:
        SourceError: the line is not JSON in UTF-8.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(line.decode("utf-8-sig"), parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise SourceError(f"not UTF-8 ({error.reason} at byte {error.start})") from error
    except RecursionError as error:
        raise SourceError("JSON nested too deeply") from error
    except ValueError as error:
        raise SourceError(f"not JSON ({error})") from error


def with_line_ends(text: str) -> str:
    r"""Return the text with `\n` for every line end of any system, and for every page break."""
    return "\n".join(text.splitlines())


def storable(text: str) -> str:
    """Replace unpaired surrogates, which JSON and file names can contain and UTF-8 cannot store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
