"""Cascades: what each stage reranks, what is kept, and what is refused."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.studies.cascade import CascadeConfig, Stage, cascade
from tests.checkpoints import made


@pytest.fixture
def two_stages(checkpoints, data, tmp_path):
    for outputs in (1, 2):
        shutil.copytree(checkpoints[outputs], tmp_path / f"model{outputs}")
    stages = Stage(str(tmp_path / "model1"), 10), Stage(str(tmp_path / "model2"), 4)
    shutil.copy(data / "in.trec", tmp_path / "in.trec")
    output = str(tmp_path / "out.trec")
    return CascadeConfig(stages, str(data), str(tmp_path / "in.trec"), output, "dev", precision="float32")


def test_the_second_model_reranks_the_top_of_the_first(two_stages, data, tmp_path):
    run, done = cascade(two_stages)
    assert [(Path(one.file).name, one.made, one.pairs) for one in done] == [
        ("out.trec.stage-1", True, 50),
        ("out.trec", True, 20),
    ]
    by_hand = two_stages.run
    for number, (checkpoint, depth) in enumerate(two_stages.stages):
        output = str(tmp_path / f"by-hand-{number}")
        job = RerankConfig(checkpoint, str(data), by_hand, output, "dev", depth, precision="float32", tag="cascade")
        rerank(job)
        by_hand = output
    assert Path(two_stages.output).read_bytes() == Path(by_hand).read_bytes()
    assert run.passage_ids.tolist() == read_run(by_hand).passage_ids.tolist()


def test_stages_are_kept_until_what_they_are_made_of_changes(two_stages, tmp_path):
    first = cascade(two_stages)[0]
    assert [one.made for one in cascade(two_stages)[1]] == [False, False]
    # Another second model: the first stage stays.
    shutil.rmtree(tmp_path / "model2")
    shutil.copytree(tmp_path / "model1", tmp_path / "model2")
    again, done = cascade(two_stages)
    assert [one.made for one in done] == [False, True]
    assert again.passage_ids.tolist() != first.passage_ids.tolist()
    # A stage that somebody changed is made anew, and so is what depends on it.
    Path(done[0].file).write_text("q0 Q0 d1 1 1 t\n")
    assert [one.made for one in cascade(two_stages)[1]] == [True, False]
    # So is one without its scores or its manifest.
    Path(f"{two_stages.output}.scores.npz").unlink()
    assert [one.made for one in cascade(two_stages)[1]] == [False, True]
    Path(f"{two_stages.output}.json").unlink()
    assert [one.made for one in cascade(two_stages)[1]] == [False, True]
    # Another run to rerank.
    rows = Path(two_stages.run).read_text().splitlines(keepends=True)
    Path(two_stages.run).write_text("".join(rows[:-1]))
    assert [one.made for one in cascade(two_stages)[1]] == [True, True]
    assert json.loads(Path(f"{two_stages.output}.json").read_text())["pairs"] == 20


def test_a_later_stage_that_is_no_checkpoint_is_found_before_the_first_works(two_stages, tmp_path):
    (tmp_path / "model2" / "config.json").write_text("{")
    with pytest.raises(UserError, match="model2/config.json:1: is not JSON"):
        cascade(two_stages)
    assert not list(tmp_path.glob(f"{Path(two_stages.output).name}*"))


def test_a_later_stage_that_cannot_work_is_found_before_the_first_works(two_stages, tmp_path):
    model = tmp_path / "model2"
    (model / "vocab.txt").write_text((model / "vocab.txt").read_text() + "more\n")
    with pytest.raises(UserError, match="model2: its tokenizer has 32 wordpieces"):
        cascade(two_stages)
    (model / "model.safetensors").unlink()
    shutil.copy(tmp_path / "model1" / "vocab.txt", model)
    with pytest.raises(UserError, match="model2: has no weights"):
        cascade(two_stages)
    assert not list(tmp_path.glob(f"{Path(two_stages.output).name}*"))


def test_labels_that_do_not_tell_are_found_before_the_first_works(two_stages, tmp_path):
    public = tmp_path / "public"
    public.mkdir()
    made.save_bert(public, labels=2)
    made.edit(public / "config.json", id2label={"0": "A", "1": "B"})
    stages = two_stages.stages[0], Stage(str(public), 4)
    with pytest.raises(UserError, match="public/config.json: id2label .*--positive-label .* no and yes"):
        cascade(replace(two_stages, stages=stages))
    assert not list(tmp_path.glob(f"{Path(two_stages.output).name}*"))


def test_an_output_that_is_a_folder_is_found_before_the_first_works(two_stages, tmp_path):
    with pytest.raises(UserError, match="new/: is a folder; name a file to write"):
        cascade(replace(two_stages, output=f"{tmp_path}/new/"))
    assert not (tmp_path / "new").exists()


def test_a_link_to_itself_is_no_run(two_stages, tmp_path):
    loop = tmp_path / "loop.trec"
    loop.symlink_to(loop)
    with pytest.raises(UserError, match="loop.trec: "):
        cascade(replace(two_stages, run=str(loop)))


def test_a_stream_is_no_run(two_stages, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="--run .*pipe: is a stream, .*; write it to a file first"):
        replace(two_stages, run=str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (("a:100",), "--stages: give two or more"),
        (("a:10", "b:20"), "--stages b:20: is deeper than 10, that of the stage before"),
    ],
)
def test_stages_that_cannot_be(stages, said):
    with pytest.raises(UserError) as refused:
        CascadeConfig(tuple(map(Stage.parse, stages)), "pydocs", "in.trec", "out.trec")
    assert said in str(refused.value)


def test_no_stage_writes_over_a_checkpoint(two_stages, tmp_path):
    for name in ("model1", "model2"):
        taken = str(tmp_path / name / "config.json")
        with pytest.raises(UserError, match=f"--output .*{name}/config.json: would overwrite .*, which is read"):
            replace(two_stages, output=taken)


@pytest.mark.parametrize("text", ["a", "a:", ":5", "a:0", "a:-1", "a:ten", "a:1.5"])
def test_what_is_no_stage(text):
    with pytest.raises(ValueError):
        Stage.parse(text)


def test_a_path_may_hold_colons():
    assert Stage.parse("C:/models/a:20") == Stage("C:/models/a", 20)


def test_the_run_is_not_overwritten():
    for output in ("in.trec", "in"):
        run = "in.trec" if output == "in.trec" else "in.stage-1"
        with pytest.raises(UserError, match="is the --run itself"):
            CascadeConfig((Stage("a", 2), Stage("b", 1)), "pydocs", run, output)
