"""Reranking jobs: the order follows the scores, an interruption loses one chunk at most, mixed jobs are refused."""

import hashlib
import json
import os
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from lce_tf.data.runs import read_run, write_trec
from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.reranking import rerank as module
from lce_tf.reranking.order import scores_of
from lce_tf.reranking.rerank import rerank
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.shards import Shard
from lce_tf.reranking.steady import processor


@pytest.fixture
def scored(monkeypatch):
    """Sizes of the chunks that were scored; `stop_after` of them, Ctrl-C is pressed."""

    class Scored(list):
        stop_after = None

        def __call__(self, engine, packer, queries, passages, advance):
            if len(self) == self.stop_after:
                raise KeyboardInterrupt
            self.append(len(queries))
            return score_pairs(engine, packer, queries, passages, advance)

    result = Scored()
    monkeypatch.setattr(module, "score_pairs", result)
    return result


def files_of(config):
    folder = module.Path(config.output).parent
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_end_to_end(config, data, scored):
    result = rerank(config)
    assert scored == [16, 16, 16, 2]
    assert files_of(config) == ["new.trec", "new.trec.json", "new.trec.scores.npz"]
    old, new = read_run(config.run), read_run(config.output)
    assert result.tag == new.tag == "tiny"
    assert new.query_ids.tolist() == old.query_ids.tolist() and new.offsets.tolist() == old.offsets.tolist()
    assert new.passage_ids.tolist() == result.passage_ids.tolist()
    raw = np.load(f"{config.output}.scores.npz")["scores"]
    assert raw.shape == (80,) and raw.dtype == np.float32
    for i in range(5):
        rows = slice(*old.offsets[i : i + 2])
        before, after = old.passage_ids[rows].tolist(), new.passage_ids[rows].tolist()
        assert set(after[:10]) == set(before[:10]) and after[10:] == before[10:]
        assert after[:10] != before[:10]
        assert (np.diff(raw[rows][:10]) <= 0).all() and np.isnan(raw[rows][10:]).all()
        assert (np.diff(new.scores[rows]) < 0).all()
    # The scores stand beside the rows they belong to: score one of them alone.
    again = rerank(replace(config, depth=1, output=config.output + ".one"))
    first = old.passage_ids[old.offsets[:-1]]
    alone = np.load(f"{config.output}.one.scores.npz")["scores"]
    for i in range(5):
        rows = slice(*old.offsets[i : i + 2])
        assert again.passage_ids[rows].tolist() == old.passage_ids[rows].tolist()
        assert raw[rows][new.passage_ids[rows].tolist().index(first[i])] == alone[rows][0]


def test_the_manifest_says_what_was_done(config, checkpoints):
    rerank(config)
    manifest = json.loads(module.Path(f"{config.output}.json").read_text())
    assert manifest["model"] == checkpoint.identity(checkpoints[1]) and manifest["pairs"] == 50
    assert manifest["run"] == config.run and len(manifest["run_sha256"]) == 64
    assert manifest["engine"] in ("openvino", "tensorflow") and manifest["precision"] == "float32"
    assert manifest["lengths"] == {"query": 8, "sequence": 40, "passage": None} and manifest["depth"] == 10
    assert (
        manifest["checkpoint"] == config.checkpoint
        and manifest["split"] == "dev"
        and manifest["seconds"] >= 0
        and manifest["processor"] == processor()
    )


def test_the_manifest_says_which_commit_of_the_hub(config, checkpoints, hub_cache):
    hub_cache(checkpoints[1], "some/model", "a" * 40, "v1")
    rerank(replace(config, checkpoint="some/model@v1"))
    manifest = json.loads(module.Path(f"{config.output}.json").read_text())
    assert (manifest["checkpoint"], manifest["checkpoint_commit"]) == ("some/model@v1", "a" * 40)
    assert manifest["model"] == checkpoint.identity(checkpoints[1])


def test_two_logits_rank_by_their_difference(config, checkpoints, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "scores_of", lambda logits, scoring: seen.append(logits) or scores_of(logits, scoring))
    rerank(replace(config, checkpoint=str(checkpoints[2]), depth=100))
    raw = np.load(f"{config.output}.scores.npz")["scores"]
    assert seen[0].shape == (80, 2) and sorted(raw.tolist()) == sorted((seen[0][:, 1] - seen[0][:, 0]).tolist())


