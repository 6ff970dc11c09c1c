"""Names: the runs of capitalised words of a text, the people it names in full, and who has which title.

English only. Every part of the product that looks for a name, or for the holder of a title, looks here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rag.text.tokens import Word, keys, words

Span = tuple[int, int]

_CAP = r"(?:[A-ZÀ-ÖØ-Þ][\w’'À-ÿ]*(?:-[A-Za-zÀ-ÿ][\w’'À-ÿ]*)*|[A-Z]\.)"
_PARTICLE = r"(?:de|da|di|del|der|den|van|von|la|le|bin|ibn|al|el|du|dos)"
NAME = re.compile(rf"\b{_CAP}(?:[ ]+(?:{_PARTICLE}[ ]+)*{_CAP})*")

# Words before a name that say what its bearer is; they are no part of it.
NAME_TITLES = {
    "Mr", "Mrs", "Ms", "Dr", "Sir", "Prime", "Minister", "President", "Vice", "Trade", "Commerce", "Secretary",
    "Conservative", "Liberal", "Leader", "Intergovernmental", "Affairs", "King", "Queen", "Premier", "Senator",
    "Governor", "Chief", "CEO", "Justice", "General", "U.S", "US", "UK", "Canadian", "American", "British",
    "Foreign", "Finance", "Defence", "Defense", "State", "Professor", "Judge", "Chancellor", "Mayor", "Rep", "Sen",
    "Gov", "Lord", "Lady", "Pope", "Prince", "Princess", "Ambassador", "Attorney", "Spokesman", "Spokeswoman",
    "Speaker", "Director", "Executive", "Officer", "Chairman", "Chair", "Founder", "Republican", "Democratic",
    "Democrat", "Former", "Ex",
}  # fmt: skip
# Words that a sentence opens with, or that name nobody.
NOT_NAMES = {
    "The", "A", "An", "In", "On", "At", "As", "But", "And", "While", "When", "With", "However", "Both", "This",
    "That", "These", "Those", "He", "She", "They", "It", "We", "I", "You", "His", "Her", "Their", "Its", "During",
    "Without", "Sources", "Trade", "Officials", "Industry", "Experts", "After", "Before", "Since", "If", "For",
    "Last", "Despite", "Meanwhile", "Analysts", "Critics", "Some", "Many", "Several", "Most", "There", "Here",
    "Although", "Though", "Because", "So", "Yet", "Not", "No", "Now", "Then", "By", "From", "To", "Of", "Or", "Our",
    "My", "Over", "Under", "Having", "Hours", "Similarly", "Likewise", "Overall", "Moreover", "Indeed", "Well", "Oh",
    "Yes", "Speaking", "Asked", "Like", "Unlike", "Inside", "Outside", "Following", "Given", "Instead", "Once", "Until",
    "Through", "Today", "Yesterday", "More", "Much", "Few", "All", "Another", "Other", "Others", "One", "Two", "Three",
    "Just", "Only", "Let", "Did", "Does", "Do", "Is", "Are", "Was", "Were", "Can", "Could", "Would", "Will", "Should",
    "Has", "Have", "Had", "Nobody", "Everybody", "Everyone", "Enough", "Across", "Around", "Between", "Throughout",
    "What", "Who", "Why", "How", "Where", "Which", "Earlier", "Later", "Still", "Also", "Even", "Representatives",
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January", "February", "March",
    "April", "May", "June", "July", "August", "September", "October", "November", "December",
}  # fmt: skip
# A run of capitalised words with one of these names no person.
_INSTITUTIONS = {
    "House", "States", "Association", "Union", "Agreement", "Street", "City", "Court", "Bank", "University", "News",
    "Period", "Parliament", "Kingdom", "America", "Canada", "Korea", "Cooperation", "Center", "Centre", "Office",
    "Automakers", "Steelworkers", "Manufacturers", "Ministry", "Department", "Council", "Party", "Company", "Times",
    "Post", "Economic", "Republic", "Committee", "Commission", "Congress", "Senate", "Airlines", "Group", "Prosperity",
}  # fmt: skip
# Between the words of one name.
WORD_JOINS = frozenset({" ", "-", "–"})
PARTICLE_JOINS = WORD_JOINS | {". ", " de ", " van ", " von "}

TITLES = (
    "prime minister", "vice president", "deputy minister", "president", "minister", "premier", "chancellor",
    "secretary", "governor", "senator", "mayor", "ambassador", "king", "queen", "pope", "justice", "judge", "director",
    "chairman", "chairwoman", "chair", "chief executive", "captain", "coach", "chief", "envoy",
)  # fmt: skip
_SHORT_TITLES = {"pm": "prime minister", "pres": "president", "gov": "governor", "sen": "senator", "sec": "secretary"}
_TITLE = "|".join((*TITLES, *_SHORT_TITLES))
_HOLDER = r"(?P<name>[A-Z][\w’'-]+(?: (?:[A-Z]\. )?[A-Z][\w’'-]+){0,2})"
_TITLED = re.compile(rf"\b(?P<title>(?i:{_TITLE}))\.? {_HOLDER}")  # "U.S. President Donald Trump"
_NAMED = re.compile(  # "Trump, the U.S. president", "Merz became chancellor"
    rf"{_HOLDER}(?:,| is| was| becomes?| became| as)(?: the| a| an| its)?(?: [\w’'.-]+){{0,2}}? "
    rf"(?P<title>(?i:{_TITLE}))\b"
)
_NUMERAL = re.compile(r"[IVX]+|[JS]r\.?")


@dataclass(frozen=True, slots=True)
class Name:
    """A name by the keys of its words, at characters `span` of its text."""

    span: Span
    keys: frozenset[str]

    def compatible(self, other: Name) -> bool:
        """Return whether both may name one: "Carney" and "Mark Carney" do, and so do spellings one letter apart."""
        return any(_nearly_equal(a, b) for a in self.keys for b in other.keys)


@dataclass(frozen=True, slots=True)
class TitleHolder:
    """Somebody with a title, as a text has it: the title in lower case and in full, and the name."""

    title: str
    name: str

    @property
    def surname(self) -> str:
        """The last word that is a name: of "Charles III" that is Charles."""
        parts = self.name.split()
        return next((part for part in reversed(parts) if not _NUMERAL.fullmatch(part)), parts[-1])


def name_spans(text: str, row: Sequence[Word], joins: Collection[str] = WORD_JOINS) -> list[Span]:
    """Return (start, end) of each run of capitalised content words among the words `row` of `text`.

    Words belong to one run when what stands between them is one of `joins`.
    """
    spans: list[Span] = []
    for word in row:
        if word.capitalised and word.content:
            extend(spans, word, text, joins)
    return spans


def extend(spans: list[Span], word: Word, text: str, joins: Collection[str]) -> None:
    """Add a word to the last of `spans` when only one of `joins` stands between them, else as a span of its own."""
    if spans and text[spans[-1][1] : word.start] in joins:
        spans[-1] = (spans[-1][0], word.end)
    else:
        spans.append((word.start, word.end))


def names(text: str) -> list[Name]:
    """Return every run of capitalised words of a text as a name, in order."""
    return [Name(span, keys(text[slice(*span)])) for span in name_spans(text, words(text), PARTICLE_JOINS)]


def without_possessive(name: str) -> str:
    """Return a name without its possessive ending: "Brazil" of "Brazil’s"."""
    return re.sub(r"[’']s?$", "", name)


def title_holders(text: str) -> Iterator[TitleHolder]:
    """Yield who has which title: those named after their title, then those named before it."""
    for match in (*_TITLED.finditer(text), *_NAMED.finditer(text)):
        title, name = match["title"].lower(), match["name"]
        first = next((word.start for word in words(name) if word.content), None)
        if first is not None:  # nobody is called Who, and "Was Carney" is Carney
            yield TitleHolder(_SHORT_TITLES.get(title, title), without_possessive(name[first:]))


def people_in(text: str) -> list[str]:
    """Return the full names of the people a text names, in order of appearance."""
    return list(dict.fromkeys(full_names(text).values()))


def full_names(text: str) -> dict[str, str]:
    """Return surname and full name -> the first full name with that surname, of the people a text names."""
    names: dict[str, str] = {}
    for match in NAME.finditer(text):
        name = without_titles(match.group())
        parts = name.split()
        if 2 <= len(parts) <= 4 and _looks_personal(parts):
            names.setdefault(parts[-1], name)
            names.setdefault(name, names[parts[-1]] if names[parts[-1]].endswith(name) else name)
    return names


def without_titles(words_of_it: str) -> str:
    """Drop leading titles and sentence-opening words, and a trailing possessive."""
    parts = words_of_it.split()
    while parts and (parts[0].rstrip(".") in NAME_TITLES or parts[0] in NOT_NAMES):
        parts = parts[1:]
    if not parts:
        return ""
    name = " ".join(parts)
    return without_possessive(name)


def _looks_personal(parts: Sequence[str]) -> bool:
    return not any((p.isupper() and len(p) > 2) or p in NOT_NAMES or p in _INSTITUTIONS for p in parts)


def _nearly_equal(a: str, b: str) -> bool:
    """Whether two keys are the same, or differ in one letter or accent ("Korda", "Kórda")."""
    return a == b or (len(a) > 3 and len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 1)
