"""Who says a sentence: speech verbs, quotation marks and names, read by rules, without a language model.

Works on the pattern of English news: “…,” NAME said. / NAME, ROLE, said … / said NAME / he added, “…”.
A pronoun speaks for the person the article named last as a subject; a surname for the full name given earlier.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Span = tuple[int, int]

_CAP = r"(?:[A-ZÀ-ÖØ-Þ][\w’'À-ÿ]*(?:-[A-Za-zÀ-ÿ][\w’'À-ÿ]*)*|[A-Z]\.)"
_PARTICLE = r"(?:de|da|di|del|der|den|van|von|la|le|bin|ibn|al|el|du|dos)"
_NAME = re.compile(rf"\b{_CAP}(?:[ ]+(?:{_PARTICLE}[ ]+)*{_CAP})*")
_PRONOUN = re.compile(r"\b(?:[Hh]e|[Ss]he|[Tt]hey)\b")
_ROLE_WORDS = (
    "source|official|analyst|expert|spokes(?:man|woman|person)|minister|president|premier|leader|economist|"
    "representative|researcher|lawyer|prosecutor|witness|resident|union|company|ministry|government|police|"
    "executive|negotiator|diplomat|critic|observer|professor|scientist|doctor|judge|senator|governor|mayor|"
    "secretary|director|department|agency|report|study|court|bank|office|worker|manufacturer|statement"
)
_ROLE = re.compile(
    rf"\b(?:(?:[Tt]he|[Aa]n?|[Oo]ne|[Aa]nother|[Ss]ome|[Ss]everal|[Ss]enior|[Mm]any)[ ]+)?"
    rf"(?:[\w’'-]+[ ]+){{0,3}}?(?i:{_ROLE_WORDS})s?(?:[ ]+(?i:{_ROLE_WORDS})s?)*\b"
)
_INTRODUCES = re.compile(  # words before a name that say what its bearer is, and of whom
    rf"(?:(?!(?:in|at|with|to|of|for|from|by|on|after|and|that|as|who|about)\b)[\w.’'-]+ ){{0,4}}"
    rf"(?:{_ROLE_WORDS}|chief|head|boss|coach|author|founder|captain)s? ",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\b(?:said|says|say|told|tells|added|adds|noted|notes|stated|states|remarked|explained|explains|argued|argues|"
    r"warned|warns|emphasi[sz]ed|stressed|wrote|writes|tweeted|posted|asked|replied|responded|mentioned|cautioned|"
    r"insisted|insists|claimed|claims|declared|announced|revealed|acknowledged|admitted|suggested|expressed|"
    r"indicated|dismissed|recalled|predicted|estimated|testified|concluded|conceded|urged|complained|joked|"
    r"believes?|anticipates?|expects?|viewed|defended|framed|called|described|praised|criti[cs]i[sz]ed|"
    r"continued|confirmed|denied|reported|reiterated|pressed|voiced|made (?:it )?clear|noting|saying|adding|arguing)\b"
)
_INVERTED = {"said", "says", "wrote", "added", "asked", "warned", "explained", "told", "noted", "argued"}
_PARTICIPLES = ("noting", "saying", "adding", "arguing")
_ENDING = {"said", "says", "wrote", "argued"}
_TITLED = re.compile(r"(?:[A-Z][\w.]* +)*")
_ENDS_A_REPORT = re.compile(r"[,.;]|$| who\b| of\b")
_RELAYS = re.compile(r"(?:[\w’'-]+ ){0,2}sources?$|people$")
_ACCORDING = re.compile(r"\b[Aa]ccording to[ ]+")
_CONJUNCTION = re.compile(r"^(?:while|but|and|as|although|though|however|meanwhile) ", re.IGNORECASE)
_BETWEEN = re.compile(r"[ ,]*(?:(?:also|has|have|had|then|later|[a-z]+ly)[ ,]+)*")
_PLACED = re.compile(r"\b(?:in|from|of|for|at|with) (?:the )?$")
_QUOTED = re.compile(r"“([^”]*)”|(?<![\w\"])\"([^\"]*)\"(?!\w)")
_TITLES = {
    "Mr", "Mrs", "Ms", "Dr", "Sir", "Prime", "Minister", "President", "Vice", "Trade", "Commerce", "Secretary",
    "Conservative", "Liberal", "Leader", "Intergovernmental", "Affairs", "King", "Queen", "Premier", "Senator",
    "Governor", "Chief", "CEO", "Justice", "General", "U.S", "US", "UK", "Canadian", "American", "British",
    "Foreign", "Finance", "Defence", "Defense", "State", "Professor", "Judge", "Chancellor", "Mayor", "Rep", "Sen",
    "Gov", "Lord", "Lady", "Pope", "Prince", "Princess", "Ambassador", "Attorney", "Spokesman", "Spokeswoman",
    "Speaker", "Director", "Executive", "Officer", "Chairman", "Chair", "Founder", "Republican", "Democratic",
    "Democrat", "Former", "Ex",
}  # fmt: skip
_NOT_NAMES = {
    "The", "A", "An", "In", "On", "At", "As", "But", "And", "While", "When", "With", "However", "Both", "This",
    "That", "These", "Those", "He", "She", "They", "It", "We", "I", "You", "His", "Her", "Their", "Its", "During",
    "Without", "Sources", "Trade", "Officials", "Industry", "Experts", "After", "Before", "Since", "If", "For",
    "Last", "Despite", "Meanwhile", "Analysts", "Critics", "Some", "Many", "Several", "Most", "There", "Here",
    "Although", "Though", "Because", "So", "Yet", "Not", "No", "Now", "Then", "By", "From", "To", "Of", "Or", "Our",
    "My", "What", "Who", "Why", "How", "Where", "Which", "Earlier", "Later", "Still", "Also", "Even", "Representatives",
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January", "February", "March",
    "April", "May", "June", "July", "August", "September", "October", "November", "December",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who says a sentence.

    Attributes:
        speaker: the fullest name the article gives, or the role ("the source", "one trade analyst").
        speaker_span: where the sentence (or the one it continues) names the speaker.
        cue_span: the speech verb; None for the continuation of a quotation.
        quote_span: the longest quotation in the sentence, without its marks; None for reported speech.
    """

    speaker: str
    speaker_span: Span
    cue_span: Span | None
    quote_span: Span | None


