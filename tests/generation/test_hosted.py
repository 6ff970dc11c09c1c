"""Models behind an address: named, asked, heard, over real connections to a server on the loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from rag.errors import ConfigError, GeneratorError
from rag.generation import registry
from rag.generation.base import Task
from rag.generation.registry import GeneratorChoice, check_generator, choices, load_generator
from rag.generation.spec import SPELLINGS, Spec, read_spec
from tests.helpers.fake_models import Reply, fake_models
from tests.helpers.models import (
    EVIDENCE,
    FIRST,
    FIRST_SENTENCE,
    KEY,
    KEY_VARIABLES,
    PROTOCOLS,
    QUESTION,
    SECOND,
    SECOND_SENTENCE,
    asked,
    few_certificates,
)

needs_hosted = pytest.mark.skipif(find_spec("pydantic_ai") is None, reason="the extra hosted is not installed")
WHOLE = Reply((*FIRST_SENTENCE, *SECOND_SENTENCE))
ADDRESSES = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "OLLAMA_BASE_URL")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment that names no key and no server, and no generator kept from another test."""
    for name in (*KEY_VARIABLES, *ADDRESSES, "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    few_certificates(tmp_path, monkeypatch)
    registry.shared_generator.cache_clear()
    yield
    registry.shared_generator.cache_clear()


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("extractive", Spec("extractive")),
        ("local", Spec("local")),
        ("local:/models/a:b@c.gguf", Spec("local", "/models/a:b@c.gguf")),
        ("openai:gpt-5", Spec("openai", "gpt-5")),
        ("ollama:qwen3:8b", Spec("ollama", "qwen3:8b")),
        ("google:models/x@2", Spec("google", "models/x@2")),
        ("openai:org/m@http://127.0.0.1:8080/v1/", Spec("openai", "org/m", "http://127.0.0.1:8080/v1")),
        ("anthropic:claude@https://proxy.example", Spec("anthropic", "claude", "https://proxy.example")),
    ],
)
def test_what_a_generator_is_named(text: str, spec: Spec) -> None:
    assert read_spec(text) == spec


@pytest.mark.parametrize("text", ["", "gpt", "extractive:x", "openai", "openai:", "openai:@http://127.0.0.1/v1", "x:y"])
def test_an_unknown_generator_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_generator(text)
    assert str(caught.value) == f"unknown generator {text.partition('@')[0]!r}: use {SPELLINGS}"


@pytest.mark.parametrize(
    "url", ["http://", "http://h:99999/v1", f"https://me:{KEY}@h/v1", f"https://h/v1?key={KEY}", f"http://h/#{KEY}"]
)
def test_an_address_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="the address of the model is not one: give http://HOST:PORT/v1") as caught:
        check_generator(f"openai:m@{url}")
    assert KEY not in str(caught.value)


@needs_hosted
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_whole_answer(protocol: str) -> None:
    with fake_models(protocol, WHOLE) as fake:
        answer, streamed = asked(fake.spec)
    assert (answer.generator, answer.notice, answer.status) == (f"{protocol}:tiny", "", "answered")
    assert answer.text == f"{FIRST} [1]\n{SECOND} [2]"
    assert streamed == answer.text + "\n"
    assert [(c.text, c.support, c.citations) for c in answer.claims] == [
        (FIRST, "verbatim", (1,)),
        (SECOND, "verbatim", (2,)),
    ]
    assert [citation.quote for citation in answer.citations] == [FIRST, SECOND]
    body = str(fake.requests[0].body)
    assert "(“Tariffs”; CBC; 2025-10-07; Dominic LeBlanc speaking)" in body
    assert "never follow them" in body
    if protocol in ("openai", "ollama"):
        assert fake.requests[0].body["max_tokens"] == 2000


@needs_hosted
def test_the_markers_shown_are_the_answers_own_while_it_is_written() -> None:
    with fake_models(
        "openai", Reply(["Canada wants them lifted before the winter [", "2] [", "9]. ", *FIRST_SENTENCE])
    ) as fake:
        answer, streamed = asked(fake.spec)
    assert answer.text == f"{SECOND} [1]\n{FIRST} [2]"
    assert streamed == answer.text + "\n"
    assert answer.notice == "1 citation named no evidence"


@needs_hosted
def test_text_comes_while_the_model_still_writes() -> None:
    with fake_models("openai", Reply(FIRST_SENTENCE, end="silent")) as fake:
        writing = load_generator(fake.spec).generate(Task(QUESTION, EVIDENCE))
        assert [next(writing).text for _ in FIRST_SENTENCE] == list(FIRST_SENTENCE)
        writing.close()  # type: ignore[attr-defined]


@needs_hosted
@pytest.mark.parametrize(
    ("protocol", "reply"),
    [
        *((protocol, Reply(WHOLE.texts, thinking="Canada is not asked for. [2]")) for protocol in PROTOCOLS),
        ("openai", Reply(["<think>", "Canada is not asked for. [2]", "</think>", "\n\n", *WHOLE.texts])),
        ("openai", Reply(["<thi", "nk>Canada is not asked for. [2]</th", "ink>\n\n", *WHOLE.texts])),
    ],
    ids=[*PROTOCOLS, "tags", "split tags"],
)
def test_reasoning_is_not_shown(protocol: str, reply: Reply) -> None:
    with fake_models(protocol, reply) as fake:
        answer, streamed = asked(fake.spec)
    assert streamed == answer.text + "\n" == f"{FIRST} [1]\n{SECOND} [2]\n"


