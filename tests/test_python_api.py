"""The way in from Python, as the README and docs/python.md show it."""

from __future__ import annotations

from pathlib import Path

import pytest

import rag
from rag import Answer, Article, Citation, Claim, Models, OnRecord, Settings, build
from rag.errors import ConfigError, IndexMissingError
from tests.conftest import SEEDS

EXPORTS = "What percentage of Canada's exports go to the United States?"


def test_two_lines_build_and_answer(tmp_path: Path, models: Models) -> None:
    report = build(str(SEEDS), str(tmp_path / "index"), models.encoder)
    assert (report.generation, report.added) == (1, 5)
    answer = OnRecord(str(tmp_path / "index"), models=models).ask(EXPORTS)
    assert str(answer).splitlines()[0] == "**Over 75%.** [1]"
    assert (
        str(answer).splitlines()[3].startswith("[1] Is a Canada-US trade deal inching closer? · publish date unknown")
    )


def test_an_answer_is_the_history_of_the_next(seed_index: Path, models: Models) -> None:
    archive = OnRecord(seed_index, models=models)
    first = archive.ask("Who is Brian Kingston?")
    second = archive.ask("What does he expect from the meeting?", history=[first])
    assert second.standalone_question == "What does Brian Kingston expect from the meeting?"


def test_options_win_over_the_settings(seed_index: Path, models: Models) -> None:
    archive = OnRecord(seed_index, Settings(refuse_below=0.0), models, refuse_below=1.0)
    assert archive.settings == Settings(index=seed_index, refuse_below=1.0)
    assert archive.ask(EXPORTS).status == "abstained"
    with pytest.raises(ConfigError, match="unknown option 'colour' in the call"):
        OnRecord(seed_index, Settings(), models, colour="red")


def test_an_index_that_is_not_there_is_named(tmp_path: Path, models: Models) -> None:
    with pytest.raises(IndexMissingError, match=r"no index in .*nowhere: run `onrecord build`"):
        OnRecord(tmp_path / "nowhere", models=models)


def test_what_articles_say_is_escaped_in_a_notebook() -> None:
    article = Article("a", "a.txt", "Rain <b>fell</b>.", title="<script>alert(1)</script>")
    text, claim = "**Rain.** [1]\n*<i>*: Rain <b>fell</b>. [1]", Claim("Rain.", "verbatim", 1.0, (1,))
    answer = Answer("q", "q", "answered", text, 0.9, (claim,), (Citation(1, article, 0, 17),), (), "extractive", 1)
    assert answer._repr_html_() == (
        "<p><strong>Rain.</strong> [1]<br>*&lt;i&gt;*: Rain &lt;b&gt;fell&lt;/b&gt;. [1]</p>"
        "<ol><li value='1'>&lt;script&gt;alert(1)&lt;/script&gt; · publish date unknown · a.txt, characters 0–17"
        "<blockquote>Rain &lt;b&gt;fell&lt;/b&gt;.</blockquote></li></ol>"
    )


def test_every_public_name_is_there_and_no_other() -> None:
    assert [name for name in rag.__all__ if not hasattr(rag, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        rag.Nothing  # noqa: B018