@dataclass(frozen=True, slots=True)
class _Subject:
    kind: str  # "name", "pronoun" or "role"
    start: int
    end: int


def attribute(text: str, sentences: Sequence[Span]) -> list[Attribution | None]:
    """Find the speaker of every sentence of an article.

    Args:
        text: the article's cleaned text.
        sentences: (start, end) spans in `text`, in order.

    Returns:
        As many entries as sentences, None where nobody but the reporter speaks.
    """
    full_names = _full_names(text)
    found: list[Attribution | None] = []
    last_person: tuple[str, Span] | None = None
    previous: Attribution | None = None
    for index, (start, end) in enumerate(sentences):
        new_paragraph = index == 0 or "\n" in text[sentences[index - 1][1] : start]
        attribution = _read_sentence(text, start, end, last_person, full_names)
        quote = _quote(text, start, end)
        if attribution is None and quote is not None and previous is not None and _continues(text, start, quote):
            # The same voice goes on: “…,” she said. “…” — or an open quotation from the paragraph before.
            same_voice = not new_paragraph or _left_open(text, *sentences[index - 1])
            attribution = Attribution(previous.speaker, previous.speaker_span, None, quote) if same_voice else None
        found.append(attribution)
        previous = attribution if attribution is not None else (None if new_paragraph else previous)
        subject = _first_person(text, start, end, full_names)
        if attribution is not None and attribution.cue_span is not None:
            last_person = (attribution.speaker, attribution.speaker_span)
        elif subject is not None:
            last_person = subject
    return found


def _read_sentence(
    text: str, start: int, end: int, last_person: tuple[str, Span] | None, full_names: dict[str, str]
) -> Attribution | None:
    masked = _mask_quotations(text, start, end)
    relayed: Attribution | None = None
    for cue in _CUE.finditer(masked):
        subject = (
            _subject_inverted(masked, cue.start(), cue.end())
            or _subject_before(masked, cue.start())
            or _subject_after(masked, cue.end(), cue.group())
        )
        named = _resolve(masked, subject, start, last_person, full_names) if subject else None
        if named is None:
            continue
        cue_span = (start + cue.start(), start + cue.end())
        attribution = Attribution(named[0], named[1], cue_span, _quote(text, start, end))
        if not _RELAYS.match(attribution.speaker):
            return attribution
        relayed = relayed or attribution  # "Sources say NAME made it clear": the named one speaks
    if relayed is not None:
        return relayed
    if according := _ACCORDING.search(masked):
        subject = _subject_at(masked, according.end())
        named = _resolve(masked, subject, start, last_person, full_names) if subject else None
        if named is not None:
            return Attribution(
                named[0], named[1], (start + according.start(), start + according.end()), _quote(text, start, end)
            )
    return None


