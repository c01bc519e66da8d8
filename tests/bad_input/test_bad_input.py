"""Every bad input of the table is handled as documented, or refused in one line with nothing written."""

import re
from pathlib import Path

import pytest

from lce_tf.foundation.exits import guarded
from tests.bad_input.page import CASES, PAGE, page


def contents(folder: Path) -> dict[str, bytes]:
    """Every file and empty folder below, by relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"folder" for p in folder.rglob("*")}


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), text, re.DOTALL) is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.given}"[:70])
def test_outcome(case, tmp_path, monkeypatch, capsys):
    folder, cache = tmp_path / "here", tmp_path / "cache"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LCE_CACHE", str(cache))
    case.write(folder)
    before, found = contents(folder), []
    capsys.readouterr()

    def run():
        found.append(case.call())
        return found[0] if isinstance(found[0], int) else 0

    status, said = guarded(run), capsys.readouterr().err
    if case.refused is not None:
        assert status == 2, found
        assert said.startswith("error: ") and said.count("\n") == 1
        assert matches(case.refused, said.removeprefix("error: ").removesuffix("\n")), said
        assert contents(folder) == before
    else:
        assert (status, found) == (0, [case.value]), said
        assert said == (f"{case.told}\n" if case.told else "")
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]


def test_there_are_enough_and_none_twice():
    names = [(case.kind, case.given) for case in CASES]
    assert len(names) == len(set(names)) >= 60


def test_the_page_is_the_table():
    """If this fails, run `python -m tests.bad_input.page`."""
    assert PAGE.read_text(encoding="utf-8") == page(CASES)
