"""Find who says each sentence, by rules over speech verbs, quotation marks and names.

The rules follow English news: “…,” NAME said. / NAME, ROLE, said … / said NAME / he added, “…”. A pronoun means the
person that the article named last as a subject. A surname means the full name given earlier.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rag.text.names import NAME, NOT_NAMES, full_names, without_titles
from rag.text.sentences import Span

# A name that comes later after "said" is not the speaker.
MAX_NAME_DISTANCE_CHARS = 60
# Characters before a verb in which its subject, its auxiliaries or the comma of an aside are looked for.
MAX_PHRASE_CHARS = 120
MAX_AUXILIARIES_CHARS = 80
MAX_ASIDE_CHARS = 80

_PRONOUN = re.compile(r"\b(?:[Hh]e|[Ss]he|[Tt]hey)\b")
_ROLE_WORDS = (
    "source|official|analyst|expert|spokes(?:man|woman|person)|minister|president|premier|leader|economist|"
    "representative|researcher|lawyer|prosecutor|witness|resident|union|company|ministry|government|police|"
    "executive|negotiator|diplomat|critic|observer|professor|scientist|doctor|judge|senator|governor|mayor|"
    "secretary|director|department|agency|report|study|court|bank|office|worker|manufacturer|statement"
)
_ROLE = re.compile(
    rf"\b(?:(?:[Tt]he|[Aa]n?|[Oo]ne|[Aa]nother|[Ss]ome|[Ss]everal|[Ss]enior|[Mm]any)[ ]+)?"
    rf"(?:(?!(?:the|an?|that|which|where|with|whom|why|even|yet)\b)[\w’'-]+[ ]+){{0,3}}?"
    rf"(?i:{_ROLE_WORDS})s?(?:[ ]+(?i:{_ROLE_WORDS})s?)*\b"
)
_INTRODUCES = re.compile(  # a role before a name: "US president", "head of the union"
    rf"(?:(?!(?:in|at|with|to|of|for|from|by|on|after|and|that|as|who|about)\b)[\w.’'-]+ ){{0,4}}"
    rf"(?:{_ROLE_WORDS}|chief|head|boss|coach|author|founder|captain)s? ",
    re.IGNORECASE,
)
_CUE = re.compile(  # verbs of speech, findings and stated beliefs, but not of wishes ("wants") or deeds ("backed")
    r"(?<![\w-])(?:[Ss]a(?:id|ys?|ying)|t(?:old|ells|elling)|wr(?:ote|ites)|made (?:it )?clear|"
    r"point(?:ed|s) (?:out|to)|add(?:ed|s|ing)(?! to\b)|continued(?= *(?:[,.:;]|$))|"
    r"(?:found|finds|shows?|showed)(?= that\b)|believes?|anticipates?|expects?|"
    r"argue|acknowledge|ask|contend|concede|conclude|insist|suggest|"
    r"(?:accus|acknowledg|alleg|announc|argu|conced|conclud|criti[cs]i[sz]|declar|decri|defend|deni|denounc|describ|"
    r"disclos|emphasi[sz]|endors|not|prais|propos|urg)(?:ed|es|ing)|"
    r"(?:admitt?|ask|assert|assur|blam|blast|boast|call|caution|cit|claim|complain|condemn|confirm|contend|dismiss|"
    r"explain|hint|indicat|insist|lament|mock|predict|proclaim|rail|recall|reiterat|reject|remind|reveal|slamm?|"
    r"speculat|stress|suggest|tout|vow|warn|wonder)(?:ed|e?s|ing)|"
    r"(?:bemoan|bragg|comment|email|express|fram|jok|mention|press|promis|question|quipp|remark|repeat|"
    r"repli|report|respond|shout|stat|testifi|tweet|view|voic)ed)\b(?! by\b| from\b)"
)
_INVERTED = set(
    "said says say wrote writes added asked warned explained told noted argued argues recalled replied tweeted "
    "declared continued".split()
)
_PARTICIPLE = re.compile(r"[a-z]+ing\b")
_ENDING = set("said says say wrote writes argued explained recalled tweeted".split())
_TITLED = re.compile(r"(?:[A-Z][\w.]* +)*")
_ENDS_A_REPORT = re.compile(r"[,.;]|$| who\b| of\b")
_RELAYS = re.compile(r"(?:[\w’'-]+ ){0,2}sources?$|people$")
_ACCORDING = re.compile(r"\b[Aa]ccording to[ ]+")
_NO_SUBJECT = (  # words with which a subject does not begin or end
    r"i[tnf]?|we|you|who|whom|whose|which|what|where|there|how|why|on|at|by|to|for|from|with|after|as|so|not|never|this|"
    r"that|whether|and|but|or|when|of|yet|thus|now|just|also|then|still|even|both|perhaps|including|across|during|while|"
    r"upon|no|nobody|everyone|well|instead|don[’']t|didn[’']t|has|had|have|been|be|-"
)
_NOT_INSIDE = (
    r"who|whom|that|which|to|is|was|are|were|has|had|have|and|can|could|will|would|may|must|should|do|does|did|not"
)
_PHRASE = re.compile(  # all words between the start of a clause and its verb: "the younger of the brothers"
    r"(?:^|[,;:—–]|\band(?= (?:the|an?|one|some|several|many|his|her|their)\b)|"
    r"\b(?i:but|as|that|what|which|than|while|because|where|when|if)\b)[ ]*"
    rf"(?!(?i:{_NO_SUBJECT})\b)((?:(?!(?:{_NOT_INSIDE})\b)[\w’'.%-]+ ){{0,6}}"
    rf"(?!(?:{_NO_SUBJECT}|{_NOT_INSIDE}|an?|the|\w+n[’']t)\b)[\w’'%-]+)[ ]*$"
)
_PHRASE_AFTER = re.compile(  # "said one former aide, who …", "according to the recent poll"
    rf"(?!(?:{_NO_SUBJECT}|[A-Z][a-z]+day)\b)(?:(?!(?:{_NOT_INSIDE})\b)[\w’'%-]+ ){{0,5}}?"
    rf"(?!(?:{_NO_SUBJECT}|{_NOT_INSIDE}|an?|the)\b)[\w’'%-]+"
    r"(?=[ ]*(?:[,.;:—]|$)| (?:who|of|in|from|for|with|at|by|that|on)\b)"
)
_AUXILIARIES = re.compile(  # words that may stand between a subject and its verb
    r"(?:\b(?:also|both|even|has|have|had|since|then|later|now|once|often|again|first|still|further|earlier|however|"
    r"[a-z]+ly|on [A-Z][a-z]+day)[ ,]+)*$"
)
_PROGRESSIVE = re.compile(r"(?<= )(?:is|are|was|were|been)$")
_CONJUNCTION = re.compile(r"^(?:while|but|and|as|although|though|however|meanwhile) ", re.IGNORECASE)
_PLACED = re.compile(r"\b(?i:in|from|of|for|at|with|to|like|than) (?:the )?$")
_QUOTATION = re.compile(  # an opening mark at each paragraph, then a closing mark or the end of the paragraph
    r"“([^“”\n]*?(?:\n\s*“[^“”\n]*?)*)(?:”|(?<=[,.?!…])[\"“](?!\w)|(?=\n)|$)|"
    r"(?<![\w\"])\"(?=\S)([^\"”\n]*(?:\n\s*\"[^\"”\n]*)*)(?:\"(?!\w)|”|(?=\n)|$)|"
    r"(?<![\w'])''(?=\S)([^\n]*?)(?:''(?![\w'])|(?=\n)|$)"
)
_IN_BRACKETS = re.compile(r"\([^()\n]{1,40}\)")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who says a sentence.

    Attributes:
        speaker: the fullest name the article gives, or the role ("the source", "one trade analyst").
        speaker_span: where this sentence, or the one that it continues, names the speaker.
        cue_span: the speech verb; None for the continuation of a quotation.
        quote_span: the longest quotation in the sentence, without its marks; None for reported speech.
    """

    speaker: str
    speaker_span: Span
    cue_span: Span | None
    quote_span: Span | None


