"""What holds of the source as a whole: who may import whom, what is never called, what an import costs."""

from __future__ import annotations

import ast
import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"rag": "rag", "rag.ui": "ui", "eval": "eval"}  # import package: its folder
# Dependencies point one way. Of the product's modules only these may import the upper four; the rest are steps.
ABOVE = {
    "rag.index": {"rag.retrieve", "rag.pipeline", "rag.cli"},
    "rag.retrieve": {"rag.pipeline", "rag.cli"},
    "rag.pipeline": {"rag.cli"},
    "rag.cli": set[str](),
}
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
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = [package, *path.relative_to(ROOT / folder).with_suffix("").parts]
            found[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def product() -> set[str]:
    """The names of the modules that are neither the page nor the evaluation."""
    return {name for name in modules() if not name.startswith(("rag.ui.", "rag.evaluation.", "eval."))}


def nodes(tree: ast.AST, at_import: bool = False) -> Iterator[ast.AST]:
    """Every node under a tree; `at_import` leaves out what does not run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if at_import and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes(node, at_import)


def imported(name: str, at_import: bool = False) -> set[str]:
    """What a module imports: modules of the project by the names of `modules`, anything else as it is written."""
    found = set()
    for node in nodes(modules()[name], at_import):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(name.split(".")[: -node.level]) if node.level else ""
            source = ".".join(filter(None, (start, node.module)))
            found |= {
                f"{source}.{alias.name}" if f"{source}.{alias.name}" in modules() else source for alias in node.names
            }
    return {f"{target}.__init__" if f"{target}.__init__" in modules() else target for target in found}


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


def test_the_words_and_the_errors_stand_alone() -> None:
    assert imported("rag.errors") & modules().keys() == set()
    assert imported("rag.records") & modules().keys() == set()


def test_the_product_imports_neither_its_page_nor_its_evaluation() -> None:
    above = re.compile(r"(?:rag\.)?ui\b|rag\.evaluation\b|eval\b")
    found = {name: {target for target in imported(name) if above.match(target)} for name in product()}
    assert {name: targets for name, targets in found.items() if targets} == {}


def test_what_is_installed_imports_nothing_of_the_checkout() -> None:
    """The evaluation that an installed user has knows neither the page nor the benchmarks; the page may use it."""
    for package, above in (("rag.evaluation.", ("rag.ui", "ui", "eval")), ("rag.ui.", ("ui", "eval"))):
        names = [name for name in modules() if name.startswith(package)]
        assert names
        found = {name: {t for t in imported(name) if t.startswith(tuple(f"{a}." for a in above))} for name in names}
        assert {name: targets for name, targets in found.items() if targets} == {}


@pytest.mark.parametrize("upper", ABOVE)
def test_dependencies_point_one_way(upper: str) -> None:
    assert upper in product()
    assert {name for name in product() if upper in imported(name)} <= ABOVE[upper]


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name: imported(name, at_import=True) & modules().keys() - {"rag.__init__"} for name in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


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
    assert {name for name, call in calls if ast.unparse(call.func) == "print"} == {"rag.cli", "rag.terminal"}


@pytest.mark.parametrize("arguments", [None, ["--help"], ["--version"], ["ask", "--help"], ["ui", "--help"]])
def test_importing_and_helping_are_instant(arguments: list[str] | None) -> None:
    call = "" if arguments is None else f"with suppress(SystemExit): import rag.cli; rag.cli.main({arguments!r})"
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
    assert "rag.index" in loaded
    assert loaded & {"rag.build", "rag.clean", "rag.load", "faiss", "tantivy", "onnxruntime", "torch"} == set()


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
