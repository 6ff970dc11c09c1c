"""The pages say what is so: their links lead somewhere, and their Python runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rag import Models, OnRecord, Settings, build
from rag.generation import registry as generators
from rag.ingest import loaders
from rag.ingest.loaders import Source, find_files, read_file
from rag.models import registry
from rag.retrieval import rerankers

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
MAX_README_LINES = 150
MAX_EXAMPLE_LINES = 15


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page that begin with this language line."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_and_picture_is_linked() -> None:
    linked = {
        (page.parent / link).resolve() for page in PAGES for link in LINK.findall(page.read_text(encoding="utf-8"))
    }
    files = {path for path in (ROOT / "docs").rglob("*") if path.is_file()}
    assert {str(path.relative_to(ROOT)) for path in files - linked} == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


@pytest.fixture
def in_a_folder_with_an_index(
    seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Models
) -> dict[str, Any]:
    """The names that a page's code begins with, in a folder whose `index` and `seeds` are those of the seeds."""
    (tmp_path / "index").symlink_to(seed_index)
    (tmp_path / "seeds").symlink_to(ROOT / "seeds")
    monkeypatch.chdir(tmp_path)
    return {}


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_python_of_a_page_runs(page: str, in_a_folder_with_an_index: dict[str, Any]) -> None:
    for block in blocks(page, "python"):
        run(block, in_a_folder_with_an_index)
    assert in_a_folder_with_an_index["answer"].status in ("answered", "disputed")


def run(code: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run the code of a page."""
    exec(compile(code, "a page", "exec"), names)
    return names


def example(part: str) -> dict[str, Any]:
    """Run the example for adding one part, as docs/architecture.md has it."""
    (code,) = blocks("docs/architecture.md", f"python {part}")
    assert len([line for line in code.splitlines() if line]) <= MAX_EXAMPLE_LINES
    return run(code, {})


def test_an_encoder_is_one_class(seed_index: Path, tmp_path: Path, models: Models) -> None:
    encoder = example("encoder")["FirstLetters"]()
    build(ROOT / "seeds", tmp_path / "index", encoder)
    archive = OnRecord(tmp_path / "index", models=Models(encoder, models.answer_reader))
    assert len(archive.search("auto tariffs", k=3)) == 3
    assert archive.ask("Who is Brian Kingston?").hits


def test_a_reranker_is_one_class(seed_index: Path, models: Models) -> None:
    reranker = example("reranker")["Shortest"]()
    archive = OnRecord(seed_index, models=Models(models.encoder, models.answer_reader, reranker))
    hits = archive.search("auto tariffs", k=5)
    scores = [hit.stages["reranker"][1] for hit in hits]
    assert scores == pytest.approx([1 / (1 + len(hit.passage.text)) for hit in hits])


def test_an_answer_reader_is_one_class(seed_index: Path, models: Models) -> None:
    reader = example("answer reader")["Digits"]()
    archive = OnRecord(seed_index, models=Models(models.encoder, reader))
    answer = archive.ask("What percentage of Canada's exports go to the United States?")
    assert any("75%" in citation.quote for citation in answer.citations)


def test_a_generator_is_one_class(seed_index: Path, models: Models) -> None:
    bare = example("generator")["Bare"]()
    answer = OnRecord(seed_index, models=models).ask("Who is Brian Kingston?", llm=bare)
    assert answer.generator == "bare sentences"
    assert answer.claims[0].text == answer.citations[0].quote


def test_a_loader_is_one_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(loaders.LOADERS, ".blocks", example("loader")["read_blocks"])
    (tmp_path / "two.blocks").write_text("Rain fell.\n---\nSnow fell.", encoding="utf-8")
    files, failures = find_files(tmp_path)
    assert failures == []
    assert [source.text for file in files for source in read_file(file) if isinstance(source, Source)] == [
        "Rain fell.",
        "Snow fell.",
    ]


def test_each_part_is_chosen_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENCODERS, "first letters", example("encoder")["FirstLetters"])
    monkeypatch.setitem(registry.ANSWER_READERS, "digits", example("answer reader")["Digits"])
    monkeypatch.setitem(rerankers.RERANKERS, "shortest first", example("reranker")["Shortest"])
    monkeypatch.setitem(generators.GENERATORS, "bare sentences", example("generator")["Bare"])
    build(ROOT / "seeds", tmp_path / "index", "first letters")
    chosen = Settings(encoder="first letters", answer_reader="digits", reranker="shortest first", llm="bare sentences")
    archive = OnRecord(tmp_path / "index", chosen, refuse_below=0)
    answer = archive.ask("What percentage of Canada's exports go to the United States?")
    assert answer.generator == "bare sentences"
    assert "reranker" in answer.hits[0].stages
    assert generators.choices("bare sentences")[0].label == "bare sentences"
