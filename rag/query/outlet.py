"""The outlet whose articles a query asks for: "according to the BBC", "what did CBC News report", "in Reuters' story".

It raises that outlet's articles and shuts out none: others may quote it. English only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOLD = (
    r"(?:according to|(?:reported|published|written|covered|told|said) (?:by|in)|"
    r"(?:stor(?:y|ies)|articles?|coverage|reports?) (?:by|in|from))"
)
_TELLS = r"(?:reports?|reported|reporting|says?|said|writes?|wrote|covers?|covered|coverage|articles?|stor(?:y|ies))"
CUES = re.compile(rf"\b(?:{_TOLD}|{_TELLS})\b", re.IGNORECASE)
_SUFFIX = re.compile(r"(?: news| online|\.com|\.co\.uk|\.org|\.ca)$")


def read_outlet(query: str, publishers: Iterable[str]) -> str | None:
    """Return the one of `publishers` that `query` asks for; None when it asks for none of them.

    Of several the longest name counts: "CBC News" before "CBC".
    """
    for publisher in sorted(publishers, key=len, reverse=True):
        whole = publisher.strip().casefold().removeprefix("the ")
        names = "|".join(re.escape(name) for name in (whole, _SUFFIX.sub("", whole)) if name)
        if names and re.search(
            rf"\b{_TOLD} (?:the )?(?:{names})\b|\b(?:{names})(?:[’']s?)? {_TELLS}\b", query.casefold()
        ):
            return publisher
    return None
