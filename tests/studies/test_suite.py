"""Suites: each cell is what evaluating by hand gives, products are kept, and what is missing is named."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.retrieval import bm25
from lce_tf.studies.reranked import rerank_once
from lce_tf.studies.suite import FIRST, SuiteConfig, suite

MEASURES = ("nDCG@10", "MRR@10")


@pytest.fixture
def place(checkpoints, data, judged, tmp_path, monkeypatch):
    """Sets "one" and "two" that share a collection, their first-stage runs, and a checkpoint, in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        shutil.copytree(data, name)
        shutil.copy(judged, f"{name}/qrels.dev.txt")
    rows = Path("two/qrels.dev.txt").read_text().splitlines(keepends=True)
    Path("two/qrels.dev.txt").write_text("".join(row for row in rows if not row.startswith("q4 ")))
    Path("first").mkdir()
    for name in ("one", "two"):
        shutil.copy(data / "in.trec", f"first/{name}.trec")
    shutil.copytree(checkpoints[1], "model")
    return SuiteConfig(
        ("one=./one:dev", "two=./two:dev"),
        "out",
        ("tiny=model",),
        ("copy=first/{set}.trec",),
        "first/{set}.trec",
        depth=10,
        measures=MEASURES,
        precision="float32",
    )


def test_cells_are_what_evaluating_by_hand_gives(place):
    outcome = suite(place)
    assert outcome.systems == (FIRST, "tiny", "copy") and list(outcome.values) == ["one", "two"] and not outcome.missing
    for name in ("one", "two"):
        qrels = read_qrels(f"{name}/qrels.dev.txt")
        assert outcome.values[name][FIRST] == evaluate(read_run(f"first/{name}.trec"), qrels, MEASURES)
        assert outcome.values[name]["copy"] == outcome.values[name][FIRST]
        job = RerankConfig(
            "model", f"./{name}", f"first/{name}.trec", f"by-hand.{name}", "dev", 10, precision="float32"
        )
        rerank(job)
        assert outcome.values[name]["tiny"] == evaluate(read_run(job.output), qrels, MEASURES)
    assert len(outcome.values["two"]["tiny"]["nDCG@10"]) == 4
    assert len(read_run("out/two/first.trec").query_ids) == 4  # no others are reranked


def test_what_was_made_is_kept_until_it_is_made_of_something_else(place):
    first = suite(place)
    assert sorted(map(Path, first.made)) == [
        Path(f"out/{s}/{r}.trec") for s in ("one", "two") for r in ("first", "tiny")
    ]
    again = suite(place)
    assert not again.made and again.values == first.values
    assert {Path(path).name for path in suite(replace(place, depth=5)).made} == {"tiny.trec"}
    rows = Path("first/two.trec").read_text().splitlines(keepends=True)
    Path("first/two.trec").write_text("".join(rows[1:]))
    assert sorted(suite(replace(place, depth=5)).made) == ["out/two/first.trec", "out/two/tiny.trec"]


def test_what_is_missing_is_named_and_the_rest_is_measured(place, capsys):
    Path("first/two.trec").unlink()
    outcome = suite(replace(place, sets=(*place.sets, "absent=./absent:dev", "one:dev")))
    assert list(outcome.values) == ["one"]
    assert outcome.missing["two"] == "first/two.trec: no such file; put the set's first-stage run there"
    assert "absent" in outcome.missing["absent"]
    assert outcome.missing["one-dev"].startswith("first/one-dev.trec: no such file")
    said = capsys.readouterr().err
    assert said.count("missing: ") == 3 and "missing: two: first/two.trec: no such file" in said
    assert outcome.values["one"]["tiny"]


def test_a_system_without_a_run_for_a_set(place):
    outcome = suite(replace(place, runs=("other=other/{set}.trec",)))
    assert outcome.missing == {f"{name}, other": f"other/{name}.trec: no such file" for name in ("one", "two")}
    assert "other" not in outcome.values["one"]


def test_a_reranker_that_fails_on_a_set_leaves_the_others(place, monkeypatch, capsys):
    shutil.copytree("model", "other")

    def failing(job):
        if (job.checkpoint, Path(job.output).parent.name) == ("model", "two"):
            raise UserError("query q1, passage d1: the model's score is nan")
        return rerank_once(job)

    monkeypatch.setattr("lce_tf.studies.suite.rerank_once", failing)
    outcome = suite(replace(place, checkpoints=("tiny=model", "other")))
    assert outcome.missing == {"two, tiny": "query q1, passage d1: the model's score is nan"}
    assert list(outcome.values["two"]) == [FIRST, "other", "copy"] and "tiny" in outcome.values["one"]
    assert "missing: two, tiny: query q1" in capsys.readouterr().err


