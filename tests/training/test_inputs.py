import json
from dataclasses import replace

import numpy as np
import pytest

from lce_tf.data.rows import ranks_of
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.reranking.outputs import write_reranked
from lce_tf.training.inputs import read_inputs


def test_pool_hashes_and_lengths(files):
    inputs = read_inputs(files.config())
    assert len(inputs.pool) == 12 and inputs.dev == ()
    hashed = {"run", "collection", "backbone", "backbone_config", "tokenizer", "queries", "judgments"}
    assert set(inputs.hashes) == hashed
    assert (inputs.packer.lengths.query, inputs.packer.lengths.sequence) == (8, 32)


def test_the_commit_of_a_backbone_of_the_hub(files, hub_cache):
    hub_cache(files.backbone, "some/model", "a" * 40, "v1")
    inputs = read_inputs(files.config(backbone="some/model@v1"))
    assert inputs.backbone_commit == "a" * 40
    here = read_inputs(files.config())
    assert here.backbone_commit is None and here.hashes == inputs.hashes


def test_of_a_reranked_run_the_teacher_is_what_the_model_scored(files, tmp_path):
    """The run shows sigmoids, and its passages from rank 16 on were not scored."""
    run, path = read_run(files.run), str(tmp_path / "reranked.trec")
    logits = np.where(ranks_of(run.offsets) < 15, run.scores, np.nan).astype(np.float32)
    write_reranked(run, {"scores": 1 / (1 + np.exp(-logits)), "logits": logits}, path, {})
    settings = {"loss": "kl", "group": 20, "negatives_depth": 20, "positives": "none"}
    taught, by_file = (read_inputs(files.config(teacher=one, **settings)) for one in (path, str(files.run)))
    assert set(taught.hashes) - set(by_file.hashes) == {"teacher_scores"}
    expected = by_file.teacher.negatives.reshape(12, 20)
    expected[:, 15:] = np.nan
    np.testing.assert_array_equal(taught.teacher.negatives.reshape(12, 20), expected)


def test_dev_queries_that_are_trained_on_are_noted(files, capsys):
    config = files.config(dev_run=str(files.run), dev_split="train", dev_queries=5)
    read_inputs(config)
    said = f"note: {files.run}: 5 of the 5 queries of its sample are trained on, so its figures are too high; "
    assert capsys.readouterr().err.startswith(said)
    read_inputs(replace(config, dev_run=str(files.dev_run), dev_split="dev"))
    assert capsys.readouterr().err == ""


def test_the_dev_sample_is_the_first_by_id_whatever_the_files_order(files, tmp_path):
    lines = files.dev_run.read_text().splitlines(keepends=True)
    (tmp_path / "other.trec").write_text("".join(lines[120:] + lines[:120]))
    settings = {"evaluate_every": 2, "dev_queries": 3, "dev_depth": 5}
    samples = [
        read_inputs(files.config(dev_run=str(path), **settings)).dev[0]
        for path in (files.dev_run, tmp_path / "other.trec")
    ]
    # By id as text: dev0, dev1, dev10, dev11, dev2, ...
    assert [set(sample.qrels) for sample in samples] == [{"dev0", "dev1", "dev10"}] * 2
    assert samples[0].run.as_dict() == samples[1].run.as_dict()
    assert [len(ranked) for ranked in samples[0].run.as_dict().values()] == [5, 5, 5]


def test_changed_judgments_or_queries_change_their_hashes(files, tmp_path):
    import shutil

    data = tmp_path / files.data.name
    shutil.copytree(files.data, data)
    config = replace(files.config(), dataset=str(data))
    before = read_inputs(config).hashes
    with open(data / "qrels.train.txt", "a") as file:
        file.write("train0 0 p30 1\n")
    judged = read_inputs(config).hashes
    (data / "queries.train.tsv").write_text((data / "queries.train.tsv").read_text().replace("\t", "\tzebra ", 1))
    asked = read_inputs(config).hashes
    assert [name for name in before if before[name] != judged[name]] == ["judgments"]
    assert [name for name in before if judged[name] != asked[name]] == ["queries"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sequence_length": 128}, "--sequence-length 128: "),
        ({"run": "absent.trec"}, "absent.trec"),
        ({"dataset": "no/such/folder"}, "no/such/folder"),
        ({"split": "test"}, "has no split 'test'"),
        ({"backbone": "./nothing"}, "./nothing: no such folder"),
        ({"group": 22}, "no training query is usable: 12 judged queries, 12 with too few negatives"),
        (
            # Texts have 5 to 13 wordpieces: windows of 4 begin at 0, 2, 4, 6, 8 and 10.
            {"passage_length": 4, "stride": 2, "windows": 101},
            "--windows 101: the longest passage of {data} has 13 wordpieces, 6 windows of 4; give at most 6",
        ),
    ],
)
def test_bad_input_is_one_line(files, settings, message):
    with pytest.raises(UserError) as caught:
        read_inputs(files.config(**settings))
    assert message.format(data=files.data) in str(caught.value) and "\n" not in str(caught.value)