@dataclass(frozen=True, slots=True)
class _Subject:
    """A possible subject of a speech verb; `kind` is "name", "pronoun" or "role"."""

    kind: str
    start: int
    end: int


def attribute(text: str, sentences: Sequence[Span]) -> list[Attribution | None]:
    """Find the speaker of every sentence of an article.

    Args:
        text: the article's cleaned text.
        sentences: (start, end) spans in `text`, in order.

    Returns:
        One entry for each sentence; None where the reporter speaks.
    """
    people = full_names(text)
    quotations = [match.span(match.lastindex or 0) for match in _QUOTATION.finditer(text)]
    masked = _mask(text)
    found: list[Attribution | None] = []
    last_person: tuple[str, Span] | None = None
    for start, end in sentences:
        quote = _quote(text, start, end, quotations)
        found.append(_read_sentence(masked[start:end], start, quote, last_person, people))
        if (attribution := found[-1]) is not None:
            last_person = (attribution.speaker, attribution.speaker_span)
        else:
            last_person = _first_person(masked[start:end], start, people) or last_person
    return _carry_on(text, sentences, quotations, found)


def _carry_on(
    text: str, sentences: Sequence[Span], quotations: Sequence[Span], found: Sequence[Attribution | None]
) -> list[Attribution | None]:
    """Give every sentence of a quotation its speaker, and a later quotation the last speaker of its paragraph."""
    carried: list[Attribution | None] = []
    previous: Attribution | None = None
    ends = [end for _, end in sentences]
    for index, (start, end) in enumerate(sentences):
        attribution, quote = found[index], _quote(text, start, end, quotations)
        if attribution is not None or not index or "\n" in text[ends[index - 1] : start]:
            previous = attribution
        if attribution is None and quote is not None and _is_quotation(text, start, end, quote):
            whole = quotations[bisect_right(quotations, quote[0], key=lambda span: span[0]) - 1]
            within = range(bisect_right(ends, whole[0]), bisect_left(sentences, (whole[1], 0)))
            voice = next((found[i] for i in within if found[i]), previous)
            if voice is not None:
                attribution = previous = Attribution(voice.speaker, voice.speaker_span, None, quote)
        carried.append(attribution)
    return carried