def _mask_quotations(text: str, start: int, end: int) -> str:
    """The sentence with quoted words blanked, so that verbs and names inside a quotation are not read."""
    sentence = text[start:end]
    masked = _QUOTED.sub(lambda m: " " * len(m.group()), sentence)
    open_at, close_at = masked.find("“"), masked.find("”")
    if close_at >= 0 and (open_at < 0 or close_at < open_at):
        masked = " " * close_at + masked[close_at:]
    if (open_at := masked.rfind("“")) >= 0 and "”" not in masked[open_at:]:
        masked = masked[:open_at] + " " * (len(masked) - open_at)
    return masked


@lru_cache(maxsize=8)  # of a sentence, which is asked about at each of its verbs
def _subjects(masked: str) -> tuple[_Subject, ...]:
    subjects = [_Subject("pronoun", *m.span()) for m in _PRONOUN.finditer(masked)]
    for match in _NAME.finditer(masked):
        name = _trim_name(match.group())
        if name:
            subjects.append(_Subject("name", *_within(match, name)))
    names = {s.end for s in subjects}
    subjects += [_Subject("role", *m.span()) for m in _ROLE.finditer(masked) if m.end() not in names]
    return tuple(sorted(subjects, key=lambda s: (s.end, s.kind != "name")))


def _subject_before(masked: str, cue: int) -> _Subject | None:
    """The subject of the verb at `cue`: right before it, before an aside in commas, or opening the clause."""
    candidates = [s for s in _subjects(masked) if s.end <= cue]
    if not candidates:
        return None
    opening = len(masked) - len(masked.lstrip())
    if masked[cue:].startswith(_PARTICIPLES) and masked[:cue].rstrip().endswith(","):
        # "Trump attacked Rubio, saying …": he who acts, and not who stands nearest
        return next((s for s in candidates if not _PLACED.search(masked[: s.start])), None)
    for subject in reversed(candidates):
        if _BETWEEN.fullmatch(masked[subject.end : cue]) and not _inside_aside(masked, subject, cue):
            if not _PLACED.search(masked[: subject.start]) or subject is candidates[0]:
                return subject
            break  # "Industry leaders in Canada have expressed": the leaders, not the country
    before_aside = masked[:cue].rstrip().endswith(",")
    for subject in candidates:
        if before_aside and masked[subject.end :].startswith(",") and masked[subject.end : cue].count(",") > 1:
            return subject
    for subject in candidates:
        if subject.kind == "role" and subject.start == opening and ("," not in masked[:cue] or before_aside):
            return subject
    return candidates[0] if masked[cue:].startswith(_PARTICIPLES) else None


def _inside_aside(masked: str, subject: _Subject, cue: int) -> bool:
    """Whether a comma both opens and closes around the subject: "Kingston, president of the union, said"."""
    return masked[subject.end : cue].lstrip().startswith(",") and "," in masked[: subject.start].rstrip()[-80:]


def _subject_inverted(masked: str, cue: int, cue_end: int) -> _Subject | None:
    """Who stands behind the verb that ends a report: "the talks go on, said Brian Kingston, president of …"."""
    if masked[cue:cue_end] not in _ENDING or not masked[:cue].rstrip().endswith(","):
        return None
    subject = _introduced(masked, _next(masked, cue_end), _TITLED, _INTRODUCES)
    return subject if subject and _ENDS_A_REPORT.match(masked, subject.end) else None


def _subject_after(masked: str, cue_end: int, cue: str) -> _Subject | None:
    """The inverted form: “…,” said one trade analyst."""
    if cue not in _INVERTED:
        return None
    subject = _subject_at(masked, cue_end)
    return subject if subject and subject.kind != "pronoun" and masked[:cue_end].strip() in ("", ",", cue) else None


def _subject_at(masked: str, position: int) -> _Subject | None:
    """The subject that starts at `position`, or the first name in the same clause ("said Spirit CEO Ted Christie")."""
    lead = _next(masked, position)
    if subject := _introduced(masked, lead, _INTRODUCES):
        return subject  # "said US president Joe Biden": he, and not the role
    later = [s for s in _subjects(masked) if s.start >= lead]
    near = [s for s in later if s.start == lead]
    if role := _ROLE.match(masked, lead):
        near.append(_Subject("role", *role.span()))
    if near:
        return max(near, key=lambda s: s.end)
    named = [s for s in later if s.kind == "name" and s.start - lead < 60 and "," not in masked[lead : s.start]]
    return named[0] if named else None


def _introduced(masked: str, lead: int, *introductions: re.Pattern[str]) -> _Subject | None:
    """The first name with nothing before it, from `lead` on, but words that introduce it."""
    names = (s for s in _subjects(masked) if s.kind == "name" and s.start >= lead)
    return next((s for s in names if any(words.fullmatch(masked[lead : s.start]) for words in introductions)), None)