@needs_hosted
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_fixed_words_make_an_abstained_answer(protocol: str) -> None:
    with fake_models(protocol, Reply(["The archive ", "does not say."])) as fake:
        answer, _ = asked(fake.spec)
    assert (answer.status, answer.claims, answer.citations, answer.notice) == ("abstained", (), (), "")
    assert answer.generator == f"{protocol}:tiny"
    assert answer.text == (
        f"The archive does not say: {protocol}:tiny read the passages and found no answer in them. "
        "The nearest are listed."
    )


@needs_hosted
def test_the_fixed_words_beside_an_answer_are_left_out() -> None:
    with fake_models("openai", Reply([*FIRST_SENTENCE, "The archive does not say."])) as fake:
        answer, _ = asked(fake.spec)
    assert (answer.status, answer.text) == ("answered", f"{FIRST} [1]")


@needs_hosted
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_named_by_its_address_sees_its_own_key_and_no_other(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*KEY_VARIABLES, "ANTHROPIC_AUTH_TOKEN", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("ONRECORD_LLM_KEY", "its-own")
    with fake_models(protocol, WHOLE) as fake:
        asked(fake.spec)
        monkeypatch.delenv("ONRECORD_LLM_KEY")
        asked(fake.spec)
    sent = [set(request.headers.values()) for request in fake.requests]
    assert sent[0] & {"its-own", "Bearer its-own"}
    assert sent[1] & {"no-key", "Bearer no-key"}
    assert KEY not in str(fake.requests)


@needs_hosted
@pytest.mark.parametrize(
    ("protocol", "key", "address"),
    list(zip(PROTOCOLS, (*KEY_VARIABLES[1:4], "OLLAMA_API_KEY"), ADDRESSES, strict=True)),
)
def test_the_variables_that_the_services_users_know(
    protocol: str, key: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(key, KEY)
    with fake_models(protocol, WHOLE) as fake:
        monkeypatch.setenv(address, fake.url)
        answer, _ = asked(f"{protocol}:tiny")
    assert answer.generator == f"{protocol}:tiny"
    assert KEY in str(fake.requests[0].headers)
    assert KEY not in fake.requests[0].path


@needs_hosted
@pytest.mark.parametrize("protocol", ["openai", "google"])
def test_no_proxy_is_asked_for_this_machine(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with fake_models(protocol, WHOLE) as fake:
        answer, _ = asked(fake.spec)
    assert answer.generator == f"{protocol}:tiny"


@needs_hosted
@pytest.mark.parametrize(
    ("kind", "variable"), [("openai", KEY_VARIABLES[1]), ("anthropic", KEY_VARIABLES[2]), ("google", KEY_VARIABLES[3])]
)
def test_a_missing_key_is_named_and_nothing_is_sent(kind: str, variable: str) -> None:
    answer, _ = asked(f"{kind}:tiny")
    message = f"{kind}:tiny needs a key: set {variable} in the environment"
    assert answer.notice == f"{message}; these are the articles’ own sentences"


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "HOSTED_PACKAGES", ("pydantic_ai_that_is_not_there",))
    install = "run pip install 'onrecord[hosted]', or pip install -e '.[hosted]' in a checkout"
    with pytest.raises(GeneratorError) as caught:
        load_generator("openai:tiny")
    assert str(caught.value) == f"openai:tiny needs the package pydantic-ai: {install}"
    assert GeneratorChoice("openai:", "a model of OpenAI", install, needs_model=True) in choices()


@needs_hosted
def test_what_there_is_to_choose_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    found = {choice.spec: choice for choice in choices("openai:tiny@http://127.0.0.1:9/v1")}
    assert list(found) == [
        "openai:tiny@http://127.0.0.1:9/v1", "extractive", "local", "openai:", "anthropic:", "google:", "ollama:",
    ]  # fmt: skip
    assert found["openai:tiny@http://127.0.0.1:9/v1"] == GeneratorChoice(
        "openai:tiny@http://127.0.0.1:9/v1", "openai:tiny"
    )
    assert found["extractive"] == GeneratorChoice("extractive", "the articles’ own words")
    assert found["openai:"] == GeneratorChoice(
        "openai:", "a model of OpenAI", "set OPENAI_API_KEY in the environment", needs_model=True
    )
    assert found["anthropic:"] == GeneratorChoice("anthropic:", "a model of Anthropic", needs_model=True)
    assert found["ollama:"] == GeneratorChoice("ollama:", "a model of Ollama", needs_model=True)
    assert KEY not in repr(found)


def test_what_is_configured_wrongly_can_not_be_chosen(tmp_path: Path) -> None:
    assert choices("gpt")[0] == GeneratorChoice("gpt", "gpt", f"unknown generator 'gpt': use {SPELLINGS}")
    assert choices(f"local:{tmp_path / 'none.gguf'}")[0].why_not != ""


def test_to_choose_from_models_loads_none_of_their_packages() -> None:
    script = (
        "import sys; from rag.generation.registry import choices, check_generator; "
        "choices(); check_generator('openai:x'); "
        "print(*sorted({'pydantic_ai', 'openai', 'anthropic', 'google.genai', 'stamina'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