def _is_quotation(text: str, start: int, end: int, quote: Span) -> bool:
    """Return whether a sentence is a quotation: only marks precede the quoted words, which fill half of it or more."""
    return not text[start : quote[0]].strip("“\"' ") and 2 * (quote[1] - quote[0]) >= end - start


def _read_sentence(
    masked: str, start: int, quote: Span | None, last_person: tuple[str, Span] | None, people: dict[str, str]
) -> Attribution | None:
    relayed: Attribution | None = None
    for cue in _CUE.finditer(masked):
        subject = (
            _subject_inverted(masked, cue.start(), cue.end())
            or _subject_before(masked, cue.start())
            or _subject_after(masked, cue.start(), cue.end())
        )
        named = _resolve(masked, subject, start, last_person, people) if subject else None
        if named is None:
            continue
        attribution = Attribution(*named, (start + cue.start(), start + cue.end()), quote)
        if not _RELAYS.match(attribution.speaker):
            return attribution
        relayed = relayed or attribution  # "Sources say NAME made it clear": NAME is the speaker
    if relayed is not None:
        return relayed
    if according := _ACCORDING.search(masked):
        subject = _subject_at(masked, according.end())
        named = _resolve(masked, subject, start, last_person, people) if subject else None
        if named is not None:
            return Attribution(*named, (start + according.start(), start + according.end()), quote)
    return None


def _mask(text: str) -> str:
    """Return the text with quotations and brackets blanked, so that the rules find no verb or name in them."""
    masked = _QUOTATION.sub(_blank, text)
    return _IN_BRACKETS.sub(lambda match: " " * len(match.group()), masked)


def _blank(quotation: re.Match[str]) -> str:
    """Return as many spaces, but keep a comma before the closing mark: it belongs to the sentence too."""
    words = quotation.group()
    return " " * (len(words) - 1) + ("," if words.rstrip("”\"'").endswith(",") else " ")


