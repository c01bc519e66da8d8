"""A teacher's scores equal those of reranking, and a student learns from them."""

import json
import shutil

import numpy as np
import pytest

from lce_tf.data.runs import read_run
from lce_tf.rerank import main as rerank
from lce_tf.score import main
from lce_tf.train import main as train
from lce_tf.training.job import train as train_into
from tests.training.conftest import Files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("score"))


@pytest.fixture(scope="module")
def teacher(files):
    return train_into(files.config(steps=2, loss="ce"), files.folder / "teacher")


def scored(files, teacher, output, *flags):
    given = ["--checkpoint", str(teacher), "--dataset", str(files.data), "--run", str(files.run), "--depth", "8"]
    return main([*given, "--output", str(output), *flags])


@pytest.fixture(scope="module")
def scores(files, teacher):
    output = files.folder / "teacher.train.trec"
    assert scored(files, teacher, output, "--precision", "float32") == 0
    return output


def test_the_top_and_the_judged_are_scored_as_rerank_does(files, teacher, scores, tmp_path):
    found, first = read_run(scores).as_dict(), read_run(files.run).cut(8).as_dict()
    judged = {}
    for line in (files.data / "qrels.train.txt").read_text().splitlines():
        query, _, passage, _ = line.split()
        judged.setdefault(query, set()).add(passage)
    assert {query: set(row) for query, row in found.items()} == {q: set(first[q]) | judged[q] for q in first}
    given = ["--checkpoint", str(teacher), "--dataset", str(files.data), "--split", "train", "--run", str(files.run)]
    assert rerank([*given, "--output", str(tmp_path / "all.trec"), "--precision", "float32"]) == 0
    every = read_run(tmp_path / "all.trec").as_dict()
    for query, row in found.items():
        for passage, score in row.items():
            if passage in every[query]:  # the run has 20 of 40 passages
                assert score == pytest.approx(every[query][passage], abs=1e-5)
    assert json.loads((files.folder / "teacher.train.trec.json").read_text())["judged"] is True


def test_a_split_without_judgments_has_the_run_s_passages_scored(files, teacher, tmp_path, capsys):
    data = shutil.copytree(files.data, tmp_path / "data")
    (data / "qrels.train.txt").unlink()
    output = tmp_path / "teacher.trec"
    assert scored(files, teacher, output, "--dataset", str(data)) == 0
    assert f"note: {data}, split train has no judgments; only the run's passages" in capsys.readouterr().err
    first = read_run(files.run).cut(8).as_dict()
    assert {query: set(row) for query, row in read_run(output).as_dict().items()} == {q: set(first[q]) for q in first}


def test_a_judged_passage_that_the_collection_lacks_is_left_out_and_counted(files, teacher, scores, tmp_path, capsys):
    data = shutil.copytree(files.data, tmp_path / "data")
    query = next(iter(read_run(scores).as_dict()))
    with (data / "qrels.train.txt").open("a") as file:
        file.write(f"{query} 0 gone 1\n")
    given = ["--checkpoint", str(teacher), "--dataset", str(data), "--run", str(files.run), "--depth", "8"]
    assert main([*given, "--output", str(tmp_path / "out.trec"), "--precision", "float32"]) == 0
    assert "judged passages not in the collection 1 (gone), left out" in capsys.readouterr().err
    assert (tmp_path / "out.trec").read_bytes() == scores.read_bytes()


@pytest.mark.parametrize("loss", ["margin-mse", pytest.param("ranknet", marks=pytest.mark.slow)])
def test_a_student_learns_the_teachers_order(files, scores, tmp_path, loss):
    given = ["--dataset", str(files.data), "--run", str(files.run), "--teacher", str(scores), "--loss", loss]
    given += ["--backbone", str(files.backbone), "--group", "6", "--batch", "12", "--steps", "40", "--log-every", "1"]
    given += ["--learning-rate", "2e-3", "--negatives-depth", "8", "--query-length", "8", "--sequence-length", "32"]
    assert train([*given, "--precision", "float32", "--output", str(tmp_path / loss)]) == 0
    rows = [json.loads(line) for line in (tmp_path / loss / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    manifest = json.loads((tmp_path / loss / "manifest.json").read_text())
    assert manifest["teacher"] == "teacher scores for 100.0% of the positives and 100.0% of the negatives"
    assert len(manifest["inputs"]["teacher"]) == 64


def test_shards_of_a_teacher_merge(files, teacher, scores, tmp_path):
    from lce_tf.merge import main as merge

    for index in range(2):
        shard = ["--shard", f"{index}/2", "--precision", "float32"]
        assert scored(files, teacher, tmp_path / "t.trec", *shard) == 0
    assert merge([str(tmp_path / "t.trec")]) == 0
    assert (tmp_path / "t.trec").read_bytes() == scores.read_bytes()


def test_a_split_without_judgments_is_one_line(files, teacher, tmp_path, capsys):
    assert scored(files, teacher, tmp_path / "t.trec", "--split", "test") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "test" in said and not (tmp_path / "t.trec").exists()
