"""Find the names of a text: capitalised words in a row, full names of people, and the holders of titles.

English only. This is the one place that finds names and titles.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rag.text.sentences import Span
from rag.text.tokens import Word, keys, words

_CAP = r"(?:[A-ZÀ-ÖØ-Þ][\w’'À-ÿ]*(?:-[A-Za-zÀ-ÿ][\w’'À-ÿ]*)*|[A-Z]\.)"
_PARTICLE = r"(?:de|da|di|del|der|den|van|von|la|le|bin|ibn|al|el|du|dos)"
# A full name of a person has so many words.
MIN_FULL_NAME_WORDS = 2
MAX_FULL_NAME_WORDS = 4
# A longer word in capitals is an abbreviation, not an initial.
MAX_INITIALS_CHARS = 2
# Shorter names that differ in one letter are different names.
MIN_MISSPELLED_CHARS = 4
NAME = re.compile(rf"\b{_CAP}(?:[ ]+(?:{_PARTICLE}[ ]+)*{_CAP})*")

# Titles and roles before a name, which are no part of the name.
NAME_TITLES = {
    "Mr", "Mrs", "Ms", "Dr", "Sir", "Prime", "Minister", "President", "Vice", "Trade", "Commerce", "Secretary",
    "Conservative", "Liberal", "Leader", "Intergovernmental", "Affairs", "King", "Queen", "Premier", "Senator",
    "Governor", "Chief", "CEO", "Justice", "General", "U.S", "US", "UK", "Canadian", "American", "British",
    "Foreign", "Finance", "Defence", "Defense", "State", "Professor", "Judge", "Chancellor", "Mayor", "Rep", "Sen",
    "Gov", "Lord", "Lady", "Pope", "Prince", "Princess", "Ambassador", "Attorney", "Spokesman", "Spokeswoman",
    "Speaker", "Director", "Executive", "Officer", "Chairman", "Chair", "Founder", "Republican", "Democratic",
    "Democrat", "Former", "Ex",
}  # fmt: skip
# Words that open a sentence with a capital, or that name nobody.
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
# Capitalised words in a row that include one of these name no person.
_INSTITUTIONS = {
    "House", "States", "Association", "Union", "Agreement", "Street", "City", "Court", "Bank", "University", "News",
    "Period", "Parliament", "Kingdom", "America", "Canada", "Korea", "Cooperation", "Center", "Centre", "Office",
    "Automakers", "Steelworkers", "Manufacturers", "Ministry", "Department", "Council", "Party", "Company", "Times",
    "Post", "Economic", "Republic", "Committee", "Commission", "Congress", "Senate", "Airlines", "Group", "Prosperity",
}  # fmt: skip
# What may stand between the words of one name.
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
    """A name in a text.

    Attributes:
        span: its characters in the text.
        keys: the keys of its words.
    """

    span: Span
    keys: frozenset[str]

    def compatible(self, other: Name) -> bool:
        """Return whether both may name the same: they share a word, or two words that differ in one letter."""
        return any(_nearly_equal(a, b) for a in self.keys for b in other.keys)


@dataclass(frozen=True, slots=True)
class TitleHolder:
    """A person with a title, as a text names them.

    Attributes:
        title: in lower case and in full: "prime minister".
        name: without the possessive.
    """

    title: str
    name: str

    @property
    def surname(self) -> str:
        """The last word that is no numeral: "Charles" for "Charles III"."""
        parts = self.name.split()
        return next((part for part in reversed(parts) if not _NUMERAL.fullmatch(part)), parts[-1])


def name_spans(text: str, row: Sequence[Word], joins: Collection[str] = WORD_JOINS) -> list[Span]:
    """Return (start, end) of each name among the words `row` of a text.

    A name is one capitalised content word, or several in a row with only `joins` between them.
    """
    spans: list[Span] = []
    for word in row:
        if word.capitalised and word.content:
            add_to_spans(spans, word, text, joins)
    return spans


def add_to_spans(spans: list[Span], word: Word, text: str, joins: Collection[str]) -> None:
    """Extend the last of `spans` to a word when only one of `joins` is between them, else add a new span."""
    if spans and text[spans[-1][1] : word.start] in joins:
        spans[-1] = (spans[-1][0], word.end)
    else:
        spans.append((word.start, word.end))


def names(text: str) -> list[Name]:
    """Return every name of a text, in order."""
    return [Name(span, keys(text[slice(*span)])) for span in name_spans(text, words(text), PARTICLE_JOINS)]


def without_possessive(name: str) -> str:
    """Return a name without its possessive ending: "Brazil" for "Brazil’s"."""
    return re.sub(r"[’']s?$", "", name)


def title_holders(text: str) -> Iterator[TitleHolder]:
    """Yield the people with titles: first those named after their title, then those named before it."""
    for match in (*_TITLED.finditer(text), *_NAMED.finditer(text)):
        title, name = match["title"].lower(), match["name"]
        first = next((word.start for word in words(name) if word.content), None)
        if first is not None:  # "Who" is no name, and "Was Carney" is Carney
            yield TitleHolder(_SHORT_TITLES.get(title, title), without_possessive(name[first:]))


def people_in(text: str) -> list[str]:
    """Return the full names of the people a text names, in order of appearance."""
    return list(dict.fromkeys(full_names(text).values()))


def full_names(text: str) -> dict[str, str]:
    """Return surname -> first full name with that surname, and full name -> itself or a longer form of it."""
    names: dict[str, str] = {}
    for match in NAME.finditer(text):
        name = without_titles(match.group())
        parts = name.split()
        if MIN_FULL_NAME_WORDS <= len(parts) <= MAX_FULL_NAME_WORDS and _looks_personal(parts):
            names.setdefault(parts[-1], name)
            names.setdefault(name, names[parts[-1]] if names[parts[-1]].endswith(name) else name)
    return names


def without_titles(name: str) -> str:
    """Return a name without titles and sentence-opening words before it, and without its possessive ending."""
    parts = name.split()
    while parts and (parts[0].rstrip(".") in NAME_TITLES or parts[0] in NOT_NAMES):
        parts = parts[1:]
    return without_possessive(" ".join(parts))


def _looks_personal(parts: Sequence[str]) -> bool:
    return not any((p.isupper() and len(p) > MAX_INITIALS_CHARS) or p in NOT_NAMES or p in _INSTITUTIONS for p in parts)


def _nearly_equal(a: str, b: str) -> bool:
    """Return whether two keys are the same, or differ in one letter or accent ("Korda", "Kórda")."""
    if a == b or len(a) != len(b):
        return a == b
    return len(a) >= MIN_MISSPELLED_CHARS and sum(x != y for x, y in zip(a, b, strict=True)) == 1
