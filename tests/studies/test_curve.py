"""Curves: each point is the run that reranking to its depth writes, and costs what it costs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate, mean
from lce_tf.fusion.fuse import FuseConfig, fuse
from lce_tf.reranking.rerank import rerank
from lce_tf.studies.cascade import CascadeConfig, Stage, cascade
from lce_tf.studies.curve import CurveConfig, curves
from lce_tf.studies.curve_figure import write_figure


@pytest.fixture
def scored(config, judged):
    """A run scored to its full depth, with a manifest of a known rate, and what the curve is asked with."""
    rerank(replace(config, depth=1000))
    file = Path(f"{config.output}.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": 8.0}))
    return CurveConfig((config.output,), qrels=str(judged), depths=(0, 1, 3, 12, 1000))


def value(path, judged, measure="nDCG@10"):
    return mean(evaluate(read_run(path), read_qrels(judged), [measure])[measure])


def test_points_are_what_reranking_to_a_depth_gives(scored, config, judged, tmp_path):
    (curve,) = curves(scored)
    assert [point.depth for point in curve.points] == [0, 1, 3, 12, 1000] and curve.queries == 5
    assert curve.points[0].value == value(config.run, judged) and curve.points[0].pairs == 0
    for point in curve.points[1:]:
        one = replace(config, depth=point.depth, output=str(tmp_path / f"depth{point.depth}"))
        rerank(one)
        assert point.value == value(one.output, judged)
        assert point.pairs == json.loads(Path(f"{one.output}.json").read_text())["pairs"]
        assert point.seconds == pytest.approx(point.pairs / 80 * 8)
    assert len({point.value for point in curve.points}) > 3


def test_the_usual_depths(scored, config):
    rerank(replace(config, depth=15, output=config.output + ".15"))
    (curve,) = curves(replace(scored, runs=(config.output + ".15",), depths=None))
    assert [point.depth for point in curve.points] == [0, 1, 2, 5, 10, 15]


def test_a_cascade_pays_for_its_earlier_stages(checkpoints, data, judged, tmp_path):
    stages = Stage(str(checkpoints[1]), 10), Stage(str(checkpoints[2]), 4)
    output = str(tmp_path / "out.trec")
    cascade(CascadeConfig(stages, str(data), str(data / "in.trec"), output, "dev", precision="float32"))
    for file, seconds in ((f"{output}.stage-1.json", 5.0), (f"{output}.json", 40.0)):
        Path(file).write_text(json.dumps({**json.loads(Path(file).read_text()), "seconds": seconds}))
    (curve,) = curves(CurveConfig((output,), qrels=str(judged), depths=(0, 2, 4)))
    assert [(point.pairs, point.seconds) for point in curve.points] == [(50, 5.0), (60, 25.0), (70, 45.0)]
    assert curve.points[0].value == value(f"{output}.stage-1", judged)


def test_an_earlier_stage_that_is_not_there_is_named(checkpoints, data, judged, tmp_path):
    stages = Stage(str(checkpoints[1]), 10), Stage(str(checkpoints[2]), 4)
    first, output = tmp_path / "in.trec", str(tmp_path / "out.trec")
    rows = (data / "in.trec").read_text()
    first.write_text(rows)
    cascade(CascadeConfig(stages, str(data), str(first), output, "dev", precision="float32"))
    config = CurveConfig((output,), qrels=str(judged), depths=(0,))
    before = Path(f"{output}.stage-1.json")
    manifest = before.read_text()

    def refused(said):
        with pytest.raises(UserError, match=said) as error:
            curves(config)
        assert "\n" not in str(error.value)

    before.unlink()
    refused(r"out.trec.stage-1: has no manifest .*out.trec.stage-1.json, which says what it cost; put it there again")
    before.write_text(manifest)
    first.unlink()
    refused(r"in.trec: no such file, though .*out.trec.stage-1 was made of it; put it there again")
    first.write_text(rows.replace("bm25", "other"))
    refused(r"in.trec: has changed since .*out.trec.stage-1 was made of it")
    first.write_text(rows)
    Path(f"{first}.json").write_text(manifest)
    refused(r"in.trec.json: is not of the .*in.trec that .*out.trec.stage-1 was made of")
    Path(f"{first}.json").unlink()
    assert curves(config)[0].points[0].pairs == 50


def test_what_a_fused_run_is_made_of_is_paid_for_once(config, judged, tmp_path):
    once, fused, twice, both, last = (str(tmp_path / f"{name}.trec") for name in ("1", "f", "2", "b", "l"))
    rerank(replace(config, output=once, depth=1000))  # all 80 rows
    fuse(FuseConfig((config.run, once), fused))
    rerank(replace(config, run=fused, output=twice, depth=4))  # 5 queries
    fuse(FuseConfig((once, twice), both))
    rerank(replace(config, run=both, output=last, depth=2))
    found = curves(CurveConfig((twice, last), qrels=str(judged), depths=(0, 2)))
    assert [[point.pairs for point in one.points] for one in found] == [[80, 90], [100, 110]]


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize("cost", ["pairs", "seconds"])
def test_the_figure_is_the_same_each_time(scored, tmp_path, kind, cost):
    found = curves(scored)
    names = [tmp_path / f"{number}.{kind}" for number in range(2)]
    for name in names:
        write_figure(found, "nDCG@10", cost, name)
    first, second = (name.read_bytes() for name in names)
    assert first == second and first.startswith({"svg": b"<?xml", "png": b"\x89PNG"}[kind])
    shown = {"pairs": "pairs scored a query", "seconds": "seconds, at the rate measured"}[cost]
    assert kind == "png" or f"<!-- {shown} -->".encode() in first


@pytest.mark.parametrize("option", ["json", "figure"])
def test_the_run_that_was_reranked_is_spared(scored, tmp_path, option):
    file = Path(f"{scored.runs[0]}.json")
    first = tmp_path / "first.svg"
    shutil.copy(json.loads(file.read_text())["run"], first)
    file.write_text(json.dumps({**json.loads(file.read_text()), "run": str(first)}))
    with pytest.raises(UserError, match=f"--{option} .*first.svg: would overwrite .*first.svg, which is read"):
        curves(replace(scored, **{option: str(first)}))


def test_seconds_that_no_manifest_has(scored, config, tmp_path):
    file = Path(f"{config.output}.json")
    values = json.loads(file.read_text())
    del values["seconds"]
    file.write_text(json.dumps(values))
    found = curves(scored)
    assert {point.seconds for point in found[0].points} == {None}
    with pytest.raises(UserError, match="--cost seconds: the manifest of new.trec has none; give --cost pairs"):
        write_figure(found, "nDCG@10", "seconds", tmp_path / "x.svg")
    assert not (tmp_path / "x.svg").exists()


def test_runs_that_have_no_curve(scored, config, tmp_path):
    shallow = config.output + ".10"
    rerank(replace(config, depth=10, output=shallow))
    with pytest.raises(UserError, match=r"--depths 1000: .*new.trec.10 is scored to depth 10; rerank to 1000"):
        curves(replace(scored, runs=(shallow,)))
    with pytest.raises(UserError, match="in.trec: has no manifest"):
        curves(replace(scored, runs=(config.run,)))
    raw = dict(np.load(f"{shallow}.scores.npz"))
    moved = json.loads(Path(f"{shallow}.json").read_text())
    Path(f"{shallow}.json").write_text(json.dumps({**moved, "run": str(tmp_path / "gone")}))
    with pytest.raises(UserError, match="gone: no such file, though .*new.trec.10 was made of it"):
        curves(replace(scored, runs=(shallow,), depths=(1,)))
    Path(f"{shallow}.json").write_text(json.dumps({**moved, "run_sha256": "0" * 64}))
    with pytest.raises(UserError, match="in.trec: has changed since .*new.trec.10 was made of it"):
        curves(replace(scored, runs=(shallow,), depths=(1,)))
    assert set(raw) == {"scores"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"depths": (-1,)}, "--depths -1: give whole numbers of 0 or more"),
        ({"figure": "x.pdf"}, "--figure x.pdf: name a file that ends in .svg or .png"),
        ({"cost": "money"}, "--cost 'money': known are pairs, seconds"),
        ({"measure": "no"}, "measure 'no'"),
    ],
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(UserError) as refused:
        CurveConfig(**{"runs": ("r",), "qrels": "q", **settings})
    assert said in str(refused.value)
