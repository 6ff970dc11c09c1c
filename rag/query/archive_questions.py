"""Questions about the archive itself: how many articles it holds, which ones, by whom, of which days. English only.

Only a question that one of the patterns reads to its last word is one of them. Any other is searched for as usual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from rag.query.days import Days, read_days

Kind = Literal[
    "count", "list", "newest", "oldest", "happened", "summary", "about", "people",
    "authors", "outlets", "author of", "date of", "outlet of",
]  # fmt: skip

MAX_ORIGIN_WORDS = 6  # of the name of an author or an outlet
MAX_TOPIC_WORDS = 8  # a longer topic is a question of its own


@dataclass(frozen=True, slots=True)
class ArchiveQuestion:
    """A question about the archive.

    Attributes:
        kind: what it asks for.
        topic: the words that the articles must have; empty for all articles.
        origin: an author or an outlet, as the question names it; empty for all.
        certain: whether `origin` is one for certain ("by Jo Bright"); else only if the archive knows it ("in May").
        days: the days of publication; None for all.
        several: whether it asks for several articles ("the latest articles").
    """

    kind: Kind
    topic: str = ""
    origin: str = ""
    certain: bool = False
    days: Days | None = None
    several: bool = True


_ARTICLES = (
    r"(?:news |newspaper |different |distinct )?(?:articles?|stories|story|pieces?|reports?|documents?|texts?|items?)\b"
)
_ARCHIVE = r"(?:(?:the|this|your|my|our) (?:whole |entire )?(?:archive|collection|index|database|corpus|folder))"
_THE = r"(?:(?:all|of|the|these|those|your|my|our|every|any|some|each) )*"
_A = r"(?:the|this|that|an?) (?:news )?(?:article|story|piece|report)\b"
_AUTHORS = r"(?:authors?|writers?|journalists?|reporters?|bylines?)"
_OUTLETS = r"(?:(?:news )?(?:outlets?|publishers?|newspapers?|publications?|sources?|papers?)|media)"
_REQUEST = (
    r"(?:(?:please|so|and|ok|okay|now|just) |(?:can|could|would|will) you (?:please )?|"
    r"(?:i want|i need|i would like|i'd like)(?: to (?:see|have|know))? )*"
)
_SHOW = r"(?:(?:show|give|tell|find|get|list|name|display|bring up)(?: me)?(?: a list of)? )"
_WRITE = r"(?:wr[io]tes?|wrote|written|publish(?:e[ds])?|report(?:ed|s)?|cover(?:ed|s)?|produced?)"


def _head(kind: Kind, pattern: str) -> tuple[Kind, re.Pattern[str]]:
    return kind, re.compile(rf"{_REQUEST}(?:{pattern})", re.IGNORECASE)


# The first pattern that matches the beginning of a question says what it asks for. What follows must be restrictions.
_HEADS = (
    _head("authors", rf"how many {_AUTHORS}|{_SHOW}?{_THE}{_AUTHORS}$|(?:which|what) {_AUTHORS}|"
          rf"who (?:are|were|is) (?:the|your|their|its) {_AUTHORS}|"
          rf"who (?:writes|wrote|has written|have written) (?:for )?(?:{_THE}{_ARTICLES}$|them$|these$|{_ARCHIVE}$)|"
          r"who (?:writes|wrote|reports) (?=for )|who (?:wrote|has written|writes) (?:the )?most articles$"),
    _head("outlets", rf"how many {_OUTLETS}|{_SHOW}{_THE}{_OUTLETS}$|(?:which|what) {_OUTLETS}|"
          rf"(?:what|which) are (?:the|your) {_OUTLETS}$|"
          rf"(?:from )?where (?:do|are) {_THE}{_ARTICLES}(?: come| taken)?(?: from)?$|"
          rf"who (?:publishes|published) (?:{_THE}{_ARTICLES}$|them$|these$)"),
    _head("people", rf"who (?:all )?(?:is|are|was|were) (?:named|mentioned) in (?:{_THE}{_ARTICLES}|{_ARCHIVE})|"
          r"(?:which|what) (?:people|persons) (?:are (?:named|mentioned|there)|appear) in "
          rf"(?:{_THE}{_ARTICLES}|{_ARCHIVE})|"
          rf"who appears? in (?:{_THE}{_ARTICLES}|{_ARCHIVE})|{_SHOW}{_THE}(?:people|persons)(?: named| mentioned)?$"),
    _head("about", rf"what(?:['’]?s| is| are) (?:{_ARCHIVE}|"
          r"(?:all )?(?:the|these|those|your) (?:articles|stories|documents))"
          r"(?: here)?(?: all)? (?:about|on)$|"
          r"what do (?:the|these|your) (?:articles|stories|documents) (?:talk about|cover|deal with|discuss|say|tell)$|"
          rf"(?:what|which) (?:topics|subjects|themes) (?:do|does|are) (?:(?:the|these|your) articles|{_ARCHIVE}|you|"
          rf"covered|there|in)(?: (?:the|these) articles| {_ARCHIVE})?(?: cover(?:ed)?| deal with| have| here)?$|"
          rf"what(?:['’]?s| is) (?:in (?:{_ARCHIVE}|here)|here)$|(?:describe|tell me about) {_ARCHIVE}$|"
          rf"what (?:do|does) {_ARCHIVE} (?:contain|hold|cover|have)$"),
    _head("summary", rf"(?:{_SHOW}|write |make |what are |what is )?(?:an? |the )?(?:short |brief |quick )?"
          r"(?:summari[sz]e|sum up|summary|overview|recap|digest|gist|(?:main|key) (?:points|ideas|stories|topics)|"
          r"highlights|tl;?dr)(?: (?:of|from|in|for))?(?: "
          rf"(?:{_THE}(?:\w+ )?{_ARTICLES}|{_ARCHIVE}|everything|it all|all|all of them|them all))?"),
    _head("newest", rf"(?:(?:what|which)(?:['’]?s| is| are| was| were) |{_SHOW})?(?:the |your )?"
          r"(?:newest|latest|most recent) (?:\w+ )?(?:news )?(?:articles?|story|stories|documents?)\b|"
          r"what(?:['’]?s| is) (?:new|the latest|the latest news|the news)$|(?:the )?(?:latest|newest) news$|"
          r"when was (?:the )?(?:newest|latest|last|most recent) article published$"),
    _head("oldest", rf"(?:(?:what|which)(?:['’]?s| is| are| was| were) |{_SHOW})?(?:the |your )?"
          r"(?:oldest|earliest) (?:\w+ )?(?:news )?(?:articles?|story|stories|documents?)\b"),
    _head("count", rf"(?:how many|(?:what(?:['’]?s| is) )?(?:the )?(?:total )?number of|count) {_THE}{_ARTICLES}"),
    _head("list", rf"(?:(?:which|what)(?: are)?|{_SHOW}|are there|is there|do you have|have you got|search for) {_THE}"
          rf"(?:an? )?(?:titles? of |headlines? of )?{_THE}{_ARTICLES}|{_SHOW}{_THE}(?:an? )?{_ARTICLES}|"
          rf"(?:all )?(?:the )?articles(?= )|(?:what are )?(?:the )?titles of {_THE}articles$|"
          rf"(?:{_SHOW}|what are )(?:all )?(?:the )?(?:titles|headlines)$"),
)  # fmt: skip
# Questions about one article, or about what somebody wrote, which these patterns read whole.
_WHOLE: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    _head("author of", r"(?:who (?:wrote|authored|reported|(?:is|was) the (?:author|writer) of)|by whom (?:is|was)) "
          rf"{_A} (?:on|about|called|titled|headed) (?P<topic>.+)"),
    _head("author of", r"who (?:wrote|has written|writes) about (?P<topic>.+)"),
    _head("date of", rf"(?:when|(?:on )?(?:what|which) (?:day|date)) (?:was|did|is) {_A} (?:on|about|called|titled) "
          r"(?P<topic>.+?) (?:published|written|posted|printed|appear|come out|dated|from)|"
          r"(?:what (?:is|was) )?(?:the )?(?:publish |publication |publishing )?date of "
          rf"{_A} (?:on|about) (?P<topic2>.+)"),
    _head("outlet of", rf"(?:(?:which|what) {_OUTLETS}|who) (?:published|ran|printed|carried) {_A} (?:on|about) "
          rf"(?P<topic>.+)|(?:in which {_OUTLETS}|where) (?:was|did) {_A} (?:on|about) (?P<topic2>.+?) "
          r"(?:published|appear|printed|come from)"),
    _head("list", rf"what (?:has|have|did|does|do) (?P<origin>.+?) {_WRITE}(?: (?:on|about)(?: (?P<topic>.+?))?)?"
          rf"(?: (?:here|in {_ARCHIVE}))?"),
    _head("count", rf"in how many {_THE}{_ARTICLES} (?:does|do|is|are|was|were) (?P<topic>.+?) "
          r"(?:appear|mentioned|named|discussed|come up)"),
    _head("list", rf"in (?:which|what) {_ARTICLES} (?:does|do|is|are|was|were) (?P<topic>.+?) "
          r"(?:appear|mentioned|named|discussed|come up)|"
          rf"(?:which|what) {_ARTICLES} (?:is|are|was|were) (?P<topic2>.+?) (?:mentioned|named|discussed) in"),
    _head("list", r"what (?:was|is) (?:written|reported|published) by (?P<origin>.+?)"),
)  # fmt: skip
_HAPPENED = re.compile(
    rf"{_REQUEST}(?:what(?:['’]?s| has| is| was| were)?(?: all)?(?: the)?(?: main)? "
    r"(?:happened|happening|been happening|going on|went on|took place|occurred|(?:been )?reported|"
    r"(?:in the )?news|events|headlines|published|new)|"
    r"(?:the )?(?:news|events|headlines)|anything (?:new|happen))",
    re.IGNORECASE,
)

# The restrictions, each at the beginning of what is left.
_FILLER = re.compile(
    r"(?:(?:that|which|of them|exactly) )?(?:(?:are|is|were|was|do|does|did|have|exist) ?)?"
    rf"(?:there|you (?:have|hold|know|read)|{_ARCHIVE} (?:have|hold|contain)|it (?:have|hold)|in (?:total|all)|"
    rf"altogether|available|indexed|here|in (?:{_ARCHIVE}|here)|of {_ARCHIVE}|of {_THE}{_ARTICLES}|"
    r"stored|saved|included|"
    r"overall|(?:have )?you got|i can ask about|and who)\b ?",
    re.IGNORECASE,
)
_TOPIC = re.compile(
    r"(?:(?:that|which) )?(?:(?:are|is|were|was|do|does) )?(?:also )?"
    r"(?:mention(?:s|ed|ing)?|about|on|nam(?:e|es|ed|ing)|"
    r"talk(?:s|ing)? about|deal(?:s|ing)? with|cover(?:s|ed|ing)?|discuss(?:es|ed|ing)?|refer(?:s|ring)? to|"
    r"speak(?:s|ing)? (?:of|about)|"
    r"(?:wr[io]te|reported|report|written) (?:about|on)|contain(?:s|ing)?|concern(?:s|ing)?|regarding) "
    r"(?:the (?:words?|names?|topic|subject)(?: of)? )?(?P<topic>.+)",
    re.IGNORECASE,
)
_ORIGIN = re.compile(
    r"(?:(?:that|which) )?(?:(?:are|is|were|was|come|comes|have been) )?"
    rf"(?:{_WRITE} )?(?P<how>by|from|of|in|for) (?P<origin>.+?)"
    r"(?P<more> (?:about|on|that|which|mention\w*) .+)?",
    re.IGNORECASE,
)
_DID = re.compile(rf"(?:did|has|have|does|do) (?P<origin>.+?) (?:{_WRITE}|have)(?P<rest>.*)", re.IGNORECASE)
_BY = re.compile(
    r" (?:(?:written|published|authored) )?by (?P<origin>[^,]+?)(?P<more> (?:about|on|that|which|mention\w*) .+)?$",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"(?:that |which )?(?:are|is|were|was|do|exist)", re.IGNORECASE
)  # "how many are | in the archive"
_TAIL = re.compile(
    rf"(?: (?:in total|in all|altogether|overall|here|please|do you have|are there|by name|in {_ARCHIVE}|"
    r"(?:(?:that|which) )?(?:was|were|are|have been) (?:published|written|printed)))+$",
    re.IGNORECASE,
)
_OTHER_LOGIC = re.compile(r"\b(?:or|not|without|except|but|if|whether|than|who|what|how|why)\b", re.IGNORECASE)
_PUBLISHED_ON = re.compile(
    r"(?:(?:that|which) )?(?:(?:was|were|are|is|have been) )?"
    r"(?:published|written|printed|appear(?:ed)?|dated|come|came)(?: out)?$",
    re.IGNORECASE,
)


def read_archive_question(text: str, today: date) -> ArchiveQuestion | None:
    """Return what a question asks of the archive itself, None when it asks something of the articles.

    Args:
        text: the question, without a greeting.
        today: the day that "last week" counts from.
    """
    folded = re.sub(r"[\s?!.,;:]+$", "", " ".join(text.split()))
    folded = re.sub(r",? (?:please|thanks|thank you)$", "", folded, flags=re.IGNORECASE)
    days, rest = read_days(folded, today) or (None, folded)
    rest = rest.strip(" ,:")
    if whole := _whole(rest):
        return replace(whole, days=days)
    if days and _HAPPENED.fullmatch(rest):
        return ArchiveQuestion("happened", days=days)
    return next(_restricted(rest, days), None)


def _whole(text: str) -> ArchiveQuestion | None:
    for kind, pattern in _WHOLE:
        if match := pattern.fullmatch(text):
            parts = {name: value for name, value in match.groupdict().items() if value}
            topic = _topic(parts.get("topic") or parts.get("topic2") or "")
            if topic is not None:
                return ArchiveQuestion(kind, topic, parts.get("origin", ""))
    return None


def _restricted(text: str, days: Days | None) -> Iterator[ArchiveQuestion]:
    """Yield the readings of a question whose restrictions are read to the last word."""
    for kind, head in _HEADS:
        if match := head.match(text):
            words = match[0].lower().split()
            several = not words or words[-1].endswith(("s", "news"))
            blank = ArchiveQuestion(kind, days=days, several=several)
            found = _with_restrictions(blank, text[match.end() :].strip(" ,"))
            if found is not None and not (found.kind == "list" and text.lower() == "articles"):
                yield found


def _with_restrictions(question: ArchiveQuestion, rest: str) -> ArchiveQuestion | None:
    """Read the words after the head: a topic, an author or an outlet, or nothing; None when more words are left."""
    rest = _TAIL.sub("", f" {rest}").strip()
    while match := _FILLER.match(rest):
        rest = rest[match.end() :].strip()
    if not rest or _DANGLING.fullmatch(rest) or (question.days and _PUBLISHED_ON.fullmatch(rest)):
        return question
    if by := _BY.search(f" {rest}"):
        inner = _with_restrictions(question, f" {rest}"[: by.start()] + (by["more"] or ""))
        return inner and replace(inner, origin=_name(by["origin"]), certain=True)
    if match := _DID.fullmatch(rest):
        inner = _with_restrictions(question, match["rest"].strip())
        return inner and replace(inner, origin=_name(match["origin"]))
    if match := _TOPIC.fullmatch(rest):
        topic = _topic(match["topic"])
        return replace(question, topic=topic) if topic else None
    match = _ORIGIN.fullmatch(rest)
    if match and len(match["origin"].split()) <= MAX_ORIGIN_WORDS:
        inner = _with_restrictions(question, match["more"] or "")
        return inner and replace(inner, origin=_name(match["origin"]), certain=match["how"].lower() == "by")
    return None


def _topic(words: str) -> str | None:
    """Return a topic without quotation marks; None when it is more than a topic."""
    topic = _TAIL.sub("", words).strip(" “”\"'‘’").removeprefix("both ")
    return None if len(topic.split()) > MAX_TOPIC_WORDS or _OTHER_LOGIC.search(topic) else topic


def _name(words: str) -> str:
    return words.strip(" “”\"'").removeprefix("the ")
