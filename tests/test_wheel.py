"""What an installed onrecord consists of: its version, its files, and the packages it asks for."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

import rag

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("rag", "ui")
INDIRECT = {"lxml-html-clean"}  # asked for because a dependency does not ask for it well enough


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def normal(name: str) -> str:
    """A distribution's name as registries compare it, cut off at its version."""
    match = re.match(r"[\w.-]*\w", name)
    assert match, name
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def declared(*extras: str) -> set[str]:
    """The distributions that pyproject.toml names: what is always installed, and those of the extras."""
    project = pyproject()["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return {normal(requirement) for requirements in lists for requirement in requirements}


@cache
def imported(*folders: str) -> dict[str, set[str]]:
    """Every foreign package that the folders' modules import, with the distributions it may come from."""
    names = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    sources = packages_distributions()
    foreign = names - sys.stdlib_module_names - {"rag", "ui", "eval", "tests", "conftest"}
    return {name: {normal(source) for source in sources.get(name, [name])} for name in foreign}


def test_the_change_log_opens_with_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == f"[{rag.__version__}]"


@pytest.mark.parametrize(
    ("folders", "extras"),
    [(("rag", "ui"), ("fast", "hosted", "local")), (("eval", "tests"), ("dev", "bench"))],
    ids=["product", "checkout"],
)
def test_every_package_that_is_imported_is_asked_for(folders: tuple[str, ...], extras: tuple[str, ...]) -> None:
    asked = declared(*extras)
    assert {name for name, sources in imported(*folders).items() if not sources & asked} == set()


def test_every_package_that_is_asked_for_is_imported() -> None:
    sources = set[str]().union(*imported("rag", "ui").values())
    assert declared() - sources == INDIRECT


def test_every_package_that_is_asked_for_has_an_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []
    names = [normal(pin) for pin in pins]
    assert names == sorted(set(names))
    assert declared("dev", "fast", "hosted", "local", "bench") - set(names) == set()


def test_every_file_of_the_packages_is_packed() -> None:
    """Every folder with code is a package that setuptools finds, and every other file has a pattern of its own."""
    data = pyproject()["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{pattern}" for package, of in data.items() for pattern in of]
    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    files = [path for path in files if "__pycache__" not in path.parts]
    assert {
        str(path.parent) for path in files if path.suffix == ".py" and not (path.parent / "__init__.py").exists()
    } == set()
    others = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".py"}
    assert {name for name in others if not any(fnmatch(name, pattern) for pattern in patterns)} == set()
