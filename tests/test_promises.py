"""What docs/security.md promises is held by tests that there are."""

import ast
import re

import pytest

from tests.conftest import ROOT

ROWS = re.findall(r"^\| (?!\*\*)(.+) \| `(\S+)` \|$", (ROOT / "docs/security.md").read_text(), re.M)


def test_promises_are_few_enough_to_be_read() -> None:
    assert 20 < len(ROWS) <= 45
    assert len({test for _, test in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("promise", "test"), ROWS, ids=[test for _, test in ROWS])
def test_promise_is_held_by_a_test(promise: str, test: str) -> None:
    path, _, name = test.partition("::")

    module = ast.parse((ROOT / path).read_text())

    assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
