"""The reliability suites in short: each row holds, and each notices the product that was broken for it.

`make reliability` runs them in full.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import SEEDS
from tests.reliability.__main__ import ROWS


@pytest.mark.parametrize("broken", [False, True], ids=["holds", "notices"])
@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, broken: bool) -> None:
    """In a process of its own: a row forks, which a process that has searched must not."""
    mode = "--broken" if broken else "--short"
    command = [sys.executable, "-m", "tests.reliability", "--rows", row, mode]
    run = subprocess.run(command, cwd=SEEDS.parent, capture_output=True, text=True)
    if "strace is not installed" in run.stdout:
        pytest.skip("strace is not installed")
    assert run.returncode == 0, run.stdout + run.stderr
