"""The queries and judgments of splits and further sets."""

import json
import shutil
from dataclasses import replace

import pytest

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.evaluation.own_passages import without_own_passages
from lce_tf.replication.inputs import Inputs
from lce_tf.replication.presets import MSMARCO


@pytest.fixture
def more(preset, tmp_path):
    """The preset with TREC's files in its folder, and another collection beside it."""
    data, other = tmp_path / "data", tmp_path / "other"
    shutil.copytree(preset.dataset, data)
    (data / "msmarco-test2019-queries.tsv").write_text("".join(f"t{i}\triver stone\n" for i in range(20)))
    (data / "2019qrels-pass.txt").write_text("".join(f"t{i} Q0 p{i} {i % 4}\n" for i in range(18)))
    other.mkdir()
    (other / "collection.tsv").write_text("x1\triver\nx2\tstone\n")
    (other / "queries.tsv").write_text("z\tstone\n")
    (other / "qrels.txt").write_text("z 0 x2 1\n")
    return replace(preset, dataset=str(data), also=("dev", "dl19", str(other)), also_asked=True), other


def test_where_splits_are(more, tmp_path):
    preset, other = more
    inputs = Inputs(preset, tmp_path / "out")
    assert [known.key for known in inputs.further] == ["dev", "dl19", "also.other"] and inputs.left_out == {}
    for split, name in (("train", "train"), ("dev", "dev"), ("dl19", "dl19")):
        assert inputs.located(split) == (preset.dataset, inputs.dataset, name)
    name, dataset, split = inputs.located("also.other")
    assert (name, split) == (str(other), None) and dataset.queries(split) == {"z": "stone"}


def test_in_a_sample_of_a_beir_set_a_query_does_not_find_itself(preset, tmp_path):
    folder, ids = tmp_path / "beir", [f"a{i}" for i in range(40)]
    (folder / "qrels").mkdir(parents=True)
    for file in ("corpus", "queries"):
        rows = (json.dumps({"_id": name, "text": f"stone {name}"}) + "\n" for name in ids)
        (folder / f"{file}.jsonl").write_text("".join(rows))
    judged = "".join(f"{query}\t{passage}\t1\n" for query, passage in zip(ids, ids[1:], strict=False))
    for split in ("train", "dev"):
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    inputs = Inputs(replace(preset, dataset=str(folder), share=0.5), tmp_path / "out")
    query, grades = next(iter(inputs.qrels().items()))
    run = Run.build([query], [0, 2], [query, *grades], [2, 1])
    assert inputs.located("dev")[0] == str(tmp_path / "out" / "data")
    kept = without_own_passages(run, *inputs.source("dev"), {query: grades})
    assert kept.passage_ids.tolist() == [next(iter(grades)).encode()]


def test_what_is_kept_of_them(more, tmp_path):
    """The limit of 15 queries is dev's alone; of TREC's 20 queries the 18 judged ones count, relevant or not."""
    inputs = Inputs(more[0], tmp_path / "out")
    assert inputs.kept("train") is None and len(inputs.kept("dev")) == 15
    assert inputs.kept("dl19") == [f"t{i}" for i in range(18)] and inputs.kept("also.other") == ["z"]
    assert inputs.judged("dl19")["t3"] == {"p3": 3} and inputs.judged("dl19")["t4"] == {"p4": 0}
    assert inputs.judged("dev") == inputs.qrels()


def test_eval_has_the_presets_limit(more, tmp_path):
    inputs = Inputs(replace(more[0], eval_split="dl19", queries=5), tmp_path / "out")
    assert inputs.kept("dl19") == ["t0", "t1", "t10", "t11", "t12"] and list(inputs.judged("dl19")) == inputs.kept(
        "dl19"
    )
    assert list(inputs.hashes("dl19")) == ["queries_sha256"]


def test_a_presets_own_sets_are_left_out_where_they_cannot_be_fetched(tmp_path, monkeypatch):
    inputs = Inputs(MSMARCO, tmp_path)

    def unreachable(split):
        if split == "dl20":
            raise UserError("msmarco-passage/trec-dl-2020/judged: cannot download it")
        return {"q": {"p": 1}}

    monkeypatch.setattr(inputs.dataset, "queries", unreachable)
    monkeypatch.setattr(inputs.dataset, "qrels", unreachable)
    assert [known.key for known in inputs.further] == ["dl19"]
    assert inputs.left_out == {"dl20": "msmarco-passage/trec-dl-2020/judged: cannot download it"}
    assert len(inputs.named[0]) == 2


def test_a_sample_of_another_data_set_is_refused(preset, more, tmp_path):
    small = replace(preset, share=0.6)
    kept = list(Inputs(small, tmp_path / "out").dataset.passages())
    with pytest.raises(UserError, match=r"out/data: was made with dataset '.*', not '.*'; choose another --output"):
        _ = Inputs(replace(small, dataset=more[0].dataset), tmp_path / "out").dataset
    with pytest.raises(UserError, match="was made with share 0.6, not 0.5"):
        _ = Inputs(replace(small, share=0.5), tmp_path / "out").dataset
    assert list(Inputs(small, tmp_path / "out").dataset.passages()) == kept


def test_a_sample_has_its_own_splits(preset, tmp_path):
    inputs = Inputs(replace(preset, share=0.6, eval_split="train", also=("dev",)), tmp_path / "out")
    assert [known.dataset for known in inputs.further] == [None]
    name, _, split = inputs.located("dev")
    assert (name, split) == (str(tmp_path / "out" / "data"), "dev") and 2 < len(inputs.judged("dev")) < 15
