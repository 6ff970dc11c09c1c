"""A key that somebody types into the chat: it stays in the session that typed it, and is shown nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag.cli import chat_server
from rag.errors import GeneratorError
from rag.generation.base import Task
from rag.generation.registry import generator, load_generator
from rag.generation.spec import read_spec
from tests.helpers.fake_models import FakeModels, Reply, fake_models
from tests.helpers.models import EVIDENCE, FIRST_SENTENCE, KEY, KEY_VARIABLES, QUESTION, few_certificates
from tests.helpers.waiting import PATIENCE_SECONDS
from ui.pages import evaluation
from ui.parts import settings
from ui.state.session import KEY as CONVERSATION
from ui.state.store import Json

EXPORTS = "What percentage of Canada's exports go to the United States?"
REFUSED_KEY = Reply(status=401, code="authentication_error", message=f"no, not with {KEY}")


@pytest.fixture(autouse=True)
def no_keys(seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chat over the seed articles, on a computer that has no key and reaches no service."""
    few_certificates(tmp_path, monkeypatch)
    monkeypatch.setenv("ONRECORD_INDEX", str(seed_index))
    monkeypatch.setenv("ONRECORD_CONVERSATIONS", str(tmp_path / "conversations.sqlite"))
    for name in (*KEY_VARIABLES, "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def opened(spec: str) -> AppTest:
    """A session of its own, which has chosen this model."""
    page = AppTest.from_file(chat_server.page(), default_timeout=PATIENCE_SECONDS).run()
    choose(page, spec)
    return page


def choose(page: AppTest, spec: str) -> None:
    page.selectbox(key="generator").set_value(settings.OTHER).run()
    page.text_input(key="model").set_value(spec).run()
    assert not page.exception


def type_key(page: AppTest, key: str = KEY) -> None:
    page.text_input(key="model-key").set_value(key).run()
    assert not page.exception


def ask(page: AppTest) -> None:
    page.chat_input[0].set_value(EXPORTS).run()
    assert not page.exception


def captions(page: AppTest) -> list[str]:
    return [caption.value for caption in page.sidebar.caption]


def sent(fake: FakeModels) -> list[bool]:
    """Of each request, whether the typed key is in it."""
    return [KEY in str(request) for request in fake.requests]


def test_a_typed_key_is_seen_by_the_session_that_typed_it_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with fake_models("openai", Reply(("Over 75%. [", "1]"))) as fake:
        first, second = opened(fake.spec), opened(fake.spec)
        type_key(first)
        second.run()
        assert settings.KEY_TYPED in captions(first)
        assert first.text_input(key="model-key").value == ""
        assert settings.KEY_MAY_BE_MISSING in captions(second)
        ask(first)
        ask(second)
        ask(first)
        assert sent(fake) == [True, False, True]
    assert KEY not in str(os.environ)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("conversations.sqlite*"))
    assert EXPORTS.encode() in stored
    assert KEY.encode() not in stored
    for page in (first, second):
        assert KEY not in repr(page.session_state) + str(page.session_state) + str(dict(page.query_params))
    assert KEY not in caplog.text + "".join(capfd.readouterr())


def test_the_other_session_is_told_that_the_key_is_missing() -> None:
    first, second = opened("openai:tiny"), opened("openai:tiny")
    type_key(first)
    second.run()
    assert settings.KEY_TYPED in captions(first)
    assert settings.KEY_MISSING in captions(second)
    ask(second)
    assert "needs a key" in second.session_state[CONVERSATION].exchanges[0].answer.notice


def test_a_key_goes_to_the_server_that_it_was_typed_for_and_to_no_other() -> None:
    reply = Reply(("Over 75%. [", "1]"))
    with fake_models("openai", reply) as mine, fake_models("openai", reply) as other:
        page = opened(mine.spec)
        type_key(page)
        choose(page, other.spec)
        ask(page)
        choose(page, mine.spec)
        ask(page)
        assert (sent(other), sent(mine)) == ([False], [True])


def test_an_evaluation_asks_with_the_key_of_the_session_that_started_it(seed_index: Path, tmp_path: Path) -> None:
    with fake_models("openai", Reply(("Over 75%. [", "1]"))) as fake:
        page = AppTest.from_function(evaluation_page, default_timeout=PATIENCE_SECONDS).run()
        page.file_uploader[0].set_value(("mine.csv", f"question,answer\n{EXPORTS},75%\n".encode(), "text/csv")).run()
        choose(page, fake.spec)
        type_key(page)
        page.button(key="run").click().run()
        job = evaluation.evaluations(str(seed_index)).last
        assert job is not None
        job.wait()
        assert (job.error, sent(fake)) == ("", [True])
    (run,) = (tmp_path / "evaluations").glob("*.json")
    assert KEY not in run.read_text(encoding="utf-8")


def evaluation_page() -> None:
    from ui.pages import evaluation

    evaluation.page()


class TestGenerator:
    def test_a_key_that_is_given_wins_over_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ONRECORD_LLM_KEY", "sk-of-the-environment")
        with fake_models("openai", Reply(FIRST_SENTENCE)) as fake:
            list(generator(fake.spec).generate(Task(QUESTION, EVIDENCE)))
            list(generator(fake.spec, KEY).generate(Task(QUESTION, EVIDENCE)))
            list(generator(fake.spec).generate(Task(QUESTION, EVIDENCE)))
            assert sent(fake) == [False, True, False]

    def test_it_is_enough_for_a_service_that_needs_one(self) -> None:
        with pytest.raises(GeneratorError, match="needs a key"):
            load_generator("openai:tiny")
        assert load_generator("openai:tiny", KEY).name == "openai:tiny"

    def test_it_is_in_no_text(self, caplog: pytest.LogCaptureFixture) -> None:
        with fake_models("openai", REFUSED_KEY) as fake, pytest.raises(GeneratorError) as caught:
            list(generator(fake.spec, KEY).generate(Task(QUESTION, EVIDENCE)))
        assert "refused the key (401): check the key that was typed" in str(caught.value)
        spec = read_spec(fake.spec, KEY)
        texts: list[Json | str] = [str(caught.value), repr(spec), str(vars(generator(fake.spec, KEY))), caplog.text]
        assert KEY not in str(texts)
