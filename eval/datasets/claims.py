"""Sentences beside texts that support them or not, as people judged (QAGS, FRANK, WiCE) or as made by rule.

The published files of every set are in one folder. Halves are by the hash of the source, so that no source is in both.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.datasets.sentence_edits import capitalised_names, changed_sentences, shortened
from rag.evaluation.questions import EvalError, read_set
from rag.evaluation.types import Question
from rag.text.sentences import sentences

EDITED_EVERY = 3  # of every third article one sentence is changed
MIN_NEIGHBOUR_WORDS = 5  # of a sentence beside the right one, and of an answer that makes a claim


@dataclass(frozen=True, slots=True)
class ClaimExample:
    """A sentence beside a text.

    Attributes:
        of: the set, "frank-bbc".
        half: "tune" or "test", by the hash of the whole article or page that the source is from.
        kind: how it was changed, in the sets made here; else empty.
    """

    id: str
    of: str
    sentence: str
    source: str
    supported: bool
    half: str
    kind: str = ""


def source_half(text: str) -> str:
    """Return the half of a source, by its hash."""
    return "tune" if int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2 == 0 else "test"


def read_claims(folder: Path) -> list[ClaimExample]:
    """Return the examples of every set whose file is in the folder.

    Raises:
        EvalError: there is none, or a file does not have its published form.
    """
    found = [example for name, reader in READERS.items() for example in _read(folder / name, reader)]
    if not found:
        raise EvalError(f"{folder} holds none of {', '.join(READERS)}: give the folder of the faithfulness sets")
    return found


def _read(path: Path, reader: Callable[[list[Any], str], Iterator[ClaimExample]]) -> list[ClaimExample]:
    if not path.exists():
        return []
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
        return list(reader([json.loads(line) for line in text.split("\n") if line], path.name))
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EvalError(f"{path} is not as it was published ({error!r}): fetch it again") from error


def _frank(rows: list[Any], name: str) -> Iterator[ClaimExample]:
    """FRANK (Pagnoni et al. 2021): a summary is supported when no annotator found an error in any sentence."""
    for row in rows:
        of, factual = f"frank-{row['dataset']}", row["factuality"] == 1
        yield ClaimExample(
            f"{row['hash']}-{row['model_name']}",
            of,
            row["summary"],
            row["article"],
            factual,
            source_half(row["article"]),
        )


def _qags(rows: list[Any], name: str) -> Iterator[ClaimExample]:
    """QAGS (Wang et al. 2020): a sentence is supported when most of three people say so."""
    of = "qags-" + name.removeprefix("mturk_").removesuffix(".jsonl")
    for number, row in enumerate(rows):
        for part, said in enumerate(row["summary_sentences"]):
            yes = sum(response["response"] == "yes" for response in said["responses"])
            supported = 2 * yes > len(said["responses"])
            half = source_half(row["article"])
            yield ClaimExample(f"{of}-{number}-{part}", of, said["sentence"], row["article"], supported, half)


def _wice(rows: list[Any], name: str) -> Iterator[ClaimExample]:
    """WiCE (Kamoi et al. 2023): claims of Wikipedia beside the whole page that they cite, and beside marked sentences.

    People marked the sentences that support a claim: these are to be accepted, the sentence after each is not.
    """
    for row in rows:
        id_, claim, lines = row["meta"]["id"], row["claim"], row["evidence"]
        page = "\n".join(lines)
        supported, half = row["label"] == "supported", source_half(page)
        yield ClaimExample(id_, "wice", claim, page, supported, half)
        marked = {number for some in row["supporting_sentences"] for number in some}
        gold: list[int] = next((some for some in row["supporting_sentences"] if some), [])
        if gold:
            yield ClaimExample(
                f"{id_}-gold", "wice-gold", claim, "\n".join(lines[n] for n in gold), supported, half, "gold"
            )
        beside = [_neighbour(lines, number, marked) for number in gold] if supported else []
        if beside and all(beside):
            yield ClaimExample(
                f"{id_}-next", "wice-gold", claim, "\n".join(filter(None, beside)), False, half, "neighbour"
            )


def _neighbour(lines: Sequence[str], number: int, marked: set[int]) -> str | None:
    """Return the nearest unmarked line of some words, later lines first; None without one."""
    for away in range(1, len(lines)):
        for other in (number + away, number - away):
            if (
                0 <= other < len(lines)
                and other not in marked
                and len(lines[other].split()) >= MIN_NEIGHBOUR_WORDS
                and not lines[other].startswith("(meta data)")
            ):
                return lines[other]
    return None


READERS: dict[str, Callable[[list[Any], str], Iterator[ClaimExample]]] = {
    "frank-valid.jsonl.gz": _frank,
    "qags/mturk_cnndm.jsonl": _qags,
    "qags/mturk_xsum.jsonl": _qags,
    "wice/entailment_retrieval/claim/dev.jsonl": _wice,
}


def edited(articles: Sequence[str], seed: int) -> Iterator[ClaimExample]:
    """Yield a sentence of each article, shortened (supported) and changed (not), beside the three sentences around it.

    The shortened sentence also comes beside the next sentence alone (not supported).
    """
    for number, article in enumerate(articles):
        rng = random.Random(f"{seed}-{number}")  # noqa: S311 - not for secrets
        texts = [article[start:end] for start, end in sentences(article)]
        short = {n: text for n, whole in enumerate(texts[:-1]) if (text := shortened(whole))}
        if not short:
            continue
        n = rng.choice(sorted(short))
        around, half = " ".join(texts[max(0, n - 1) : n + 2]), source_half(article)
        names = [name for name in capitalised_names(article) if name not in around]
        yield ClaimExample(f"edited-{number}", "edited", short[n], around, True, half, "shortened")
        if len(texts[n + 1].split()) >= MIN_NEIGHBOUR_WORDS:
            yield ClaimExample(f"edited-{number}-next", "edited", short[n], texts[n + 1], False, half, "neighbour")
        for kind, text in changed_sentences(short[n], names, rng):
            yield ClaimExample(f"edited-{number}-{kind}", "edited", text, around, False, half, kind)


def cited(questions: Sequence[Question], folder: Path) -> Iterator[ClaimExample]:
    """Yield the answers of a question set beside the sentence of their gold quote, and beside the sentence after it.

    Answers of fewer than `MIN_NEIGHBOUR_WORDS` words are left out.
    """
    for question in questions:
        claim = next(iter(question.answers), "")
        if not question.gold or len(claim.split()) < MIN_NEIGHBOUR_WORDS:
            continue
        gold = question.gold[0]
        text = (folder / gold.path).read_text(encoding="utf-8")
        spans, place = sentences(text), text.index(gold.quote)
        n = next(n for n, (_, end) in enumerate(spans) if place < end)
        beside = next((m for m in (*range(n + 1, len(spans)), n - 1) if _says(text, spans[m])), None)
        half = question.half or source_half(text)
        yield ClaimExample(question.id, "seeds", claim, text[slice(*spans[n])], True, half, "gold")
        if beside is not None:
            yield ClaimExample(
                f"{question.id}-next", "seeds", claim, text[slice(*spans[beside])], False, half, "neighbour"
            )


def _says(text: str, span: tuple[int, int]) -> bool:
    return len(text[slice(*span)].split()) >= MIN_NEIGHBOUR_WORDS


def claim_examples(folder: Path, questions: Path, seeds: Path, seed: int) -> list[ClaimExample]:
    """Return the examples of the published sets in `folder`, and those made here of their articles and of the seeds."""
    published = read_claims(folder)
    articles = dict.fromkeys(e.source for e in published if e.of.startswith(("frank", "qags")))
    return [
        *published,
        *edited(list(articles)[::EDITED_EVERY], seed),
        *cited(read_set(str(questions)).questions, seeds),
    ]
