"""docs/ecosystem.md: each line names an existing test and a locked version."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ecosystem.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|(.*)\|$", PAGE, re.M)[2:]]
LOCK = dict(re.findall(r"^([\w.\[\]-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M))


@pytest.mark.parametrize(("tool", "version", "direction", "test"), ROWS, ids=lambda cell: cell[:20])
def test_each_line_is_true(tool, version, direction, test):
    file, name = re.fullmatch(r"`(\S+)::(\w+)`", test).groups()
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.M)
    assert re.search(r"\b(in|out)\b", direction)
    if version not in ("–", "v1"):
        assert LOCK[tool] == version


def test_all_that_is_promised_is_there():
    tools = {row[0] for row in ROWS}
    named = {"ir_datasets", "pyserini", "pyterrier", "ir_measures", "transformers", "sentence-transformers", "openvino"}
    assert len(ROWS) >= 16 and named <= tools
