"""The catalog: whose file it is, what goes in comes out, and a reader's transaction stands still."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ConfigError, IndexDamagedError, IndexIncompatibleError, IndexMissingError
from rag.filters import Filters, date_words
from rag.index import catalog, queries
from rag.index.catalog import CATALOG_FILE, connect, transaction
from rag.types import Article, Passage, Removed

text = st.text(st.characters(exclude_categories=["Cs"]))
articles = st.builds(
    Article,
    id=text,
    path=text,
    text=text,
    title=st.none() | text,
    publisher=st.none() | text,
    published=st.none() | text,
    authors=st.lists(text).map(tuple),
    url=st.none() | text,
    removed=st.lists(st.builds(Removed, line=st.integers(1, 10**6), text=text, reason=text)).map(tuple),
    provenance=st.dictionaries(text, text),
)
SOME = Article(
    "a1", "a.txt", "The text.", title="A headline", publisher="A paper", published="2025-10-31T08:00:00+02:00"
)


def insert(connection: sqlite3.Connection, article: Article) -> None:
    id_, *columns = queries.article_row(article)
    row = (id_, "a file", *columns, queries.article_digest(article))
    connection.execute("INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


# Round trips


@given(articles)
def test_an_article_comes_out_as_it_went_in(article: Article) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(catalog.SCHEMA[2])
        insert(connection, article)
        assert list(queries.articles(connection)) == [article]
        assert queries.article_by_id(connection, article.id) == article
        assert queries.article_by_id(connection, article.id + "another") is None
        assert queries.article_by_path(connection, article.path) == article


@given(articles, articles)
def test_articles_have_the_same_digest_only_when_they_are_the_same(one: Article, other: Article) -> None:
    assert (queries.article_digest(one) == queries.article_digest(other)) == (one == other)


def test_keys_are_the_hashes_they_say_they_are() -> None:
    assert queries.vector_key("model", "words") == hashlib.sha256(b"model\0words").digest()
    expected = int.from_bytes(hashlib.sha256(b"a1\x003\x009").digest()[:8], "big") >> 1
    assert queries.passage_id("a1", 3, 9) == expected
    assert 0 <= expected < 2**63


def test_what_is_encoded_has_the_headline_the_publisher_and_the_day_before_it() -> None:
    bare = Article("a1", "a.txt", "The text.")
    assert queries.encoded_text(Passage(SOME, 4, 9)) == "A headline\nA paper, 2025-10-31\ntext."
    assert queries.encoded_text(Passage(bare, 4, 9)) == "text."


# Whose file it is


def test_reading_where_nothing_was_built_says_so_and_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match=f"no index in {tmp_path}: run `onrecord build`"):
        connect(tmp_path, write=False)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_stamped(tmp_path: Path) -> None:
    connect(tmp_path, write=True).close()
    header = (tmp_path / CATALOG_FILE).read_bytes()[:100]
    assert header[68:72] == b"OnRe"
    assert header[60:64] == (3).to_bytes(4, "big")


def test_a_file_left_empty_by_a_dying_build_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / CATALOG_FILE).touch()
    with pytest.raises(IndexMissingError, match="never finished: run `onrecord build`"):
        connect(tmp_path, write=False)
    connect(tmp_path, write=True).close()
    connect(tmp_path, write=False).close()


@pytest.mark.parametrize("write", [False, True])
def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path, write: bool) -> None:
    path = tmp_path / CATALOG_FILE
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE bookmarks (url TEXT)")
        foreign.commit()
    before = path.read_bytes()
    with pytest.raises(IndexIncompatibleError, match=r"another program: run `onrecord build --force`"):
        connect(tmp_path, write=write)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 4, 99])
def test_another_format_is_refused_by_number(tmp_path: Path, version: int) -> None:
    with closing(connect(tmp_path, write=True)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(IndexIncompatibleError, match=f"has format {version}, this version of On Record reads 3: run"):
        connect(tmp_path, write=False)


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be read as one" * 100, b"SQLite format 3\0"]
)
def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CATALOG_FILE).write_bytes(content)
    with pytest.raises(IndexDamagedError, match=f"{tmp_path / CATALOG_FILE} is damaged .*onrecord repair"):
        connect(tmp_path, write=False)


def test_a_folder_name_with_characters_of_a_url_is_only_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "a?mode=memory#b %41 é"
    folder.mkdir()
    connect(folder, write=True).close()
    assert (folder / CATALOG_FILE).is_file()


# Transactions


def test_a_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    with closing(connect(tmp_path, write=True)) as connection:
        with suppress(RuntimeError), transaction(connection):
            insert(connection, SOME)
            raise RuntimeError("half way")
        assert list(queries.articles(connection)) == []


def test_a_reader_sees_the_state_at_its_first_read_until_it_ends(tmp_path: Path) -> None:
    with closing(connect(tmp_path, write=True)) as writer, closing(connect(tmp_path, write=False)) as reader:
        with transaction(writer):
            insert(writer, SOME)
        with transaction(reader, write=False):
            assert list(queries.articles(reader)) == [SOME]
            with transaction(writer):
                writer.execute("DELETE FROM articles")
            assert list(queries.articles(reader)) == [SOME]
        assert list(queries.articles(reader)) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    connect(tmp_path, write=True).close()
    with closing(connect(tmp_path, write=False)) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        insert(reader, SOME)


def test_a_path_with_several_articles_names_none_of_them(tmp_path: Path) -> None:
    with closing(connect(tmp_path, write=True)) as connection:
        insert(connection, Article("one", "many.jsonl", "One."))
        insert(connection, Article("two", "many.jsonl", "Two."))
        assert queries.article_by_path(connection, "many.jsonl") is None


# Filters

DATES = {"none": None, "2024": "2024-12-31", "new year": "2025-01-01T00:30:00+01:00", "march": "2025-03-15"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(since="2025-01-01"), {"new year", "march"}),
        (Filters(until="2025-01-01"), {"2024", "new year"}),
        (Filters(since="2025"), {"new year", "march"}),
        (Filters(until="2024"), {"2024"}),
        (Filters(since="2025-01", until="2025-02"), {"new year"}),
        (Filters(since="2026"), set()),
        (Filters(publisher="LE MONDE é"), {"none", "march"}),
        (Filters(since="2025-02-01", publisher="le monde É"), {"march"}),
        (Filters(publisher="Le Mond"), set()),
        (Filters(publisher=""), set()),
        (Filters(publisher="\0"), set()),
        (Filters(author="ÉMILE Zola "), {"2024", "march"}),
        (Filters(author="émile zola", publisher="Le Monde É"), {"march"}),
        (Filters(author="Émile"), set()),
        (Filters(author=""), set()),
    ],
)
def test_filters_pass_the_days_publisher_and_author_named(tmp_path: Path, filters: Filters, expected: set[str]) -> None:
    with closing(connect(tmp_path, write=True)) as connection:
        names = {}
        for name, published in DATES.items():
            publisher = "Le Monde É" if name in ("none", "march") else None
            authors = {"2024": ("Émile Zola",), "march": ("Jules Verne", "émile zola", "Émile Zola")}.get(name, ())
            article = Article(name, name, "Words.", published=published, publisher=publisher, authors=authors)
            insert(connection, article)
            passage = queries.passage_id(name, 0, 6)
            connection.execute("INSERT INTO passages VALUES (?, ?, 0, 6, ?, NULL)", (passage, name, name.encode()))
            names[passage] = name
        ids = queries.passing(connection, filters)
        assert {names[id_] for id_ in ids.tolist()} == expected
        assert ids.tolist() == sorted(ids.tolist())


@pytest.mark.parametrize("bound", ["", "yesterday", "2025-13", "2025-02-30", "20250201", "2025-1-1", "٢٠٢٥"])
def test_a_bound_that_is_no_day_is_refused(bound: str) -> None:
    with pytest.raises(ConfigError, match=r"since is .*: give a day \(2025-10-31\)"):
        Filters(since=bound)


def test_dates_are_searchable_as_people_write_them() -> None:
    assert date_words("2022-02-07") == "2022-02-07 7 February 2022"
    assert date_words("2022-02-07T10:00:00Z") == "2022-02-07 7 February 2022"
    assert date_words("2022-02") == "2022-02"
    assert date_words(None) == ""