def _subjects(masked: str) -> tuple[_Subject, ...]:
    subjects = [_Subject("pronoun", *m.span()) for m in _PRONOUN.finditer(masked)]
    for match in NAME.finditer(masked):
        name = without_titles(match.group())
        if name:
            subjects.append(_Subject("name", *_within(match, name)))
    names = {s.end for s in subjects} | {s.start - 1 for s in subjects}  # "the Finance Minister NAME" is NAME
    subjects += [_Subject("role", *m.span()) for m in _ROLE.finditer(masked) if m.end() not in names]
    return tuple(sorted(subjects, key=lambda s: (s.end, s.kind != "name")))


def _subject_before(masked: str, cue: int) -> _Subject | None:
    """Return the subject of the verb at `cue`: directly before it, before an aside, or at the start of the clause."""
    candidates = [s for s in _subjects(masked) if s.end <= cue]
    agent = next((s for s in candidates if not _PLACED.search(masked[: s.start])), None)
    finite = not _PARTICIPLE.match(masked, cue)
    if not finite and masked[:cue].rstrip().endswith(","):
        return agent  # "Trump attacked Rubio, saying …": the subject of the main clause, and not the nearest name
    before = _without_auxiliaries(masked[:cue])
    if not finite and (progressive := _PROGRESSIVE.search(before)):
        finite, before = True, _without_auxiliaries(before[: progressive.start()])
    if subject := _adjacent(masked, candidates, before, cue) or _across_aside(masked, candidates, before):
        return subject
    if finite and (phrase := _PHRASE.search(before, max(0, len(before) - MAX_PHRASE_CHARS))):
        return _Subject("role", *phrase.span(1))
    return agent if before.endswith((" and", " but", " then")) else None


def _adjacent(masked: str, candidates: Sequence[_Subject], before: str, cue: int) -> _Subject | None:
    """Return the subject that ends directly before the verb, with only auxiliaries between them."""
    for subject in reversed(candidates):
        if not before[subject.end :].strip(" ,") and not _inside_aside(masked, subject, cue):
            # "Industry leaders in Canada have expressed": the leaders are the subject, not the country.
            placed = _PLACED.search(masked[: subject.start]) and subject is not candidates[0]
            return None if placed else subject
    return None


def _across_aside(masked: str, candidates: Sequence[_Subject], before: str) -> _Subject | None:
    """Return the subject before an aside in commas, or the role that opens the clause."""
    for subject in candidates:
        if before.endswith(",") and before.startswith(",", subject.end) and before.count(",", subject.end) > 1:
            return subject
    opening = len(masked) - len(masked.lstrip(" ,"))
    for subject in candidates:
        if subject.kind == "role" and subject.start == opening and ("," not in before or before.endswith(",")):
            return subject
    return None


def _without_auxiliaries(words: str) -> str:
    auxiliaries = _AUXILIARIES.search(words, max(0, len(words) - MAX_AUXILIARIES_CHARS))
    return words[: auxiliaries.start() if auxiliaries else None].rstrip()


def _inside_aside(masked: str, subject: _Subject, cue: int) -> bool:
    """Return whether commas enclose the subject: "Kingston, president of the union, said"."""
    before = masked[: subject.start].rstrip()
    if subject.kind == "name" and " " in masked[subject.start : subject.end] and before.endswith(","):
        return False  # "His lawyer, Marty Warren, said": the name is the aside
    return masked[subject.end : cue].lstrip().startswith(",") and "," in before[-MAX_ASIDE_CHARS:]


def _subject_inverted(masked: str, cue: int, cue_end: int) -> _Subject | None:
    """Return the name after the verb that ends a report: "the talks go on, said Brian Kingston, president of …"."""
    if masked[cue:cue_end] not in _ENDING or not masked[:cue].rstrip().endswith(","):
        return None
    subject = _introduced(masked, _next_word(masked, cue_end), _TITLED, _INTRODUCES)
    return subject if subject and _ENDS_A_REPORT.match(masked, subject.end) else None


