"""Find boilerplate: the lines that a page puts around an article, and why each is not part of it.

Every rule matches a whole short line. A sentence of the article that only contains such words stays. Where a line could
be either, it stays: a line of boilerplate left in does less harm than a sentence lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_CHARS = 220  # a longer line is never boilerplate

# reason -> patterns of the whole line in any case; "~" stands for the punctuation that may end it
_RULES = {
    "comment form": (
        r"(please )?allow (up to )?\d+ (hours|(business |working )?days) for (a |your )?(reply|response|answer)~",
        r"(view|read|see|show|load)( all)? \d+ comments?~|be the first to comment~|(log|sign) in to comment~",
        r"leave a (reply|comment)( cancel reply)?~",
        r"(your )?e-?mail address will not be published~( required fields are marked \*)?",
        r"required fields are marked \*",
        r"save my name, e-?mail,? .{0,100}",
        r"notify me of (follow-?up|new) (comments|posts) .{0,20}",
        r"(post|submit|add( a)?|write a|view( all)?|show|hide) comments?~",
        r"comments?( \(\d+\)|( are)? (closed|off))?~|\d+ comments?~|no comments( yet)?~",
        r"(name|e-?mail|comment|website) ?\*",
        r"join the (conversation|discussion)~",
        r"(you must be |please )?(log|sign)(ged)? in to (post|leave) a (comment|reply)~",
    ),
    "byline": (
        r"by:? (the )?(admin(istrator)?|editors?|(news|web) ?(desk|room)|staff( (reporter|writer)s?)?|webmaster)~",
    ),
    "advertisement": (
        r"(skip |close )?(ad|advert|advertisement)s?~( *[·•|–—-]? *(scroll to )?continue( reading)?( below)?~)?",
        r"scroll to continue( reading)?~",
        r"(the |this )?(article|content|report|story) continues (after|below)( (the|this) (ad"
        r"|advert(isement)?|video))?~",
        r"(paid|partner|promoted|sponsored) (content|links?|post|stories)~|(sponsored|paid for) by [^.!?]{1,40}"
        r"|sponsored~",
    ),
    "share bar": (
        r"(please )?share( (this|the))?( (article|link|news|page|post|story))?(~| (on|via|with) [^.!?]{1,40})",
        r"click to (share|e-?mail|print|tweet)\b.{0,80}",
        r"(tweet|pin|print|copy) (this|it|link)~|tweet~|print this (page|article)~",
        r"follow .{1,60} on (bluesky|facebook|instagram|mastodon|threads|tiktok|twitter|x|youtube)\b.{0,80}",
    ),
    "newsletter": (
        r"\W{0,3}((you can )?(also )?(get|join|receive|register|sign up|subscribe)|want"
        r"|would you like)\b(?=.*\b(newsletters?|inbox|e-?mail alerts)\b).{0,200}",
        r"(?=.*\b(newsletters?|inbox)\b).*[:.!?,(] ?(sign up|subscribe)\b.*",
        r"\W{0,3}(sign up|subscribe)( (now|today|here|for free|to (read|continue)( reading)?))*~",
        r"already a subscriber\?.{0,40}|enter your e-?mail( address)?~",
        r"support (independent|local|our) journalism~( .{0,80})?",
    ),
    "related": (
        r"(recommended|powered|promoted|sponsored( links)?|(around|from) the web) by "
        r"(outbrain|taboola|revcontent).{0,20}",
        r"(from (around )?the web|sponsored links( by .{1,20})?|more stories like this|you might also like)~",
        r"(also read|further reading|learn more|listen|more|(read|see)( also| more| next)?|related( \w+)?"
        r"|watch) ?: ?(?![“\"‘']).{1,150}",
        r"(read|see|view|show|load) (more|all|next|also)~|continue reading~|up next~|what to read next~",
        r"(latest|more|popular|recommended|related|suggested|top|trending) (articles?|content|coverage|links"
        r"|news|posts?|reading|stor(y|ies)|tags|topics?|videos?)~",
        r"(more|related) (from|on) [^.!?]{1,40}|most (popular|read|shared|viewed)~|(recommended( for you)?|related"
        r"|trending)( now)?~",
        r"(readers|you) (could|may|might)( also)? (be interested in|enjoy|like)~|editors?[’']?s? picks?~",
    ),
    "subscription offer": (
        r"you(['’]ve| have) (read|used|viewed|reached|hit) .{0,40}"
        r"(\bfree (articles?|stories)|\d (articles?|stories)|\blimit)\b.{0,60}",
        r"(you have )?\d+ (free )?(articles?|stories) (left|remaining)\b.{0,60}",
        r"\W{0,3}(subscribe|join|upgrade|sign up|support us|donate|get (unlimited|full) access"
        r"|unlimited (digital )?access"
        r")\b[^.!?]{0,60}[$€£]? ?\d[^!?]{0,80}\b(month|week|year|day)s?\b.{0,80}",
        r"(only |just )?[$€£] ?\d[\d.,]* (a|per|for) [^.!?]{0,40}\b(month|week|year)s?\b~( cancel (at )?any ?time~)?",
        r"cancel (at )?any ?time~|already (have an account|a (member|subscriber)|subscribed|registered)\?.{0,60}",
        r"(to (continue|keep|finish) reading\b|(subscribe|register|log in|sign in|create an? (free )?account)\b"
        r"[^.!?]{0,40}"
        r"\bto (continue|keep|read)\b).{0,140}",
        r"(this (article|content|story)|the full (article|story)) is (only )?(available|exclusive(ly)?|for|reserved)"
        r"[^.!?]{0,40}\b(subscribers?|members?)\b.{0,80}",
        r"(create|get) (a|your) free account\b.{0,60}|(start|begin) (your|a) free trial\b.{0,60}",
        r"(log|sign) ?in~|(register|subscribe|become a (member|subscriber))( (now|today|here))?~",
    ),
    "cookie notice": (
        r"we value your privacy~|your privacy( choices| matters)?~|manage (my )?(cookies|privacy)~",
        r"this (web)?site is protected by recaptcha\b.{0,160}",
        r"(we|our (web)?site)( and our)?( \d+)?( partners)?,? (and our( \d+)? partners,? )?"
        r"(store|process|use|access)s?\b"
        r"(?=.*\b(cookies|personal data|device|identifiers)\b).{0,200}",
        r"(our (web)?site|this (web)?site|we) (and our partners )?uses? cookies\b.{0,200}",
        r"by (accepting|clicking|continuing|using)\b(?=.*\byou (accept|agree|consent)\b).{0,200}",
        r"(accept|allow|manage|reject)( all)? (choices|consent|cookies|preferences)~|(accept|reject) all~",
        r"(cookie|privacy) (notice|policy|preferences|settings)~|terms (of (service|use)|and conditions)~",
    ),
    "credit": (
        r"[(\[]?((file )?photo(graph)?|graphic|illustration|image|picture|video)s?( courtesy| credit"
        r"| source)?( by| of)? ?[:|] ?[^.!?]{1,100}[)\]]?",
        r"[(\[](file )?(photo(graph)?|image|picture|video)s? (by|courtesy of|credit|via) [^.!?)\]]{1,80}[)\]]",
        r"([^.!?,]{0,60}(/|\bvia ))?(afp|ap|ap photo|bloomberg|getty( images)?|reuters|shutterstock"
        r"|the canadian press)[)\]]?",
        r"file photo~",
    ),
    "copyright": (
        r"(copyright )?(©|\(c\) ?\d{4}|copyright \d{4}).{0,200}",
        r".{0,120}\ball rights reserved~",
    ),
    "navigation": (
        r"(jump|skip) to (main |the )?(content|footer|navigation|search)~|back to top~",
        r"(close|open|toggle) (menu|navigation|search)~|(main )?menu",
        r"\d+ min(ute)?s? read~|listen to (this )?(article|story)~( \d.{0,20})?",
    ),
}
MAX_NOTICE_CHARS = 1500
# What a consent box says first, over more characters than other boilerplate has.
_LONG_NOTICE = re.compile(
    r"we (and|,|with) (our|\d+|selected|third).{0,60}\b(store|access|use|process)\b.{0,120}"
    r"\b(cookies|device|personal data)\b"
    r"|(we use|this (web)?site uses) cookies\b",
    re.IGNORECASE,
)
_TABLE = [
    (reason, re.compile("|".join(patterns).replace("~", r" ?[.!:…»>]*"), re.IGNORECASE))
    for reason, patterns in _RULES.items()
]
# A line that consists of two or more of these is a share bar.
_SHARE_BAR = re.compile(
    r"((bluesky|copy|e-?mail|facebook|flipboard|instagram|link(edin)?|mail|messenger|pin(terest)?|print|reddit|rss|sms"
    r"|share( (on|this|via))*|telegram|threads|tiktok|tumblr|tweet|twitter|whatsapp|x|youtube)\b\W*){2,}",
    re.IGNORECASE,
)


def boilerplate(line: str) -> str:
    """Return why a stripped line is boilerplate, or an empty string when it can be part of the article."""
    if len(line) > MAX_CHARS:
        return "cookie notice" if len(line) <= MAX_NOTICE_CHARS and _LONG_NOTICE.match(line) else ""
    if not any(map(str.isalnum, line)):
        return "ornament"
    if _SHARE_BAR.fullmatch(line):
        return "share bar"
    return next((reason for reason, pattern in _TABLE if pattern.fullmatch(line)), "")


_BULLET = re.compile(r"[•·‣▪◦*-] +")
_FRONT_PAGE = re.compile(r"home|home ?page|front page|news", re.IGNORECASE)
_STEP_END = re.compile(r" *[/>›»|→] *")


def breadcrumbs(lines: Sequence[str]) -> tuple[int, str]:
    """Return how many of an article's first lines are breadcrumbs ("Home > World > …"), and the last step they name.

    Breadcrumbs are one line that begins with the front page; or several lines, each with a bullet or a separator and no
    empty line between them, where the first line is the front page or all lines but the last end in a separator.
    """
    steps: list[str] = []
    ends: list[bool] = []
    for line in lines:
        if not line or not (_BULLET.match(line) or _STEP_END.match(line[-1]) or (ends and ends[-1])):
            break
        steps.append(_BULLET.sub("", line, count=1).rstrip("/>›»|→ "))
        ends.append(bool(_STEP_END.match(line[-1])))
    if len(steps) > 1 and (_FRONT_PAGE.fullmatch(steps[0]) or all(ends[:-1])):
        return len(steps), steps[-1]
    steps = _STEP_END.split(lines[0]) if lines else []
    if len(steps) > 1 and _FRONT_PAGE.fullmatch(steps[0]):
        return 1, steps[-1]
    return 0, ""
