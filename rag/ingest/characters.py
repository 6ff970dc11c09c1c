"""Put characters right that were written in another form, or decoded wrongly before the file was saved."""

from __future__ import annotations

import html
import re
import unicodedata

MOJIBAKE_REPAIRED = "mojibake repaired"
MAX_REPAIRED_CHARS = 100_000  # of a line; a longer one is left as it is
# The typographic ligatures for which Unicode has a character. Text copied from a PDF has them; nobody types them.
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,24}\d{0,2});", re.IGNORECASE)
MAX_ESCAPES = 2  # feeds escape a text that was escaped before: "&amp;#8217;"


def plain(text: str) -> str:
    """Return the text with each HTML entity and each ligature as its characters, and letters composed (NFC)."""
    if "&" in text:
        for _ in range(MAX_ESCAPES):
            text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(LIGATURES))


def repair_mojibake(text: str) -> str:
    """Return the text with each line repaired that was UTF-8 and was decoded as another encoding ("DuprÃ©").

    A line is left as it is when the repair is not sure, or when it would lose a character.
    """
    if text.isascii():
        return text
    from ftfy.badness import is_bad

    return "\n".join(_repaired(line) if not line.isascii() and is_bad(line) else line for line in text.split("\n"))


def _repaired(line: str) -> str:
    if len(line) > MAX_REPAIRED_CHARS:
        return line
    from ftfy import TextFixerConfig, fix_encoding
    from ftfy.badness import badness

    certain = TextFixerConfig(replace_lossy_sequences=False, fix_c1_controls=False)
    fixed = fix_encoding(line, certain)
    # A character of UTF-8 that was decoded wrongly stood as two or more: a true repair makes the line shorter.
    sure = len(fixed) < len(line) and fixed.count("\ufffd") <= line.count("\ufffd")
    return fixed if sure and badness(fixed) < badness(line) else line