def test_depth_and_chunks_do_not_change_scores(config):
    whole = rerank(replace(config, depth=1000, chunk=1 << 14))
    outputs = set()
    for chunk in (1, 7, 1000):
        other = replace(config, depth=1000, chunk=chunk, output=f"{config.output}.{chunk}")
        rerank(other)
        outputs.add(module.Path(other.output).read_bytes())
    assert outputs == {module.Path(config.output).read_bytes()} and len(whole) == 80


@pytest.mark.parametrize("finished", [0, 1, 3])
def test_an_interrupted_job_goes_on_with_the_next_chunk(config, scored, finished):
    undisturbed = replace(config, output=config.output + ".undisturbed")
    rerank(undisturbed)
    scored.clear()
    scored.stop_after = finished
    with pytest.raises(KeyboardInterrupt):
        rerank(config)
    assert "new.trec" not in files_of(config) and "new.trec.partial" in files_of(config)
    scored.stop_after = None
    rerank(config)
    assert scored == [16, 16, 16, 2]  # in both calls together: none twice, none left out
    assert not [name for name in files_of(config) if "partial" in name or name.endswith(".part")]
    for ending in ("", ".scores.npz"):
        assert module.Path(config.output + ending).read_bytes() == module.Path(undisturbed.output + ending).read_bytes()


def test_interrupted_while_a_chunk_is_written(config, scored, monkeypatch):
    save = np.save

    def full(file, array):
        if not hasattr(file, "write"):  # the token stores, by their paths
            return save(file, array)
        file.write(b"torn")
        raise OSError(28, "No space left")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(UserError, match="No space left"):
        rerank(config)
    monkeypatch.undo()
    assert [path.name for path in module.Path(f"{config.output}.partial").iterdir()] == ["plan.json"]
    assert len(rerank(config)) == 80


def test_a_torn_chunk_is_refused(config, scored):
    scored.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        rerank(config)
    file = module.Path(f"{config.output}.partial") / "000001.npy"
    file.write_bytes(file.read_bytes()[:-3])
    scored.stop_after = None
    with pytest.raises(UserError, match="000001.npy: is torn; delete it"):
        rerank(config)
    np.save(file, np.zeros((1, 1), np.float32))
    with pytest.raises(UserError, match="000001.npy: holds the scores of other pairs; delete it"):
        rerank(config)
    file.unlink()
    assert len(rerank(config)) == 80


def test_ids_that_no_run_can_hold_are_refused_before_the_work(config, scored, tmp_path):
    run = tmp_path / "odd.trec"
    run.write_bytes(module.Path(config.run).read_bytes() + "q\u00a01 Q0 000 1 1 t\n".encode())
    with pytest.raises(UserError, match=r"odd.trec:\d+: holds the character U\+00A0"):
        rerank(replace(config, run=str(run)))
    assert not module.Path(f"{config.output}.partial").exists()


@pytest.mark.parametrize("change", ["depth", "checkpoint", "run", "split", "engine", "chunk", "collection"])
def test_leftovers_of_another_job_are_refused(config, scored, change, checkpoints, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    config = replace(config, dataset=str(copy), run=str(copy / "in.trec"))
    scored.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        rerank(config)
    changed = {
        "depth": {"depth": 11},
        "checkpoint": {"checkpoint": str(checkpoints[2])},
        "split": {"split": "other"},
        "engine": {"engine": "tensorflow"},
        "chunk": {"chunk": 17},
    }
    if change == "run":
        write_trec(read_run(config.run).only(["q1", "q0"]), config.run)
    if change == "collection":
        (copy / "collection.tsv").write_text((copy / "collection.tsv").read_text().replace("d1\t", "d1\tz "))
    scored.stop_after = None
    before = files_of(config)
    with pytest.raises(UserError, match="unfinished work of another") as error:
        rerank(replace(config, **changed.get(change, {})))
    assert "new.trec.partial" in str(error.value) and "delete it" in str(error.value)
    assert len(scored) == 1 and files_of(config) == before


def test_an_existing_output_is_replaced_only_at_the_end(config, scored):
    rerank(config)
    before = module.Path(config.output).read_bytes()
    scored.clear()
    scored.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        rerank(replace(config, depth=3, chunk=8))
    assert module.Path(config.output).read_bytes() == before


def test_a_model_that_gives_nan_writes_no_run(config, monkeypatch):
    def broken(engine, packer, queries, passages, advance):
        logits = score_pairs(engine, packer, queries, passages, advance)
        logits[-1] = np.nan
        return logits

    monkeypatch.setattr(module, "score_pairs", broken)
    with pytest.raises(UserError, match="query q1, passage d.*: the model's score is nan"):
        rerank(config)
    assert "new.trec" not in files_of(config)


def test_what_cannot_be_is_refused_before_the_work(config, monkeypatch, tmp_path):
    def work(*_):
        raise AssertionError("worked")

    monkeypatch.setattr(module, "passage_store", work)
    monkeypatch.setattr(module, "open_engine", work)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="precision 'int4'"):
        rerank(replace(config, precision="int4"))
    with pytest.raises(UserError, match="cannot be made a folder"):
        rerank(replace(config, output=str(tmp_path / "file" / "new.trec")))
    if module.Path("/proc/self").is_dir():  # a folder in which nobody can make files, not even root
        with pytest.raises(UserError, match="/proc/new.trec: cannot be written"):
            rerank(replace(config, output="/proc/new.trec"))


