"""Run the reliability suites in short: each row holds, and each detects the product that was broken for it.

`make reliability` runs them in full.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache

import pytest

from tests.conftest import SEEDS
from tests.reliability.__main__ import ROWS

pytestmark = pytest.mark.timeout(600)  # the first test of a mode waits for all rows


@cache
def printed(mode: str) -> dict[str, str]:
    """Run all rows in a new process, which has not searched yet, and return row -> output."""
    command = [sys.executable, "-m", "tests.reliability", mode]
    run = subprocess.run(command, cwd=SEEDS.parent, capture_output=True, text=True)
    parts = re.split(r"^(R\d+) ", run.stdout + run.stderr, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "expected"), [("--short", r"\blost 0\b"), ("--broken", "went red")])
@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, mode: str, expected: str) -> None:
    output = printed(mode).get(row, "not run")
    if "strace is not installed" in output:
        pytest.skip("strace is not installed")
    assert re.search(expected, output), output