def _subject_after(masked: str, cue: int, cue_end: int) -> _Subject | None:
    """Return the subject after an inverted verb: “…,” said one trade analyst."""
    if masked[cue:cue_end].lower() not in _INVERTED:
        return None
    if not masked[:cue].strip(" ,"):
        subject = _subject_at(masked, cue_end)
        return subject if subject and subject.kind != "pronoun" else None
    if not masked[:cue].rstrip().endswith(","):
        return None
    phrase = _PHRASE_AFTER.match(masked, _next_word(masked, cue_end))
    return _Subject("role", *phrase.span()) if phrase and _ENDS_A_REPORT.match(masked, phrase.end()) else None


def _subject_at(masked: str, position: int) -> _Subject | None:
    """Return the subject at `position`, or the first name of the clause ("said Spirit CEO Ted Christie")."""
    start = _next_word(masked, position)
    if subject := _introduced(masked, start, _INTRODUCES):
        return subject  # "said US president Joe Biden": the name is the subject, and not the role
    later = [s for s in _subjects(masked) if s.start >= start]
    near = [s for s in later if s.start == start]
    if role := _ROLE.match(masked, start):
        near.append(_Subject("role", *role.span()))
    if near:
        return max(near, key=lambda s: s.end)
    for subject in later:
        close = subject.start - start < MAX_NAME_DISTANCE_CHARS and "," not in masked[start : subject.start]
        if subject.kind == "name" and close:
            return subject
    phrase = _PHRASE_AFTER.match(masked, start)
    return _Subject("role", *phrase.span()) if phrase else None


def _introduced(masked: str, start: int, *introductions: re.Pattern[str]) -> _Subject | None:
    """Return the first name with only an introduction between `start` and the name."""
    names = (s for s in _subjects(masked) if s.kind == "name" and s.start >= start)
    return next((s for s in names if any(words.fullmatch(masked[start : s.start]) for words in introductions)), None)


def _next_word(masked: str, position: int) -> int:
    """Return where the next word begins."""
    return position + len(masked[position:]) - len(masked[position:].lstrip())


def _resolve(
    masked: str, subject: _Subject, offset: int, last_person: tuple[str, Span] | None, people: dict[str, str]
) -> tuple[str, Span] | None:
    span = (offset + subject.start, offset + subject.end)
    words = masked[subject.start : subject.end]
    if subject.kind == "pronoun":
        return last_person
    if subject.kind == "name":
        return people.get(words, words), span
    words = _CONJUNCTION.sub("", words)
    return words[0].lower() + words[1:] if words.split()[0] in NOT_NAMES else words, span


def _first_person(masked: str, start: int, people: dict[str, str]) -> tuple[str, Span] | None:
    """Return the first person that a sentence names in full: a pronoun in the next sentence most likely means them."""
    for match in NAME.finditer(masked):
        name = without_titles(match.group())
        if name in people:
            first, last = _within(match, name)
            return people[name], (start + first, start + last)
    return None


def _within(match: re.Match[str], name: str) -> Span:
    """Return the span of a trimmed name in a match, which may have several spaces between its words."""
    words = match.group()
    if "  " not in words:  # nearly always; compiling a pattern takes a hundred times as long
        start = match.start() + words.index(name)
        return start, start + len(name)
    found = re.search(" +".join(map(re.escape, name.split(" "))), words)
    assert found is not None
    return match.start() + found.start(), match.start() + found.end()


def _quote(text: str, start: int, end: int, quotations: Sequence[Span]) -> Span | None:
    """Return the part in this sentence of the longest quotation, which may open or close outside it."""
    first = bisect_right(quotations, start, key=lambda span: span[1])
    last = bisect_left(quotations, (end, 0))
    spans = [(max(left, start), min(right, end)) for left, right in quotations[first:last]]
    left, right = max(spans, key=lambda span: span[1] - span[0], default=(0, 0))
    while right > left and text[right - 1] in ", ":
        right -= 1
    return (left, right) if right > left else None
