"""Find the outlet that a question asks for: "according to the BBC", "what did CBC News report", "in Reuters' story".

Retrieval raises the articles of that outlet and excludes no others, since these may quote it. English only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_BEFORE_OUTLET = (
    r"(?:according to|(?:reported|published|written|covered|told|said) (?:by|in)|"
    r"(?:stor(?:y|ies)|articles?|coverage|reports?) (?:by|in|from))"
)
_AFTER_OUTLET = (
    r"(?:reports?|reported|reporting|says?|said|writes?|wrote|covers?|covered|coverage|articles?|stor(?:y|ies))"
)
CUES = re.compile(rf"\b(?:{_BEFORE_OUTLET}|{_AFTER_OUTLET})\b", re.IGNORECASE)
_SUFFIX = re.compile(r"(?: news| online|\.com|\.co\.uk|\.org|\.ca)$")


def read_outlet(question: str, publishers: Iterable[str]) -> str | None:
    """Return the publisher that a question asks for; None when it asks for none of them.

    The longest name that matches counts: "CBC News" before "CBC".
    """
    for publisher in sorted(publishers, key=len, reverse=True):
        whole = publisher.strip().casefold().removeprefix("the ")
        names = "|".join(re.escape(name) for name in (whole, _SUFFIX.sub("", whole)) if name)
        asked = rf"\b{_BEFORE_OUTLET} (?:the )?(?:{names})\b|\b(?:{names})(?:[’']s?)? {_AFTER_OUTLET}\b"
        if names and re.search(asked, question.casefold()):
            return publisher
    return None
