"""`onrecord verify`: sentences against texts or the archive, one by one or as the rows of a batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from rag.errors import OnRecordError, QuestionError, SourceError
from rag.models.base import Encoder
from rag.types import Article
from rag.verification.verifier import NOTHING, SourceText, Verdict, Verifier

MAX_SENTENCE_CHARS = 10_000
MAX_SOURCE_CHARS = 5_000_000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON may hold them, and no text that is encoded


class Archive(Protocol):
    """What a sentence without a source is checked against."""

    def verify(self, sentence: str) -> tuple[Verdict, Article | None]: ...


class Checker:
    """Checks the sentences of one command; the encoder is loaded, and the archive opened, when first needed."""

    def __init__(self, encoder: Callable[[], Encoder], archive: Callable[[], Archive]) -> None:
        self._encoder = encoder
        self._open = archive

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier(self._encoder())

    @cached_property
    def _archive(self) -> Archive:
        return self._open()

    def check(self, sentence: Any, source: Any = None) -> dict[str, Any]:
        """Return the support, the score and the evidence, and without a source the article that has it.

        Raises:
            QuestionError: the sentence is no text, empty or too long.
            SourceError: the source is no text, or too long.
            IndexMissing, IndexDamaged, IndexIncompatible: there is no source, and no archive that could be read.
        """
        sentence = _text(sentence, "sentence", MAX_SENTENCE_CHARS, QuestionError)
        if not sentence.strip():
            raise QuestionError('"sentence" is empty: give one to verify')
        if source is None:
            verdict, article = self._archive.verify(sentence)
            found = {"article_id": article.id, "path": article.path} if article else {"article_id": None, "path": None}
            return _json(verdict) | found
        text = _text(source, "source", MAX_SOURCE_CHARS, SourceError)
        return _json(self._verifier.check(sentence, [SourceText(text)]))

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row of a batch for one of its lines; one that cannot be checked says why, and stops nothing."""
        try:
            return {"id": row.get("id"), **self.check(row.get("sentence"), row.get("source"))}
        except (QuestionError, SourceError) as error:
            return {"id": row.get("id"), **_json(NOTHING), "error": str(error)}


def read_source(path: str) -> str:
    """Return a file's text as it stands, line ends included: offsets point into it.

    Raises:
        SourceError: it cannot be read, is no UTF-8 text, or is too large.
    """
    try:
        if (size := Path(path).stat().st_size) > 4 * MAX_SOURCE_CHARS:
            raise SourceError(f"{path} has {size} bytes: give a text of at most {MAX_SOURCE_CHARS} characters")
        return Path(path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SourceError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _text(value: Any, name: str, most: int, error: type[OnRecordError]) -> str:
    if not isinstance(value, str):
        raise error(f'"{name}" is {"missing" if value is None else "no text"}: give it as a text')
    if len(value) > most:
        raise error(f'"{name}" has {len(value)} characters: give at most {most}')
    return _LONE_SURROGATE.sub("\ufffd", value)


def _json(verdict: Verdict) -> dict[str, Any]:
    evidence = None if verdict.evidence is None else list(verdict.evidence)
    return {"support": verdict.support, "score": round(verdict.score, 4), "evidence": evidence}
