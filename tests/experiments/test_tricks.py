"""The table of tricks: its figures by hand, and a small one from end to end."""

import pytest

from experiments.tricks import __main__ as program
from experiments.tricks.make import Bench
from experiments.tricks.rows import BASE, BM25, CLEANED, MIXED, ROWS, Combined
from lce_tf.data.runs import read_run
from lce_tf.losses import LOSSES
from lce_tf.replication.presets import PRESETS
from tests.replication.conftest import make_preset


def test_figures_are_means_over_the_seeds():
    values = {
        "BM25": [{"q1": 0.5, "q2": 0.0, "q3": 0.25}],
        BASE: [{"q1": 1.0, "q2": 0.5, "q3": 0.0}, {"q1": 0.5, "q2": 0.5, "q3": 0.5}],
        "soup": [{"q1": 1.0, "q2": 0.5, "q3": 0.5}],
    }
    rows = [
        line.split(" | ") for line in program.table(PRESETS["pydocs"], values).splitlines() if line.startswith("| ")
    ]
    found = {row[0].lstrip("| "): row[2:] for row in rows[1:]}
    # The base's queries: .75, .5, .25. BM25's differ by -.25, -.5 and 0, so t = -1.7321 and p = .2254.
    assert found[BASE] == ["0.5000", "0.5000 – 0.5000", " |"]
    assert found["BM25"] == ["0.2500", "", "-0.2500 (0.45) |"]
    # The soup's: .25, 0, .25; t = 2, p = .1835.
    assert found["soup"] == ["0.6667", "", "+0.1667 (0.37) |"]


def test_rows_name_losses_and_settings_that_there_are():
    preset = PRESETS["pydocs"]
    for row in ROWS.values():
        if not isinstance(row, Combined):
            assert LOSSES.about(row.changes.get("loss", "lce")).teacher is row.taught
            assert all(hasattr(preset.training, name) for name in row.changes)


@pytest.mark.parametrize("seeds", ["1", "1,1", ","])
def test_one_seed_is_refused(seeds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert program.main(["--seeds", seeds]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --seeds: give two or more") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_row_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert program.main(["--rows", "soup,broth"]) == 2
    assert capsys.readouterr().err.startswith("error: --rows broth: known are base, cleaned, mixed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_small_one_from_end_to_end(tmp_path):
    # The others differ from the base in settings or negatives alone.
    rows = [name for name in ROWS if name not in ("cleaned", "mixed", "hinge", "binary", "lambda", "r-drop")]
    bench = Bench(make_preset(tmp_path), tmp_path / "tables", tmp_path / "out")
    text = program.tricks(bench, (1, 2), 1, rows)
    assert (tmp_path / "out" / "tricks.md").read_text() == text
    assert [line.split(" | ")[0] for line in text.splitlines()[2:] if line.startswith("| ")] == [
        f"| {name}" for name in ("BM25", *rows)
    ]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.trec")}
    trained = [name for name in rows if not isinstance(ROWS[name], Combined)]
    assert {f"{name}-{seed}.trec" for name in trained for seed in (1, 2)} <= {path.name for path in made}
    teacher, dense = (read_run(path) for path in (bench.teacher(), bench.first_stage("dense", "train")))
    assert teacher.as_dict().keys() == dense.as_dict().keys()
    assert teacher.scores == pytest.approx(dense.scores * 20)
    mixed, cleaned, bm25 = (read_run(bench.negatives(name)).as_dict() for name in (MIXED, CLEANED, BM25))
    for query, passages in bm25.items():
        assert cleaned.get(query, {}).keys() <= passages.keys() and mixed[query].keys() - passages.keys()
    assert program.tricks(bench, (1, 2), 1, rows) == text
    assert {path: path.stat().st_mtime_ns for path in made} == made