def test_a_tokenizer_larger_than_the_model_is_refused(config, checkpoints, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(checkpoints[1], folder)
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text() + "more\n")
    with pytest.raises(UserError, match="its tokenizer has 32 wordpieces, its config.json 31"):
        rerank(replace(config, checkpoint=str(folder)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depth": 0}, "--depth 0"),
        ({"depth": -1}, "--depth -1"),
        ({"tag": "two words"}, "--tag 'two words'"),
        ({"tag": ""}, "--tag"),
    ],
)
def test_impossible_configurations(config, change, words):
    with pytest.raises(UserError, match=words):
        replace(config, **change)


def test_an_output_is_not_the_run(config, tmp_path):
    (tmp_path / "link.trec").symlink_to(config.run)
    for output in (config.run, str(tmp_path / "link.trec")):
        with pytest.raises(UserError, match="would overwrite .*, which is read; name another file"):
            replace(config, output=output)
    shutil.copy(config.run, tmp_path / "new.trec.shard-0-of-2")
    part = replace(config, run=str(tmp_path / "new.trec.shard-0-of-2"), output=str(tmp_path / "new.trec"))
    with pytest.raises(UserError, match="--output .*new.trec.shard-0-of-2: would overwrite .*, which is read"):
        replace(part, shard=Shard(0, 2))
    with pytest.raises(UserError, match="is a file of the data set there"):
        replace(config, output=f"{config.dataset}/collection.tsv")


def from_pipe(config, tmp_path, data: bytes):
    """The configuration with a pipe for its run, and the thread that fills it."""
    path = tmp_path / f"pipe{len(list(tmp_path.glob('pipe*')))}"
    os.mkfifo(path)
    filling = threading.Thread(target=path.write_bytes, args=(data,), daemon=True)
    filling.start()
    return replace(config, run=str(path))


def test_a_run_from_a_pipe_goes_on_only_with_the_same_bytes(config, scored, tmp_path):
    whole = module.Path(config.run).read_bytes()
    other = whole.replace(b"bm25", b"bm26")
    scored.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        rerank(from_pipe(config, tmp_path, whole))
    scored.stop_after = None
    with pytest.raises(UserError, match="holds the unfinished work of another model, run"):
        rerank(from_pipe(config, tmp_path, other))
    rerank(from_pipe(config, tmp_path, whole))
    assert scored == [16, 16, 16, 2]
    manifest = json.loads(module.Path(f"{config.output}.json").read_text())
    assert manifest["run_sha256"] == hashlib.sha256(whole).hexdigest()
    truth = rerank(replace(config, output=config.output + ".truth"))
    assert module.Path(config.output).read_bytes() == module.Path(config.output + ".truth").read_bytes() and len(truth)


def test_a_run_in_scores_is_reranked_under_its_format_alone(config, tmp_path):
    rows = [line.split() for line in module.Path(config.run).read_text().splitlines()]
    (tmp_path / "scores.tsv").write_text("".join(f"{row[0]}\t{row[2]}\t{float(row[4]):.0f}\n" for row in rows))
    config = replace(config, run=str(tmp_path / "scores.tsv"))
    with pytest.raises(UserError, match="--format scores"):
        rerank(config)
    named = rerank(replace(config, format="scores"))
    manifest = json.loads(module.Path(f"{config.output}.json").read_text())
    assert manifest["format"] == "scores" and len(named) == 80


def test_a_checkpoint_written_anew_between_hash_and_loading_is_refused(config, checkpoints, tmp_path, monkeypatch):
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoints[1], folder)
    real = module.open_engine

    def open_another(*arguments):
        shutil.copy(checkpoints[1] / "model.safetensors", folder)
        return real(*arguments)

    monkeypatch.setattr(module, "open_engine", open_another)
    with pytest.raises(UserError, match=r"model.safetensors: changed while it was read"):
        rerank(replace(config, checkpoint=str(folder)))
    assert not module.Path(config.output).exists()