def _next(masked: str, position: int) -> int:
    """Where the next word begins."""
    return position + len(masked[position:]) - len(masked[position:].lstrip())


def _resolve(
    masked: str, subject: _Subject, offset: int, last_person: tuple[str, Span] | None, full_names: dict[str, str]
) -> tuple[str, Span] | None:
    span = (offset + subject.start, offset + subject.end)
    words = masked[subject.start : subject.end]
    if subject.kind == "pronoun":
        return last_person
    if subject.kind == "name":
        return full_names.get(words, words), span
    words = _CONJUNCTION.sub("", words)
    return words[0].lower() + words[1:] if words.split()[0] in _NOT_NAMES else words, span


def _first_person(text: str, start: int, end: int, full_names: dict[str, str]) -> tuple[str, Span] | None:
    """The first full-named person of a sentence: whom a pronoun in the next one most likely means."""
    masked = _mask_quotations(text, start, end)
    for match in _NAME.finditer(masked):
        name = _trim_name(match.group())
        if name in full_names:
            first, last = _within(match, name)
            return full_names[name], (start + first, start + last)
    return None


def _full_names(text: str) -> dict[str, str]:
    """Surname and full name -> the first full name with that surname. People only, as far as speech verbs tell."""
    names: dict[str, str] = {}
    for match in _NAME.finditer(text):
        name = _trim_name(match.group())
        parts = name.split()
        if 2 <= len(parts) <= 4 and _looks_personal(parts):
            names.setdefault(parts[-1], name)
            names.setdefault(name, names[parts[-1]] if names[parts[-1]].endswith(name) else name)
    return names


def _looks_personal(parts: Sequence[str]) -> bool:
    return not any((p.isupper() and len(p) > 2) or p in _NOT_NAMES or p in _INSTITUTIONS for p in parts)


_INSTITUTIONS = {
    "House", "States", "Association", "Union", "Agreement", "Street", "City", "Court", "Bank", "University", "News",
    "Period", "Parliament", "Kingdom", "America", "Canada", "Korea", "Cooperation", "Center", "Centre", "Office",
    "Automakers", "Steelworkers", "Manufacturers", "Ministry", "Department", "Council", "Party", "Company", "Times",
    "Post", "Economic", "Republic", "Committee", "Commission", "Congress", "Senate", "Airlines", "Group", "Prosperity",
}  # fmt: skip


def _trim_name(words: str) -> str:
    """Drop leading titles and sentence-opening words, and a trailing possessive."""
    parts = words.split()
    while parts and (parts[0].rstrip(".") in _TITLES or parts[0] in _NOT_NAMES):
        parts = parts[1:]
    if not parts:
        return ""
    name = " ".join(parts)
    return re.sub(r"[’']s?$", "", name)


def _within(match: re.Match[str], name: str) -> Span:
    """The span of a trimmed name in the text that was matched, which may have several spaces between its words."""
    words = match.group()
    if "  " not in words:  # nearly always, and making a pattern takes a hundred times as long as this
        start = match.start() + words.index(name)
        return start, start + len(name)
    found = re.search(" +".join(map(re.escape, name.split(" "))), words)
    assert found is not None
    return match.start() + found.start(), match.start() + found.end()


def _quote(text: str, start: int, end: int) -> Span | None:
    """The longest quotation that lies in the sentence, also one that opens or closes outside it."""
    spans = [m.span(1) if m.group(1) is not None else m.span(2) for m in _QUOTED.finditer(text, start, end)]
    sentence = text[start:end]
    if not spans:
        opened, closed = sentence.rfind("“"), sentence.find("”")
        if opened >= 0 and closed < 0:
            spans = [(start + opened + 1, end)]
        elif closed >= 0 and opened < 0:
            spans = [(start, start + closed)]
    if not spans:
        return None
    left, right = max(spans, key=lambda s: s[1] - s[0])
    while right > left and text[right - 1] in ", ":
        right -= 1
    return (left, right) if right > left else None


def _continues(text: str, start: int, quote: Span) -> bool:
    """The sentence is the quotation: nothing but marks stands before it."""
    return not text[start : quote[0]].strip('“" ')


def _left_open(text: str, start: int, end: int) -> bool:
    return text[start:end].count("“") > text[start:end].count("”")


def people_in(text: str) -> list[str]:
    """Full names of the people a text names, in order of appearance."""
    return list(dict.fromkeys(_full_names(text).values()))
