"""Files to sources: every kind of file that is an article, and every kind that is not."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import SourceError
from rag.ingest import loaders
from rag.ingest.decoding import decode_json, decode_text, with_line_ends
from rag.ingest.loaders import Failure, Source, SourceFile, article_id, digest, find_files, read_file

SEEDS = Path(__file__).parents[2] / "seeds"
UNSUPPORTED = (
    "unsupported file type {!r} (supported: .txt, .text, .md, .markdown, .html, .htm, .xhtml, .json, .jsonl, .jsonl.gz)"
)


def write(path: Path, data: bytes = b"The ministers met.\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(folder: Path) -> list[str]:
    return [file.path for file in find_files(folder)[0]]


def refused(folder: Path) -> dict[str, str]:
    return {failure.path: failure.reason for failure in find_files(folder)[1]}


def read(path: Path) -> list[Source | Failure]:
    return list(read_file(SourceFile(path.name, path)))


def text_of(path: Path, data: bytes) -> str:
    (source,) = read(write(path, data))
    assert isinstance(source, Source), source
    return source.text


def reason_for(path: Path, data: bytes) -> str:
    (failure,) = read(write(path, data))
    assert isinstance(failure, Failure), failure
    return failure.reason


def lines(*records: object) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


# Finding


def test_the_seeds() -> None:
    files, failures = find_files(SEEDS)
    assert failures == []
    assert [file.path for file in files] == [
        "000_8f4dada0abc948e8.txt",
        "001_3e22afcecaafb256.txt",
        "002_7518e94f49f206c6.txt",
        "003_ca2423bb0508c6d9.txt",
        "004_74d21da2cd19e92c.txt",
    ]
    (source,) = read_file(files[3])
    assert isinstance(source, Source)
    assert (source.id, source.path, source.kind) == ("abf09eb58e3e208bc", "003_ca2423bb0508c6d9.txt", "text")
    assert source.text.startswith("Is a Canada-US trade deal inching closer?\n\nTalks continue")


def test_an_article_id_is_a_digest_of_the_path() -> None:
    assert article_id("2025/a.txt") == "a" + hashlib.sha256(b"2025/a.txt").hexdigest()[:16]


def test_files_are_found_in_folders_and_sorted_by_path(tmp_path: Path) -> None:
    for path in ("b.txt", "a/z.MD", "a.html", "a/b/c.jsonl", "d.Text", "e.markdown", "f.htm", "g.xhtml", "h.jsonl.gz"):
        write(tmp_path / path)
    assert found(tmp_path) == [
        "a.html", "a/b/c.jsonl", "a/z.MD", "b.txt", "d.Text", "e.markdown", "f.htm", "g.xhtml", "h.jsonl.gz",
    ]  # fmt: skip
    assert refused(tmp_path) == {}


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / ".DS_Store")
    write(tmp_path / ".git" / "a.txt")
    os.symlink("/", tmp_path / ".link")
    assert find_files(tmp_path) == ([], [])


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.txt.gz", "README", "c.jsonl.zip"):
        write(tmp_path / name)
    assert refused(tmp_path) == {
        "a.pdf": UNSUPPORTED.format(".pdf"),
        "b.txt.gz": UNSUPPORTED.format(".gz"),
        "c.jsonl.zip": UNSUPPORTED.format(".zip"),
        "README": "no file type "
        "(supported: .txt, .text, .md, .markdown, .html, .htm, .xhtml, .json, .jsonl, .jsonl.gz)",
    }
    assert found(tmp_path) == []


def test_a_folder_can_be_named_like_a_file(tmp_path: Path) -> None:
    write(tmp_path / "x.txt" / "y.txt")
    assert found(tmp_path) == ["x.txt/y.txt"]


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    write(seeds / "a.txt")
    write(tmp_path / "secret.txt")
    os.symlink(tmp_path / "secret.txt", seeds / "b.txt")
    os.symlink("a.txt", seeds / "c.txt")
    os.symlink("nowhere.txt", seeds / "d.txt")
    os.symlink("e.txt", seeds / "e.txt")
    os.symlink(tmp_path, seeds / "up")
    os.symlink(seeds, seeds / "round")
    reasons = refused(seeds)
    assert reasons.pop("e.txt")  # how the system words a circle differs
    assert reasons == {
        "b.txt": "symbolic link to outside the articles folder",
        "d.txt": "file not found: it vanished, or is a broken link",
        "up": "symbolic link to outside the articles folder",
        "round": "symbolic link to a folder, which is not followed",
    }
    assert found(seeds) == ["a.txt", "c.txt"]
    sources = [source for file in find_files(seeds)[0] for source in read_file(file)]
    assert [source.text for source in sources if isinstance(source, Source)] == ["The ministers met."] * 2


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "secret.txt")
    os.symlink("secret.txt", tmp_path / "a.txt")
    assert read(tmp_path / "a.txt") == [Failure("a.txt", "too many levels of symbolic links")]


def test_the_folder_itself_can_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real" / "a.txt")
    os.symlink("real", tmp_path / "seeds")
    assert found(tmp_path / "seeds") == ["a.txt"]


def test_pipes_and_devices_are_refused_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    assert refused(tmp_path) == {"a.txt": "not a regular file"}


def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    assert read(tmp_path / "a.txt") == [Failure("a.txt", "not a regular file")]


def test_file_names_that_are_not_text(tmp_path: Path) -> None:
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")))
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff/a.txt")))
    write(tmp_path / "café.txt")
    reason = "file name is not valid UTF-8: rename it"
    assert refused(tmp_path) == {"caf\\xe9.txt": reason, "\\xff": reason}
    assert found(tmp_path) == ["café.txt"]


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    for name in ("a.txt", "b.jsonl"):
        with open(tmp_path / name, "wb") as stream:
            stream.truncate(20_000_001)
    reason = "20,000,001 bytes; an article has at most 20,000,000: split it, or make a .jsonl file of it"
    assert refused(tmp_path) == {"a.txt": reason}
    assert found(tmp_path) == ["b.jsonl"]
    assert read(tmp_path / "a.txt") == [Failure("a.txt", reason)]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"")
    assert refused(tmp_path) == {"a.txt": "empty file"}


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.jsonl"])
@pytest.mark.parametrize("data", [b"", b" \n\t\r\n"])
def test_a_blank_file_is_a_failure(tmp_path: Path, name: str, data: bytes) -> None:
    assert reason_for(tmp_path / name, data) == "empty file"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the articles folder .*/none does not exist: create it"):
        find_files(tmp_path / "none")
    with pytest.raises(SourceError, match=r"the articles folder .*/a\.txt is not a folder: create it"):
        find_files(write(tmp_path / "a.txt"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.txt").chmod(0)
    write(tmp_path / "b" / "c.txt").parent.chmod(0)
    try:
        assert refused(tmp_path) == {"b": "permission denied"}
        assert read(tmp_path / "a.txt") == [Failure("a.txt", "permission denied")]
    finally:
        (tmp_path / "b").chmod(0o700)


# Reading


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", bytes(range(256)) * 10_000)
    assert digest(SourceFile("a.txt", path)) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_vanished(tmp_path: Path) -> None:
    reason = "file not found: it vanished, or is a broken link"
    assert read(tmp_path / "a.txt") == [Failure("a.txt", reason)]
    with pytest.raises(SourceError, match=reason):
        digest(SourceFile("a.txt", tmp_path / "a.txt"))


@pytest.mark.parametrize(
    "data",
    [
        "“Café” – l’été\r\nend".encode(),
        "“Café” – l’été\rend".encode(),
        "\ufeff“Café” – l’été\nend".encode(),
        "“Café” – l’été\u2028end".encode(),
        "“Café” – l’été\nend".encode("utf-16"),
        b"\xfe\xff" + "“Café” – l’été\nend".encode("utf-16-be"),
        "“Café” – l’été\nend".encode("utf-32"),
        "“Café” – l’été\nend".encode("cp1252"),
    ],
)
def test_encodings_and_line_ends(tmp_path: Path, data: bytes) -> None:
    assert text_of(tmp_path / "a.txt", data) == "“Café” – l’été\nend"


def test_bytes_undefined_in_windows_1252_stand_for_themselves(tmp_path: Path) -> None:
    assert text_of(tmp_path / "a.txt", b"caf\xe9 \x93ok\x94 \x81") == "café “ok” \x81"


def test_utf8_with_a_damaged_end_stays_utf8(tmp_path: Path) -> None:
    data = "“Déjà vu à l’été”, a-t-elle répété.".encode() * 2
    assert text_of(tmp_path / "a.txt", data + b"\xe2\x80") == data.decode() + "\ufffd"


def test_french_in_windows_1252_is_not_taken_for_damaged_utf8(tmp_path: Path) -> None:
    text = "« L’été », a-t-elle dit, « c’est là-bas »."
    assert text_of(tmp_path / "a.txt", text.encode("cp1252")) == text


def test_a_page_can_declare_its_encoding(tmp_path: Path) -> None:
    page = '<html><head><meta charset="{}"></head><body><p>Příliš žluťoučký kůň</p></body></html>'
    assert text_of(tmp_path / "a.html", page.format("iso-8859-2").encode("iso-8859-2")) == page.format("iso-8859-2")
    wrong = page.format("windows-1252")
    assert text_of(tmp_path / "a.html", wrong.encode()) == wrong
    unknown = b'<html><meta charset="iso-9999-1"><body>caf\xe9</body></html>'
    assert text_of(tmp_path / "a.html", unknown).endswith("<body>café</body></html>")


@pytest.mark.parametrize("data", [b"PK\x03\x04\0\0", b"\x01\x02\x03\x04abcdef", b"\xff\xfea\0\0\0", b"abc\0def"])
def test_binary_content(tmp_path: Path, data: bytes) -> None:
    assert reason_for(tmp_path / "a.txt", data) == "binary content, not text"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(lambda text: text[0] != "\ufeff"))
def test_utf8_round_trip(text: str) -> None:
    assert decode_text(text.encode()) == with_line_ends(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_that_can_be_stored_or_refused(data: bytes) -> None:
    try:
        text = decode_text(data)
    except SourceError:
        return
    assert text.encode().decode() == text
    assert "\r" not in text


# Records


def test_a_line_is_an_article(tmp_path: Path) -> None:
    record = {
        "id": "rt1",
        "url": "https://news.example/1",
        "title": "Talks go on",
        "published": "2025/03/03",
        "publisher": "The Example Post",
        "authors": ["Jane Doe", "John Roe"],
        "text": "One.\r\nTwo.",
        "year": 2025,
    }
    data = b"\xef\xbb\xbf" + lines(record) + b"\n" + lines({"id": 7, "text": "Three.", "authors": "Jane Doe"})[:-1]
    first = Source(
        "rt1",
        "a.jsonl",
        "record",
        "One.\nTwo.",
        {
            "title": "Talks go on",
            "publisher": "The Example Post",
            "published": "2025/03/03",
            "url": "https://news.example/1",
            "authors": ("Jane Doe", "John Roe"),
        },
    )
    assert read(write(tmp_path / "a.jsonl", data)) == [
        first,
        Source("7", "a.jsonl", "record", "Three.", {"authors": ("Jane Doe",)}),
    ]
    zipped = read(write(tmp_path / "a.jsonl.gz", gzip.compress(data)))
    assert [source.text for source in zipped if isinstance(source, Source)] == ["One.\nTwo.", "Three."]


def test_a_bad_line_does_not_cost_the_others(tmp_path: Path) -> None:
    good = lines({"id": "a", "text": "One."})
    bad = [
        b'{"id": "b", "text": "x"',
        b"[1]",
        b'{"id": "c"}',
        b'{"id": "d", "text": "  "}',
        b'{"text": "x"}',
        b'{"id": true, "text": "x"}',
        b'{"id": "e", "text": "x", "n": NaN}',
        b'{"id": "f", "text": "caf\xe9"}',
        b'{"id": "g", "text": "x", "n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": "a", "text": "again"}',
    ]
    path = write(tmp_path / "a.jsonl", good + b"\n".join(bad) + b"\n" + lines({"id": "z", "text": "Two."}))
    first, *failures, last = read(path)
    assert isinstance(first, Source)
    assert isinstance(last, Source)
    assert (first.text, last.text) == ("One.", "Two.")
    assert failures == [
        Failure("a.jsonl:2", "not JSON (Expecting ',' delimiter: line 1 column 24 (char 23))"),
        Failure("a.jsonl:3", "not a JSON object but list"),
        Failure("a.jsonl:4", 'no text: "text" must be a text that is not empty'),
        Failure("a.jsonl:5", 'no text: "text" must be a text that is not empty'),
        Failure("a.jsonl:6", 'no id: "id" must be a text or a whole number, not None'),
        Failure("a.jsonl:7", 'no id: "id" must be a text or a whole number, not True'),
        Failure("a.jsonl:8", "not JSON (NaN is not JSON)"),
        Failure("a.jsonl:9", "not UTF-8 (invalid continuation byte at byte 24)"),
        Failure("a.jsonl:10", "JSON nested too deeply"),
        Failure("a.jsonl:11", "id 'a' again: the first article that has it is kept"),
    ]


def test_metadata_of_another_type_counts_as_not_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines({"id": "a", "text": "x", "title": 5, "url": None, "authors": ["A B", 3]}))
    assert read(path) == [Source("a", "a.jsonl", "record", "x", {"authors": ("A B",)})]


def test_halves_of_surrogate_pairs_are_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"id": "a", "text": "x\\ud83d\\ude00 \\ud800", "title": "\\udfff"}')
    assert read(path) == [Source("a", "a.jsonl", "record", "x😀 \ufffd", {"title": "\ufffd"})]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_to_the_letter(constant: str) -> None:
    with pytest.raises(SourceError, match=f"not JSON \\({constant} is not JSON\\)"):
        decode_json(f"[{constant}]".encode())


def test_a_truncated_archive_keeps_what_came_before(tmp_path: Path) -> None:
    data = lines(*({"id": n, "text": hashlib.sha256(bytes([n])).hexdigest()} for n in range(200)))
    path = write(tmp_path / "a.jsonl.gz", gzip.compress(data)[:-2000])
    *sources, failure = read(path)
    assert [source.id for source in sources if isinstance(source, Source)] == [str(n) for n in range(len(sources))]
    assert len(sources) > 100
    assert failure == Failure(
        f"a.jsonl.gz:{len(sources) + 1}",
        "damaged gzip data (Compressed file ended before the end-of-stream marker was reached);"
        " the file is not read from here on",
    )


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    assert reason_for(tmp_path / "a.jsonl.gz", b"not gzip") == "damaged gzip data (Not a gzipped file (b'no'))"


def test_a_gzip_bomb_of_one_line_is_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "MAX_LINE_BYTES", 1000)
    path = write(tmp_path / "a.jsonl.gz", gzip.compress(lines({"id": 1, "text": "One."}) + b" " * 1_000_000))
    assert read(path)[1:] == [
        Failure("a.jsonl.gz:2", "line of more than 1,000 bytes; the file is not read from here on")
    ]


def test_a_gzip_bomb_of_many_lines_is_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "MAX_LINE_BYTES", 100_000)
    path = write(tmp_path / "a.jsonl.gz", gzip.compress(lines({"id": 1, "text": "One."}) + b"\n" * 1_000_000))
    (source, failure) = read(path)
    assert isinstance(source, Source)
    assert isinstance(failure, Failure)
    assert failure.reason == "expands to more than 50 times its size; the file is not read from here on"
