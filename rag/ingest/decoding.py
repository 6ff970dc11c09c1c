"""Bytes to text: encodings told apart, line ends made one, and nothing that cannot be stored.

Both functions raise `SourceError` with the reason when the bytes are not what they should be.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import NoReturn

from rag.errors import SourceError

BYTE_ORDER_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# The bytes that Windows-1252 leaves undefined stand for themselves, as in browsers.
WINDOWS_1252 = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
# What a page may declare: Unicode encodings are told by their bytes, and are right whatever the page says.
DECLARED = re.compile(rb"""charset\s*=\s*["']?\s*((?:windows|iso|koi8|shift|euc|gb|big5|mac)[\w-]*)""", re.IGNORECASE)
DECLARED_WITHIN = 4096  # bytes from the beginning
CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def decode_text(data: bytes, declared: bool = False) -> str:
    r"""Decode the bytes of a file, with `\n` for every line end; `declared`: they may name their encoding as HTML does.

    UTF-8 or what a byte order mark says, else what is declared, else Windows-1252.
    """
    marked = next((encoding for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if marked:
        text = data.decode(marked, "replace")
    elif b"\0" in data:
        raise SourceError("binary content, not text")
    else:
        text = _utf8(data) or (_declared(data) if declared else "") or _windows_1252(data)
    if "\0" in text or len(CONTROLS.findall(text)) * 10 > len(text):
        raise SourceError("binary content, not text")
    return with_line_ends(text)


def _utf8(data: bytes) -> str:
    """Decode UTF-8, of which a little may be damaged, as where a file was cut short; empty when it is something else.

    Text in another encoding has next to no sequence that is right in UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", "replace")
        damaged = text.count("\ufffd")
        right = sum(not char.isascii() for char in text) - damaged
        return text if right >= 10 * damaged else ""


def _declared(data: bytes) -> str:
    match = DECLARED.search(data[:DECLARED_WITHIN])
    try:
        return data.decode(match[1].decode("ascii"), "replace") if match else ""
    except LookupError:
        return ""


def _windows_1252(data: bytes) -> str:
    return data.decode("latin-1").translate(WINDOWS_1252)


def decode_json(line: bytes) -> object:
    """Decode one JSON value, to the letter of the standard: no NaN, no Infinity."""

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
    r"""Return the text with `\n` for every line end of whatever system, and for every page break."""
    return "\n".join(text.splitlines())


def storable(text: str) -> str:
    """Return the text without halves of surrogate pairs, which JSON and file names can spell and no file can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
