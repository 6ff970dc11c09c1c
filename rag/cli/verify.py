"""`onrecord verify`: checks one sentence, or each sentence of a batch, against a text or the archive."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rag.cli.batch import Json, Row, run_batch
from rag.cli.options import Commands, add_command
from rag.cli.output import print_json, print_verdict
from rag.config import Settings
from rag.errors import OnRecordError, QuestionError, SourceError
from rag.types import Article

if TYPE_CHECKING:
    from rag.models.base import Encoder
    from rag.verification.verifier import Verdict, Verifier

MAX_SENTENCE_CHARS = 10_000
MAX_SOURCE_CHARS = 5_000_000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON may hold one, but no encoded text can


def add(commands: Commands) -> None:
    """Add the parser of `verify`."""
    parser = add_command(commands, "verify", run, "is a sentence supported by a text, or by the archive")
    parser.add_argument("sentence", nargs="?", metavar="SENTENCE")
    parser.add_argument("--source", metavar="FILE", help="a text file; without it the archive is searched")
    parser.add_argument("--batch", metavar="FILE", help="JSON lines with id, sentence and optional source; - for stdin")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Check one sentence or a batch, and return the exit status."""
    from rag.models.registry import load_encoder
    from rag.pipeline import OnRecord

    if (options.sentence is None) == (options.batch is None):
        options.parser.error("give a SENTENCE or --batch FILE, one of them")
    if options.batch is not None and options.source is not None:
        options.parser.error("each row of a batch names its own source: leave --source out")
    checker = Checker(lambda: load_encoder(settings.encoder), lambda: OnRecord.open(settings))
    if options.batch is not None:
        summary = "sentences were not checked: the error in each row says why"
        return run_batch(options.batch, checker.row, _failed_row, summary)
    source = None if options.source is None else read_source(options.source)
    verdict = {"id": None, **checker.check(options.sentence, source)}
    if options.json:
        print_json(verdict)
    else:
        print_verdict(verdict, options.source)
    return 0


class Archive(Protocol):
    """What a sentence without a source is checked against."""

    def verify(self, sentence: str) -> tuple[Verdict, Article | None]:
        """Return the verdict and the article that supports the sentence best, if any does."""
        ...


class Checker:
    """Checks the sentences of one command. It loads the encoder, and opens the archive, at their first use."""

    def __init__(self, encoder: Callable[[], Encoder], archive: Callable[[], Archive]) -> None:
        self._encoder = encoder
        self._open = archive

    @cached_property
    def _verifier(self) -> Verifier:
        from rag.verification.verifier import Verifier

        return Verifier(self._encoder())

    @cached_property
    def _archive(self) -> Archive:
        return self._open()

    def check(self, sentence: Any, source: Any = None) -> Json:
        """Return the support, the score and the evidence; without a source, also the article that has it.

        Raises:
            QuestionError: the sentence is not a text, or is empty or too long.
            SourceError: the source is not a text, or is too long.
            IndexMissing, IndexDamaged, IndexIncompatible: there is no source, and the archive cannot be read.
        """
        from rag.verification.verifier import SourceText

        sentence = _text(sentence, "sentence", MAX_SENTENCE_CHARS, QuestionError)
        if not sentence.strip():
            raise QuestionError('"sentence" is empty: give one to verify')
        if source is None:
            verdict, article = self._archive.verify(sentence)
            of = {"article_id": article.id, "path": article.path} if article else {"article_id": None, "path": None}
            return _json(verdict) | of
        text = _text(source, "source", MAX_SOURCE_CHARS, SourceError)
        return _json(self._verifier.check(sentence, [SourceText(text)]))

    def row(self, row: Row) -> Json:
        """Return the result of one line of a batch.

        Raises:
            QuestionError, SourceError, IndexMissing, IndexDamaged, IndexIncompatible: as `check` does.
        """
        row.check()
        return {"id": row.id, **self.check(row.fields.get("sentence"), row.fields.get("source"))}


def _failed_row(row: Row, reason: str) -> Json:
    from rag.verification.verifier import NOTHING

    return {"id": row.id, **_json(NOTHING), "error": reason}


def read_source(path: str) -> str:
    """Return the text of a file unchanged, line ends included: the evidence counts its characters.

    Raises:
        SourceError: the file cannot be read, is not UTF-8 text, or is too large.
    """
    try:
        if (size := Path(path).stat().st_size) > 4 * MAX_SOURCE_CHARS:
            raise SourceError(f"{path} has {size} bytes: give a text of at most {MAX_SOURCE_CHARS} characters")
        return Path(path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SourceError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _text(value: Any, name: str, most: int, error: type[OnRecordError]) -> str:
    if not isinstance(value, str):
        raise error(f'"{name}" is {"missing" if value is None else "not a text"}: give it as a text')
    if len(value) > most:
        raise error(f'"{name}" has {len(value)} characters: give at most {most}')
    return _LONE_SURROGATE.sub("\ufffd", value)


def _json(verdict: Verdict) -> Json:
    evidence = None if verdict.evidence is None else list(verdict.evidence)
    return {"support": verdict.support, "score": round(verdict.score, 4), "evidence": evidence}