def test_what_is_wrong_with_a_checkpoint_is_found_before_any_work(place):
    with pytest.raises(UserError, match="precision 'int4'"):
        suite(replace(place, precision="int4"))
    Path("model/model.safetensors").unlink()
    with pytest.raises(UserError, match="model: has no weights"):
        suite(place)
    assert not Path("out").exists()


def test_no_set_at_all_is_an_error(place):
    with pytest.raises(UserError, match="none of the sets can be measured; nowhere/one.trec: no such file"):
        suite(replace(place, first_stage="nowhere/{set}.trec"))
    with pytest.raises(UserError, match="absent: no such folder"):
        suite(replace(place, checkpoints=("absent",)))


def test_bm25_where_no_first_stage_is_given(place, monkeypatch):
    searched = []

    def search(dataset, split, depth, judged, language):
        searched.append((dataset.name, split, depth, judged, language))
        return Run.build(["q0", "q1"], [0, 2, 3], ["d1", "d2", "d3"], [2, 1, 1])

    monkeypatch.setattr(bm25, "search", search)
    config = replace(place, first_stage=None, candidates=7, runs=())
    assert suite(config).values["one"]["tiny"]
    assert searched == [("./one", "dev", 7, True, "en"), ("./two", "dev", 7, True, "en")]
    assert not suite(config).made and len(searched) == 2
    suite(replace(config, candidates=8))
    assert len(searched) == 4
    suite(replace(config, candidates=8, language="de"))
    assert len(searched) == 6 and searched[-1][-1] == "de"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"checkpoints": (), "runs": ()}, "--checkpoints, --runs: name at least one"),
        ({"checkpoints": ("a/x", "b/x")}, "two have the same name; give each NAME=... of its own"),
        ({"checkpoints": ("first=x",)}, "'first' stands twice or is no name"),
        ({"checkpoints": ("x",), "runs": ("x=y{set}",)}, "'x' stands twice or is no name"),
        ({"runs": ("y{set}",)}, "--runs y{set}: has no name for the tables' rows; give NAME=y{set}"),
        ({"runs": ("y=a{set}", "y=b{set}")}, "--runs: two have the same name"),
        ({"runs": ("=y{set}",)}, "stands twice or is no name"),
        ({"language": "xx"}, "--language 'xx': known are ar, bn, "),
        ({"first_stage": "one.trec"}, "one.trec: is one file for several sets; put {set} where the set's name stands"),
        ({"measures": ("no",)}, "measure 'no'"),
        ({"alpha": 1.5}, "--alpha 1.5: must lie above 0 and below 1"),
        ({"depth": 0}, "--depth 0: give 1 or more"),
    ],
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(UserError) as refused:
        SuiteConfig(**{"sets": ("dl19", "dl20"), "output": "out", "checkpoints": ("x",), **settings})
    assert said in str(refused.value)


def test_a_checkpoint_whose_path_holds_an_equals_sign():
    config = SuiteConfig(("x=./data:dev",), "out", ("search/rate=1/model", "best=search/rate=2/model"))
    assert config.rerankers == {"model": "search/rate=1/model", "best": "search/rate=2/model"}


@pytest.mark.parametrize(
    ("settings", "lost"),
    [
        ({"runs": ("before=out/{set}/tiny.trec",)}, "out/one/tiny.trec"),
        ({"runs": ("tables=out/suite.json",), "sets": ("one=./one:dev",)}, "out/suite.json"),
        ({"first_stage": "out/{set}/first.trec"}, "out/one/first.trec"),
        ({"first_stage": "./out/../out/{set}/tiny.trec"}, "out/one/tiny.trec"),
    ],
)
def test_the_runs_that_are_read_are_not_overwritten(place, settings, lost):
    for name in ("one", "two"):
        Path(f"out/{name}").mkdir(parents=True)
        for file in ("tiny.trec", "first.trec"):
            shutil.copy(f"first/{name}.trec", f"out/{name}/{file}")
    Path("out/suite.json").write_text("{}")
    before = Path(lost).read_bytes()
    with pytest.raises(UserError, match=f"--output {lost}: would overwrite .*, which is read; name another file"):
        suite(replace(place, **settings))
    assert Path(lost).read_bytes() == before
