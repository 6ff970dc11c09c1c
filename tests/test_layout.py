"""What holds of the source as a whole: who may import whom, what is never called, what an import costs."""

from __future__ import annotations

import ast
import json
import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("rag", "ui", "eval")
MAX_FILES = 16  # in one folder, its `__init__.py` among them: what can be taken in at a glance
HEAVY = {
    "faiss",
    "langchain_text_splitters",
    "lxml",
    "numpy",
    "nupunkt",
    "pydantic_ai",
    "rich",
    "sentence_transformers",
    "streamlit",
    "tantivy",
    "torch",
    "trafilatura",
    "transformers",
    "watchfiles",
}
UNSAFE = {
    *("pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"),
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("torch.load", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "pandas.read_pickle"),
}
UNSAFE_OPTIONS = {
    *("allow_pickle", "allow_dangerous_deserialization", "shell", "trust_remote_code"),
    *("unsafe_allow_html", "unsafe_allow_javascript"),
}
# Folders of one machine, and addresses of package registries: neither is anybody else's business.
FOREIGN = re.compile(r"/(?:work|root|opt|Users)/|index[-]url|\bpypi[.]|python[h]osted|npm[j]s")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the project, parsed, by its import name; a package is named as its `__init__`."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return {
        name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in zip(names, paths, strict=True)
    }


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node under a tree."""
    yield from islice(ast.walk(tree), 1, None)


def unsafe(tree: ast.AST) -> list[str]:
    """What in a tree could run, or show as markup, what an article or a file holds."""
    found = []
    for node in nodes(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call):
            names = [ast.unparse(node.func)]
            found += [k.arg for k in node.keywords if k.arg in UNSAFE_OPTIONS and ast.unparse(k.value) != "False"]
        found += [name for name in names if name in UNSAFE]
    return found


def test_the_layers_are_kept() -> None:
    """The order of the packages stands in pyproject.toml; `make lint` checks it too."""
    run = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, "Contracts: 2 kept, 0 broken." in run.stdout) == (0, True), run.stdout


def test_every_folder_can_be_taken_in_at_a_glance() -> None:
    folders = Counter(path.parent for name in (*PACKAGES, "tests") for path in (ROOT / name).rglob("*.py"))
    assert {str(folder.relative_to(ROOT)): n for folder, n in folders.items() if n > MAX_FILES} == {}


def test_nothing_is_unpickled_run_or_rendered() -> None:
    assert {name: unsafe(tree) for name, tree in modules().items() if unsafe(tree)} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["pickle"]),
        ("def f():\n    from joblib import load", ["joblib"]),
        ("from torch import load", ["torch.load"]),
        ("x = eval('1')", ["eval"]),
        ("torch.load(path)", ["torch.load"]),
        ("np.load(path, allow_pickle=flag)", ["allow_pickle"]),
        ("np.load(path, allow_pickle=False)", []),
        ("re.compile('x')", []),
        ("st.markdown(text, unsafe_allow_html=True)", ["unsafe_allow_html"]),
    ],
)
def test_what_is_unsafe_is_found(source: str, found: list[str]) -> None:
    assert unsafe(ast.parse(source)) == found


def test_only_the_command_line_prints() -> None:
    calls = ((name, node) for name, tree in modules().items() for node in nodes(tree) if isinstance(node, ast.Call))
    printing = {name for name, call in calls if ast.unparse(call.func) == "print"}
    assert {name for name in printing if not name.startswith("rag.cli.")} == set()


@pytest.mark.parametrize("arguments", [None, ["--help"], ["--version"], ["ask", "--help"], ["ui", "--help"]])
def test_importing_and_helping_are_instant(arguments: list[str] | None) -> None:
    call = (
        "" if arguments is None else f"with suppress(SystemExit): import rag.cli.main; rag.cli.main.main({arguments!r})"
    )
    script = f"import json, sys, rag\nfrom contextlib import suppress\n{call}\nprint(json.dumps(sorted(sys.modules)))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    loaded = {module.partition(".")[0] for module in json.loads(run.stdout.splitlines()[-1])}
    assert "rag" in loaded
    assert loaded & HEAVY == set()
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


def test_a_question_imports_nothing_of_a_build() -> None:
    script = "import json, sys, rag.pipeline\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "rag.index.reader" in loaded
    assert (
        loaded
        & {"rag.index.build", "rag.ingest.cleaning", "rag.ingest.loaders", "faiss", "tantivy", "onnxruntime", "torch"}
        == set()
    )


def test_no_file_names_a_folder_of_one_machine_or_a_registry() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project cannot be told")
    listing = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = {}
    for path in (ROOT / name for name in names if name):
        matches = FOREIGN.findall(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
        if matches:
            found[path.name] = matches
    assert "test_layout.py" in {Path(name).name for name in names}
    assert found == {}