def test_more_windows_than_the_longest_passage_has_are_noted(files, capsys):
    for windows in (6, 7):
        found = read_inputs(files.config(passage_length=4, stride=2, windows=windows))
        assert found.packer.lengths.windows == windows
    said = "has 13 wordpieces, 6 windows of 4; --windows 6 has the same windows and takes less work\n"
    notes = capsys.readouterr().err
    assert notes.count("note: ") == 1 and notes.startswith("note: --windows 7: ") and notes.endswith(said)


def test_a_tokenizer_larger_than_the_vocabulary_is_refused(files, tmp_path):
    import shutil

    folder = shutil.copytree(files.backbone, tmp_path / "backbone")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "vocab_size": 10}))
    with pytest.raises(UserError, match="they do not belong together"):
        read_inputs(files.config(backbone=str(folder)))


def test_another_config_of_the_same_weights_changes_its_hash(files, tmp_path):
    import shutil

    folder = shutil.copytree(files.backbone, tmp_path / "backbone")
    before = read_inputs(files.config(backbone=str(folder))).hashes
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "hidden_act": "relu"}))
    after = read_inputs(files.config(backbone=str(folder))).hashes
    assert [name for name in before if before[name] != after[name]] == ["backbone_config"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dev", "other", "has none of the judged queries of dev"),
        (" p", " x", "is not in the collection"),
    ],
)
def test_a_dev_run_that_does_not_fit_is_found_before_training(files, tmp_path, old, new, message):
    path = tmp_path / "dev.trec"
    path.write_text(files.dev_run.read_text().replace(old, new))
    with pytest.raises(UserError, match=message) as caught:
        read_inputs(files.config(dev_run=str(path), evaluate_every=2))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "dev"}, "no training query is usable: 12 judged queries, 12 not in the run"),
        ({"evaluate_every": 2, "dev_run": "dev.trec"}, "is not among the queries of"),
    ],
)
def test_strange_queries_are_found_before_the_collection_is_tokenised(files, tmp_path, monkeypatch, settings, message):
    import shutil

    from lce_tf.training import inputs

    data = shutil.copytree(files.data, tmp_path / "data")
    with open(data / "qrels.dev.txt", "a") as judged:
        judged.write("nobody 0 p1 1\n")
    (tmp_path / "dev.trec").write_text("nobody Q0 p1 1 1 t\n")
    if "dev_run" in settings:
        settings = {**settings, "dev_run": str(tmp_path / "dev.trec")}
    else:
        (data / "qrels.dev.txt").write_text((files.data / "qrels.dev.txt").read_text())
    with open(data / "collection.tsv", "a") as collection:
        collection.write("new\tanchor\n")  # so that this collection has no store yet
    monkeypatch.setattr(inputs, "passage_store", None)  # asking for it would fail
    with pytest.raises(UserError, match=message):
        read_inputs(files.config(dataset=str(data), **settings))


def test_the_pool_of_a_large_run_is_the_same_when_mapped(files, monkeypatch):
    from lce_tf.data import hashes

    plain = read_inputs(files.config())
    monkeypatch.setattr(hashes, "LARGE", 1)
    for _ in range(2):
        mapped = read_inputs(files.config())
        assert mapped.hashes == plain.hashes and mapped.pool.findings == plain.pool.findings
        assert mapped.pool.negatives.tolist() == plain.pool.negatives.tolist()
        assert not mapped.pool.negatives.flags.writeable
