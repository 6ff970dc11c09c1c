"""What the tests of models share: two sentences of evidence, replies over them, and an answer made of them."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from rag.answer import writer
from rag.generation.base import Piece
from rag.models.registry import load_encoder
from rag.types import Answer, Article, Evidence
from rag.verification.verifier import Verifier

PROTOCOLS = ("openai", "anthropic", "google", "ollama")
KEY = "sk-planted-3141592653589793"
KEY_VARIABLES = ("ONRECORD_LLM_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "OLLAMA_API_KEY")

FIRST = "The truck tariffs take effect on November 1."
SECOND = "Canada wants them lifted before the winter."
ARTICLE = Article(
    id="a", path="a.txt", text=f"{FIRST} {SECOND}", title="Tariffs", publisher="CBC", published="2025-10-07"
)
EVIDENCE = [
    Evidence(ARTICLE, 0, len(FIRST), 0.9),
    Evidence(ARTICLE, len(FIRST) + 1, len(ARTICLE.text), 0.5, "Dominic LeBlanc"),
]
QUESTION = "When do the truck tariffs take effect?"
BLANK = Answer("When?", QUESTION, "abstained", "", 0.9, (), (), (), "", 1)

FIRST_SENTENCE = ("The truck tariffs take ", "effect on November 1. [", "1] ")
SECOND_BEGUN = ("Canada wants them ", "lifted before ")
SECOND_SENTENCE = (*SECOND_BEGUN, "the winter. [2]")


def few_certificates(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients trust one certificate: Google's reads all of them for each request, which takes most of its time."""
    if certificate := _certificate():
        (folder / "one.pem").write_text(certificate, "ascii")
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "one.pem"))


@cache
def _certificate() -> str:
    """Any certificate that this machine trusts, empty when it trusts none."""
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return ssl.DER_cert_to_PEM_cert(known[0]) if known else ""


@cache
def _verifier() -> Verifier:
    return Verifier(load_encoder("minilm"))


def asked(spec: str) -> tuple[Answer, str]:
    """What the pipeline makes of a generator, and the text that was streamed meanwhile."""
    writing, streamed = writer.write_answer(replace(BLANK, generator=spec), EVIDENCE, _verifier()), ""
    while True:
        try:
            event = next(writing)
        except StopIteration as done:
            answer: Answer = done.value
            return answer, streamed
        streamed += event.text if isinstance(event, Piece) else ""
