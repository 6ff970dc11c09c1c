"""What people say to a chatbot that asks nothing of an archive: "hi", "thanks", "what can you do?". English only.

A message is small talk when it is one of the examples of `rag/models/data/intents.json`, or when a linear model over
its vector says so. `python -m eval.training.intents` fits that model to the examples, among which are questions too.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources

from rag.models.base import Encoder, Floats

QUESTION = "question"  # the kind of the examples that are no small talk
MAX_WORDS = 9  # a longer message is a question
# What the model adds to a question, on the scale where the right kind is 1 and the others are 0: a question that is
# taken for small talk is lost, and small talk that is searched for is only answered oddly.
QUESTION_MARGIN = 0.15

_PEOPLE = r"(?:there|again|all|everyone|everybody|folks|friend|dear|mate|bot|robot|assistant|computer|team|on ?record)"
_GREETING = re.compile(
    rf"(?:(?:hi+|hello+|hullo|hey+|heya|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|day)|"
    rf"thanks(?: a lot| so much| very much)?|thank you(?: so much| very much)?|thx|cheers)(?: {_PEOPLE})*"
    r"(?P<pause>\s*[,.!:;–—-]+\s*|\s+|$))+",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"(?:and |but |so |please |also )*(?:who|whom|whose|what|when|where|why|which|how|is|are|was|were|do|does|did|has|"
    r"have|had|will|would|can|could|should|may|might|tell|show|list|give|find|summari[sz]e|explain|compare|describe|any|i)\b",
    re.IGNORECASE,
)
# A name behind the first word, a number or a quotation: the message is about something in the archive.
# Without one of these words it is rather a topic to search for than something that is said to somebody.
_ADDRESSES = re.compile(
    r"\b(?:you|your|yours|you[’']re|i|i[’']m|me|my|thanks?|thx|cheers|hello|hi|hey|bot|chatbot|bye|goodbye)\b|"
    r"(?:\w+\W+){2}(?:this|that|here)\b|\b(?:this|that|that[’']s)(?:\W+\w+){2}",
    re.IGNORECASE,
)
_SPECIFIC = re.compile(r"(?<=[a-z,;] )(?!I\b|AI\b|GPT|ChatGPT)[A-Z]|[0-9%“”\"]")


def without_greeting(message: str) -> str:
    """Return a message without the greeting or the thanks before its question; all of it when it has no question."""
    match = _GREETING.match(message)
    rest = message[match.end() :] if match else ""
    if match is None or not rest:
        return message
    paused = match["pause"].strip()
    return rest if paused or _ASKS.match(rest) else message


def small_talk(message: str, encoder: Encoder) -> str | None:
    """Return the kind of small talk that a message is, None when it is a question.

    Args:
        message: with its greeting.
        encoder: the model serves the embedded one only; with another one, only the examples are small talk.
    """
    if kind := _examples().get(_folded(message)):
        return None if kind == QUESTION else kind
    rest = without_greeting(message)
    if rest != message:
        return small_talk(rest, encoder)
    if not may_be_small_talk(message):
        return None
    weights, kinds, encoder_name = _model()
    if encoder.name != encoder_name:
        return None
    scores = kind_scores(encoder.encode([message]), weights)[0]
    scores[kinds.index(QUESTION)] += QUESTION_MARGIN
    kind = kinds[int(scores.argmax())]
    return None if kind == QUESTION else kind


def may_be_small_talk(message: str) -> bool:
    """Return whether the model is asked about a message that is none of the examples."""
    return len(message.split()) <= MAX_WORDS and not _SPECIFIC.search(message) and bool(_ADDRESSES.search(message))


def kind_scores(vectors: Floats, weights: Floats) -> Floats:
    """Return (n, kinds): how much each of n messages is of each kind, for vectors (n, d) and weights (d + 1, kinds)."""
    scores: Floats = vectors @ weights[:-1] + weights[-1]
    return scores


def intent_examples() -> list[dict[str, str]]:
    """Return the examples, each with `kind`, `half` ("tune" or "test") and `text`."""
    rows: list[dict[str, str]] = json.loads(_data("intents.json"))
    return rows


@cache
def _examples() -> dict[str, str]:
    return {_folded(row["text"]): row["kind"] for row in intent_examples()}


@cache
def _model() -> tuple[Floats, tuple[str, ...], str]:
    """Return the weights (d + 1, kinds), the kinds and the name of the encoder they were fitted for."""
    from safetensors import safe_open

    resource = resources.files("rag.models").joinpath("data/intents.safetensors")
    with resources.as_file(resource) as path, safe_open(path, "numpy") as file:
        names = file.metadata()
        return file.get_tensor("weights"), tuple(names["kinds"].split()), names["encoder"]


def _data(name: str) -> bytes:
    return resources.files("rag.models").joinpath(f"data/{name}").read_bytes()


def _folded(message: str) -> str:
    """Return a message as examples are compared: in lower case, without punctuation."""
    return " ".join(re.findall(r"[^\W_]+", message.lower().replace("’", "").replace("'", "")))
