"""Language models behind an address: OpenAI, Anthropic, Google, Ollama, and every server with one of their protocols.

pydantic-ai implements the protocols. This module has what is common to them: deadlines, one retry loop that ends with
the first word, and errors that a user understands (`rag.generation.faults`). It needs the extra `hosted` and is
imported only when such a model is used.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from ipaddress import ip_address
from queue import SimpleQueue
from ssl import SSLContext
from threading import Thread
from urllib.parse import urlsplit

import httpx2
import stamina
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import Model, StreamedResponse
from pydantic_ai.settings import ModelSettings

from rag.errors import AnswerCutError, GeneratorError
from rag.generation.base import REWRITE_SECONDS, Piece, Task
from rag.generation.faults import ContextTooSmallError, ModelError, fault_message
from rag.generation.prompts import Prompt, first_line, full_prompt, rewrite_prompt, without_reasoning
from rag.generation.spec import Spec
from rag.generation.streaming import finished_claims
from rag.types import Turn

ANSWER_TOKENS = 2000  # far more than an answer needs, since the reasoning of some models counts too
NO_KEY = "no-key"  # sent to a server that needs no key, because the clients require one

# Some models do not take a temperature. The reader of an answer does not need to know.
warnings.filterwarnings("ignore", message="Sampling parameters", category=UserWarning)

# Without a handler, logging would print each retry on stderr. Handlers that somebody configures still get it.
logging.getLogger("stamina").addHandler(logging.NullHandler())


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a question waits for a model, in seconds, and how often it is tried.

    Attributes:
        connect: until the server takes the connection.
        first_token: until the answer begins, retries included.
        gap: between two parts of the answer.
        total: from the request to the end of the answer.
        retry_after: longest wait that a server may ask for before a retry.
        attempts: requests for one answer, the first included.
        backoff: first wait before a retry; it doubles, and as much is added at random.
    """

    connect: float = 3.0
    first_token: float = 30.0
    gap: float = 20.0
    total: float = 120.0
    retry_after: float = 10.0
    attempts: int = 3
    backoff: float = 0.5


def _hurried(limits: Limits) -> Limits:
    """Return the limits of a request that the answer waits for, but can do without."""
    begin, gap = (min(seconds, REWRITE_SECONDS) for seconds in (limits.first_token, limits.gap))
    return replace(limits, first_token=begin, gap=gap, total=min(limits.total, REWRITE_SECONDS), attempts=1)


