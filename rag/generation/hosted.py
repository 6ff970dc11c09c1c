"""Language models behind an address: OpenAI, Anthropic, Google, Ollama, and whatever speaks one of their protocols.

pydantic-ai speaks the protocols; here is what holds for all of them: deadlines, one retry loop that ends with the first
word, and faults (`rag.generation.faults`) told in the user's words. Needs the extra `hosted`; imported only when such a
model is asked for.
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
from rag.generation.faults import Fault, TooLong, fault_message
from rag.generation.prompts import Prompt, beginning, full_prompt, rewrite_prompt, spoken
from rag.generation.spec import Spec
from rag.generation.streaming import finished_claims
from rag.types import Turn

ANSWER_TOKENS = 2000  # far more than an answer takes, since some models reason within the same allowance
NO_KEY = "no-key"  # what is sent to a server that asks for none: the clients insist on something

# A model that cannot be told to keep to the likeliest words is told nothing, and the reader neither.
warnings.filterwarnings("ignore", message="Sampling parameters", category=UserWarning)

# A retry would otherwise be told on stderr by logging's last resort; who configures logging still hears of it.
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
    """The limits of a request that the answer waits for and can do without."""
    begin, gap = (min(seconds, REWRITE_SECONDS) for seconds in (limits.first_token, limits.gap))
    return replace(limits, first_token=begin, gap=gap, total=min(limits.total, REWRITE_SECONDS), attempts=1)


class Hosted:
    """Writes with a model behind an address. Keeps no connection and no key: both belong to one request."""

    rewrites = True

    def __init__(self, spec: Spec, limits: Limits | None = None) -> None:
        """Take note of the model; nothing is sent before a question is asked.

        Raises:
            GeneratorError: the model needs a key and the environment holds none.
        """
        self.name = spec.name
        self._spec = spec
        self._limits = limits or Limits()
        if missing := spec.missing_key():
            raise GeneratorError(f"{self.name} needs a key: set {missing} in the environment")

    def generate(self, task: Task) -> Iterator[Piece]:
        """Yield the answer; when the passages are too long for the model, over the best half of them, and so on.

        Raises:
            AnswerCut: the model stopped after its first words.
            GeneratorError: it did not answer; the message says what happened and what to do.
        """
        evidence = task.evidence
        while True:
            work = partial(self._request, full_prompt(replace(task, evidence=evidence)))
            try:
                yield from finished_claims(spoken(_in_thread(work)))
            except TooLong:
                if len(evidence) == 1:
                    raise
                evidence = evidence[: len(evidence) // 2]
                yield Piece("", notice=f"only the best {len(evidence)} of {len(task.evidence)} passages fit the model")
            else:
                return

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """Ask once and not for long."""
        prompt = rewrite_prompt(question, history)
        return beginning(_in_thread(partial(Hosted(self._spec, _hurried(self._limits))._request, prompt)))

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
        """The stream, opened and read up to the first text. Here and nowhere else a request is tried again.

        A model that is seen to reason has begun; from then on it is held to the gap between two signs of life.
        """
        limits = self._limits
        late = Fault(
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
        return error.retry if isinstance(error, Fault) else False

    def _nothing(self, response: ModelResponse) -> Fault:
        """Why a reply that ended well holds no text."""
        if response.finish_reason == "content_filter":
            return Fault(f"{self.name} declined to answer: its content filter stopped it; name another model")
        if response.finish_reason == "length":
            return Fault(f"{self.name} used up its {ANSWER_TOKENS} tokens before the answer began: name another model")
        return Fault(f"{self.name} answered with nothing: ask again, or name another model", retry=True)

    def _check(self, response: ModelResponse, prompt: Prompt) -> None:
        """Say what is wrong with a reply whose text came through: the prompt was not read, or the end is missing."""
        read = response.usage.input_tokens
        if 0 < read < prompt.least_tokens:
            raise Fault(
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
    """The model's client in pydantic-ai, over a connection of our own, with retries of its own switched off."""
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
    if spec.url or spec.kind == "ollama":  # whose account it is at OpenAI concerns no other server
        openai.client.organization = openai.client.project = None
    profile = OpenAIModelProfile(
        openai_chat_streaming_requires_finish_reason=True,  # a stream that ends without saying why was cut
        openai_chat_supports_max_completion_tokens=url is None,  # OpenAI's own word for what others call max_tokens
        thinking_tags=("\0", "\0"),  # reasoning in tags is taken out by `rag.generation.prompts.spoken`
    )
    return OpenAIChatModel(name, provider=openai, profile=profile)


def _client(spec: Spec, limits: Limits) -> httpx2.AsyncClient:
    """A connection that follows no redirect, since that would show the key to somebody else, and that leaves this
    machine's proxy aside when the server is this machine.
    """
    timeout = httpx2.Timeout(limits.total, connect=limits.connect)
    trust = not _is_loopback(spec.address)
    return httpx2.AsyncClient(timeout=timeout, trust_env=trust, verify=_certificates(trust))


@lru_cache
def _certificates(trust_env: bool) -> SSLContext:
    """The certificates that this machine trusts, read once: that takes longer than the rest of a request."""
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
    """The text that an event adds to the answer; reasoning is not part of it."""
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
    """Run `work` on an event loop of its own and yield what it puts; it is cancelled when nobody reads on.

    A thread, because the caller may be inside another event loop, and because a deadline must hold also where the
    client waits in a call that cannot be interrupted.
    """
    queue: SimpleQueue[str | GeneratorError | None] = SimpleQueue()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # what a client leaves undone when it is stopped concerns nobody
        task = loop.create_task(work(queue.put))
        running.append((loop, task))
        try:
            await task
        except GeneratorError as error:
            # What the client raised hangs on it, and may quote the server, which may quote the key.
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
