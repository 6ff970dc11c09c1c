"""Fixed files come to fixed articles and passages as long as `INGEST_VERSION` stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rag.index.queries import article_digest
from rag.index.staging import INGEST_VERSION
from rag.ingest.chunking import split
from rag.ingest.cleaning import clean
from rag.ingest.loaders import Failure, find_files, read_file

SEEDS = Path(__file__).parents[2] / "seeds"
FILES = {
    "wire.txt": "OSLO, May 3, 2024 (Harbour Press) — The ferry sank. Nobody was hurt, they said.\n\nLeave a Reply\n",
    "note.md": "---\ntitle: The bridge\ndate: 2024-05-04\n---\n# The bridge\n\nIt opens **on Monday**, said A. Berg.\n",
    "page.html": (
        "<html><head><title>Rain | Gazette</title><meta property='article:published_time' content='2024-05-05'></head>"
        "<body><nav>Home > News</nav><article><h1>Rain</h1><p>Rain fell on the town for three days, the office "
        "said.</p><p>More is on its way.</p></article><footer>Share this</footer></body></html>"
    ),
    "rows.jsonl": '{"id": "r1", "title": "Snow", "published": "2024-05-06", "text": "Snow fell. Roads stay open."}\n',
}
# When this changes, raise INGEST_VERSION in rag/index/staging.py, and add the new digest here.
DIGESTS = {
    1: "bed60872d7bde9d2296cfafbdf5324724c4d8547df38f3ce8e3ae4d5f4f90cdb",
    2: "5bd7eeb0feb34091c4971279c972dc7f758a97ae3c36ce551abb50fc5d54af78",
}


def test_files_come_to_the_same_articles_and_passages_as_long_as_the_version_stays(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = []
    for folder in (tmp_path, SEEDS):
        files, failures = find_files(folder)
        assert failures == []
        for source in (source for file in files for source in read_file(file)):
            assert not isinstance(source, Failure)
            article = clean(source)
            found.append([article_digest(article), [(passage.start, passage.end) for passage in split(article)]])
    assert len(found) == 9
    assert hashlib.sha256(json.dumps(found).encode()).hexdigest() == DIGESTS[INGEST_VERSION]