class Hosted:
    """A `Generator` that is a model behind an address. Connection and key belong to one request each."""

    rewrites = True

    def __init__(self, spec: Spec, limits: Limits | None = None) -> None:
        """Check that the model can be used; nothing is sent before a question is asked.

        Raises:
            GeneratorError: the model needs a key and the environment holds none.
        """
        self.name = spec.name
        self._spec = spec
        self._limits = limits or Limits()
        if missing := spec.missing_key():
            raise GeneratorError(f"{self.name} needs a key: set {missing} in the environment")

    def generate(self, task: Task) -> Iterator[Piece]:
        """Yield the answer in reading order. Where the passages are too long for the model, it gets the best half.

        Raises:
            AnswerCut: the model stopped after its first words.
            GeneratorError: it did not answer; the message says what happened and what to do.
        """
        evidence = task.evidence
        while True:
            work = partial(self._request, full_prompt(replace(task, evidence=evidence)))
            try:
                yield from finished_claims(without_reasoning(_in_thread(work)))
            except ContextTooSmallError:
                if len(evidence) == 1:
                    raise
                evidence = evidence[: len(evidence) // 2]
                yield Piece("", notice=f"only the best {len(evidence)} of {len(task.evidence)} passages fit the model")
            else:
                return

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """Return the reply of the model, from one request, within `REWRITE_SECONDS`.

        Raises:
            GeneratorError: the model did not reply in time.
        """
        prompt = rewrite_prompt(question, history)
        return first_line(_in_thread(partial(Hosted(self._spec, _hurried(self._limits))._request, prompt)))

    async def _request(self, prompt: Prompt, put: Callable[[str], None]) -> None:
        """Send one prompt and `put` each piece of the reply's text."""
        limits, who = self._limits, self.name
        async with (
            AsyncExitStack() as stack,
            _within(limits.total, AnswerCutError(f"{who} did not finish within {limits.total:g} s")),
        ):
            model = _model(self._spec, await stack.enter_async_context(_client(self._spec, limits)))
            stream, events, text = await self._begun(stack, model, prompt)
            put(text)
            with fault_message(self._spec, limits.retry_after, begun=True):
                while True:
                    async with _within(limits.gap, AnswerCutError(f"{who} fell silent for {limits.gap:g} s")):
                        event = await anext(events, None)
                    if event is None:
                        break
                    put(_text(event))
            self._check(stream.get(), prompt)

    async def _begun(
        self, stack: AsyncExitStack, model: Model, prompt: Prompt
    ) -> tuple[StreamedResponse, AsyncIterator[ModelResponseStreamEvent], str]:
        """Return the stream, its events, and the first text. A request is tried again only here.

        Reasoning counts as a beginning: from then on the deadline is the gap between two parts.
        """
        limits = self._limits
        late = ModelError(
            f"{self.name} did not begin to answer within {limits.first_token:g} s: ask again, or name a faster model"
        )
        async with _within(limits.first_token, late) as deadline:
            async for attempt in stamina.retry_context(
                on=self._wait,
                attempts=limits.attempts,
                timeout=limits.first_token,
                wait_initial=limits.backoff,
                wait_jitter=limits.backoff,
            ):
                with attempt, fault_message(self._spec, limits.retry_after):
                    async with AsyncExitStack() as trial:
                        stream = await trial.enter_async_context(
                            model_request_stream(model, _messages(prompt), model_settings=_settings())
                        )
                        events = aiter(stream)
                        async for event in events:
                            if text := _text(event):
                                stack.push_async_callback(trial.pop_all().aclose)
                                return stream, events, text
                            deadline.reschedule(asyncio.get_running_loop().time() + limits.gap)
                        raise self._nothing(stream.get())
        raise AssertionError("the retry loop returns or raises")

    def _wait(self, error: Exception) -> bool | float:
        return error.retry if isinstance(error, ModelError) else False

    def _nothing(self, response: ModelResponse) -> ModelError:
        """Return the error of a reply that ended well and has no text."""
        if response.finish_reason == "content_filter":
            return ModelError(f"{self.name} declined to answer: its content filter stopped it; name another model")
        if response.finish_reason == "length":
            return ModelError(
                f"{self.name} used up its {ANSWER_TOKENS} tokens before the answer began: name another model"
            )
        return ModelError(f"{self.name} answered with nothing: ask again, or name another model", retry=True)

    def _check(self, response: ModelResponse, prompt: Prompt) -> None:
        """Check that the model read the whole prompt and wrote to the end.

        Raises:
            ModelError: it read less than the prompt has.
            AnswerCut: the end of the reply is missing.
        """
        read = response.usage.input_tokens
        if 0 < read < prompt.least_tokens:
            raise ModelError(
                f"{self.name} read only {read} of at least {prompt.least_tokens} tokens of the question and its "
                "passages: give the server a longer context (Ollama: OLLAMA_CONTEXT_LENGTH=8192)"
            )
        ends = {
            "stop": "",
            "length": f"{self.name} reached its limit of {ANSWER_TOKENS} tokens",
            "content_filter": f"the content filter of {self.name} stopped it",
            "error": f"{self.name} broke off with an error",
        }
        if reason := ends.get(response.finish_reason or "", f"the connection to {self.name} was lost"):
            raise AnswerCutError(reason)


def _model(spec: Spec, client: httpx2.AsyncClient) -> Model:
    """Return the client of the model in pydantic-ai, over our own connection and without retries of its own."""
    name, key, url = spec.model or "", spec.key or NO_KEY, spec.address
    if spec.kind == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        anthropic = AnthropicProvider(api_key=key, base_url=url, http_client=client)
        anthropic.client.max_retries = 0
        return AnthropicModel(name, provider=anthropic)
    if spec.kind == "google":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        return GoogleModel(name, provider=GoogleProvider(api_key=key, base_url=url, http_client=client))
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.ollama import OllamaProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    make = OllamaProvider if spec.kind == "ollama" else OpenAIProvider
    openai = make(base_url=url, api_key=key, http_client=client)
    openai.client.max_retries = 0
    if spec.url or spec.kind == "ollama":  # no other server has to know the account at OpenAI
        openai.client.organization = openai.client.project = None
    profile = OpenAIModelProfile(
        openai_chat_streaming_requires_finish_reason=True,  # a stream that ends without a reason was cut
        openai_chat_supports_max_completion_tokens=url is None,  # OpenAI's own name for max_tokens
        thinking_tags=("\0", "\0"),  # `rag.generation.prompts.without_reasoning` takes the reasoning out
    )
    return OpenAIChatModel(name, provider=openai, profile=profile)


def _client(spec: Spec, limits: Limits) -> httpx2.AsyncClient:
    """Return a client that follows no redirect, which would show the key to another server.

    It does not use the proxy of this machine for a server on this machine.
    """
    timeout = httpx2.Timeout(limits.total, connect=limits.connect)
    trust = not _is_loopback(spec.address)
    return httpx2.AsyncClient(timeout=timeout, trust_env=trust, verify=_certificates(trust))


@lru_cache
def _certificates(trust_env: bool) -> SSLContext:
    """Return the certificates that this machine trusts, read once: reading takes longer than the rest of a request."""
    return httpx2.create_ssl_context(trust_env=trust_env)


def _is_loopback(url: str | None) -> bool:
    host = urlsplit(url or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _messages(prompt: Prompt) -> list[ModelMessage]:
    return [ModelRequest(parts=[SystemPromptPart(prompt.system), UserPromptPart(prompt.user)])]


def _settings() -> ModelSettings:
    return ModelSettings(max_tokens=ANSWER_TOKENS, temperature=0.0)


def _text(event: ModelResponseStreamEvent) -> str:
    """Return the text that an event adds to the answer; reasoning is not part of it."""
    match event:
        case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
    return ""


@asynccontextmanager
async def _within(seconds: float, late: GeneratorError) -> AsyncIterator[asyncio.Timeout]:
    try:
        async with asyncio.timeout(seconds) as deadline:
            yield deadline
    except TimeoutError:
        raise late from None


def _in_thread(work: Callable[[Callable[[str], None]], Coroutine[None, None, None]]) -> Iterator[str]:
    """Run `work` on an event loop of its own and yield what it puts. It is cancelled when nobody reads on.

    It runs in a thread, because the caller may be inside another event loop, and because a deadline must hold even
    where the client waits in a call that cannot be interrupted.
    """
    queue: SimpleQueue[str | GeneratorError | None] = SimpleQueue()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # what a stopped client leaves undone does not matter
        task = loop.create_task(work(queue.put))
        running.append((loop, task))
        try:
            await task
        except GeneratorError as error:
            # It refers to the client's error, which may quote the server, which may quote the key.
            error.__context__ = error.__cause__ = error.__traceback__ = None
            queue.put(error)
        except asyncio.CancelledError:
            pass  # nobody reads on
        except Exception as error:
            queue.put(GeneratorError(f"the model failed ({type(error).__name__}): name another"))
        finally:
            queue.put(None)

    Thread(target=lambda: asyncio.run(run()), name="onrecord-model", daemon=True).start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, GeneratorError):
                raise item
            yield item
    finally:
        for loop, task in running:
            with suppress(RuntimeError):  # the loop is closed: the work is done
                loop.call_soon_threadsafe(task.cancel)
