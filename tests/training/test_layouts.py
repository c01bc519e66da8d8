"""Trainings in packed rows from end to end: interrupted and resumed, their figures, and impossible layouts."""

import json
from dataclasses import replace

import pytest

from lce_tf.errors import UserError
from lce_tf.training.job import train
from tests.training.test_job import figures, stopped_at, weights


@pytest.mark.slow
def test_an_interrupted_training_in_rows_ends_as_an_undisturbed_one(files, tmp_path, monkeypatch, capsys):
    config = files.config(backbone=str(files.with_dropout), layout="rows", log_every=1, micro_batch=128)
    train(config, tmp_path / "whole")
    said = capsys.readouterr().out
    assert "layout rows: 2 part(s) of" in said and "% of them real" in said
    stopped_at(monkeypatch, config, tmp_path / "halves", 3)
    train(config, tmp_path / "halves")
    assert weights(tmp_path / "halves") == weights(tmp_path / "whole")
    assert figures(tmp_path / "halves") == figures(tmp_path / "whole")
    rows = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= row["input_wait"] <= 1 and row["wordpieces_per_second"] > 0 for row in rows)
    # One program a size of batch, never another by accident.
    assert rows[-1]["programs"] <= 3
    manifest = json.loads((tmp_path / "whole" / "manifest.json").read_text())
    assert manifest["layout"] == "rows" and manifest["tf32"] is False


def test_a_training_stays_in_the_kind_of_layout_it_began_in(files, tmp_path, monkeypatch):
    from lce_tf.kernels import available
    from lce_tf.training import plan
    from lce_tf.training.records import begun_layout

    config = files.config()
    assert begun_layout(tmp_path) is None
    (tmp_path / "manifest.json").write_text("{}")  # of a version without layouts
    assert begun_layout(tmp_path) == "slices"
    monkeypatch.setattr(available, "fits", lambda *_: True)
    monkeypatch.setattr(available, "works", lambda: True)

    class Model:
        config = precision = None

    for device, fresh, of_slices, of_rows in (("cpu", "slices", "slices", "rows"), ("gpu", "flat", "slices", "flat")):
        monkeypatch.setattr(plan, "device_kind", lambda device=device: device)
        found = [plan.layout_of(config, Model, begun) for begun in (None, "slices", "flat", "rows")]
        assert found == [fresh, of_slices, of_rows, of_rows]
    assert plan.layout_of(replace(config, sequence_length=2048), Model) == "rows"  # the kernels' masks would repeat


def test_a_training_stays_in_the_precision_it_began_in(files, tmp_path, monkeypatch, capsys):
    from lce_tf.training import plan
    from lce_tf.training.workers import Workers

    monkeypatch.setattr(plan, "device_kind", lambda: "gpu")
    alone = Workers(None)
    assert plan.precision_of(files.config(precision="auto"), tmp_path, alone).name == "mixed_float16"
    (tmp_path / "manifest.json").write_text("{}")  # of a version that did not record it
    assert plan.precision_of(files.config(precision="auto"), tmp_path, alone).name == "mixed_float16"
    (tmp_path / "manifest.json").write_text('{"precision": "float32"}')
    assert plan.precision_of(files.config(precision="mixed_bfloat16"), tmp_path, alone).name == "mixed_bfloat16"
    assert capsys.readouterr().err == ""
    assert plan.precision_of(files.config(precision="auto"), tmp_path, alone).name == "float32"
    said = "trains in float32, in which it began; --precision auto is mixed_float16 here"
    assert capsys.readouterr().err == f"note: {tmp_path}: {said}\n"
    (tmp_path / "manifest.json").write_text('{"precision": "int4"}')
    with pytest.raises(UserError, match="precision 'int4': known are auto"):
        plan.precision_of(files.config(precision="auto"), tmp_path, alone)


def test_a_layout_that_the_device_has_not_is_refused(files, tmp_path):
    with pytest.raises(UserError, match="--layout flat: the fused kernels need an NVIDIA GPU"):
        train(files.config(layout="flat"), tmp_path / "flat")
    with pytest.raises(UserError, match="--layout 'columns': known are auto, slices, rows, flat"):
        files.config(layout="columns")
    with pytest.raises(UserError, match="--peak-tflops 0: give a number above 0"):
        files.config(peak_tflops=0)
    with pytest.raises(UserError, match="layout"):  # masks differ, so a training stays in the layout it began in
        train(files.config(steps=1), tmp_path / "rows")
        train(files.config(steps=1, layout="rows"), tmp_path / "rows")
