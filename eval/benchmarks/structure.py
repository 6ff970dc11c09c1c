"""Measure how a source tree is built: sizes of folders and functions, docstrings, and imports between packages."""

from __future__ import annotations

import ast
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rag.evaluation.questions import EvalError

PACKAGE = "rag"  # the package whose functions, docstrings and imports are measured
TREES = ("rag", "ui", "eval", "tests")  # their lines are counted

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Structure:
    """What a tree looks like.

    Attributes:
        largest_folder: most Python files in one folder of the package, `__init__.py` left out.
        median_function, longest_function: lines of a function, its decorators and docstring included.
        documented: share of the public functions, methods and classes that have a docstring, 0 to 1.
        raising: share of these docstrings that have a section `Raises:`, 0 to 1.
        readme_words: words of README.md, as `wc -w` counts them.
        lines: lines of the Python files of each of `TREES` that there is.
        boxes: packages and modules directly in the package.
        arrows: pairs of boxes of which one imports from the other, each direction counted.
    """

    largest_folder: int
    median_function: float
    longest_function: int
    documented: float
    raising: float
    readme_words: int
    lines: dict[str, int]
    boxes: int
    arrows: int

    def rows(self) -> dict[str, str]:
        """Return the figures as text, by what they are."""
        return {
            "most files in one folder": str(self.largest_folder),
            "function, median and longest, lines": f"{self.median_function:g} / {self.longest_function}",
            "public docstrings / with Raises:": f"{self.documented:.2f} / {self.raising:.2f}",
            "README, words": f"{self.readme_words:,}",
            **{f"lines of {name}/": f"{count:,}" for name, count in self.lines.items()},
            "packages and modules": str(self.boxes),
            "imports between them": str(self.arrows),
        }


def measure_structure(root: Path) -> Structure:
    """Measure the tree in a folder.

    Raises:
        EvalError: the folder has no such package, or a file of it is not Python.
    """
    package = root / PACKAGE
    files = sorted(package.rglob("*.py"))
    if not files:
        raise EvalError(f"{package} has no Python files: give a checkout of this project")
    trees = {path: _tree(path) for path in files}
    lengths = [length for tree in trees.values() for length in _function_lines(tree)]
    docstrings = [text for tree in trees.values() for text in _docstrings(tree.body)]
    written = [text for text in docstrings if text is not None]
    readme = root / "README.md"
    return Structure(
        largest_folder=max(Counter(path.parent for path in files if path.name != "__init__.py").values(), default=0),
        median_function=median(lengths) if lengths else 0,
        longest_function=max(lengths, default=0),
        documented=len(written) / len(docstrings) if docstrings else 0.0,
        raising=sum("Raises:" in text for text in written) / len(written) if written else 0.0,
        readme_words=len(readme.read_text(encoding="utf-8").split()) if readme.is_file() else 0,
        lines={name: _lines(root / name) for name in TREES if (root / name).is_dir()},
        boxes=len({_box(path, package) for path in files} - {""}),
        arrows=len(_arrows(trees, package)),
    )


@contextmanager
def earlier_tree(root: Path, reference: str) -> Iterator[Path]:
    """Unpack the tree of an earlier commit into a folder that is removed afterwards.

    Args:
        root: a Git checkout.
        reference: a commit, branch or tag.

    Raises:
        EvalError: Git does not know the reference.
    """
    done = subprocess.run(["git", "archive", "--", reference], cwd=root, capture_output=True, check=False)  # noqa: S603, S607 - a fixed program
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip().splitlines()
        raise EvalError(f"no tree of {reference!r} ({message[-1] if message else 'git failed'}): give a commit or tag")
    with tempfile.TemporaryDirectory(prefix="onrecord-structure-") as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise EvalError(f"{path} is not Python ({error}): correct it first") from error


def _lines(folder: Path) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py"))


def _function_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield (node.end_lineno or node.lineno) - first + 1


def _docstrings(body: list[ast.stmt]) -> Iterator[str | None]:
    """Yield the docstring, or None, of each public function and class of a module, and of their public methods."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield ast.get_docstring(node)
            if isinstance(node, ast.ClassDef):
                yield from _docstrings(node.body)


def _box(path: Path, package: Path) -> str:
    """Return the subpackage or module of the package that a file belongs to; "" for the package's own `__init__`."""
    first = path.relative_to(package).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def _arrows(trees: dict[Path, ast.Module], package: Path) -> set[tuple[str, str]]:
    """Return the pairs of boxes of which the first imports from the second, imports for type checking left out."""
    boxes = {_box(path, package) for path in trees}
    arrows = set()
    for path, tree in trees.items():
        here = _box(path, package)
        for name in _imported(tree):
            there = name.removeprefix(f"{package.name}.").partition(".")[0]
            if name.startswith(f"{package.name}.") and there in boxes - {here}:
                arrows.add((here, there))
    return {(here, there) for here, there in arrows if here}


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the full names of the modules and of their members that a tree imports."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _imported(child)
