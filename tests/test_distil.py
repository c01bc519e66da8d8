"""The distil command: students of a checkpoint, the table, going on after a stop, and what it refuses."""

import json
import re

import pytest

from lce_tf import distil
from lce_tf.data.runs import read_run
from lce_tf.model import checkpoint
from lce_tf.multistage import distil as room
from tests.multistage.conftest import WithTeacher

SHORT = "--steps 3 --batch 4 --group 4 --negatives-depth 8 --learning-rate 1e-3 --precision float32 --log-every 1"


def distilled(files, output, *flags, checkpoint=None):
    given = ["--checkpoint", str(checkpoint or files.teacher), "--dataset", str(files.data), "--run", str(files.run)]
    given += [*SHORT.split(), "--engine", "tensorflow", "--scoring-precision", "float32", "--output", str(output)]
    return distil.main([*given, *map(str, flags)])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return WithTeacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def made(small, tmp_path_factory):
    """Students of two and one layers, compared on the dev run."""
    output = tmp_path_factory.mktemp("distil") / "small"
    assert distilled(small, output, "--layers", "2,1", "--dev-run", small.dev_run, "--depth", "10") == 0
    return output


@pytest.mark.slow
def test_what_is_made(small, made):
    for layers in (2, 1):
        about = checkpoint.trained(made / f"layers-{layers}" / "model")
        assert about.config.num_hidden_layers == layers
        assert about.lengths == checkpoint.trained(small.teacher).lengths  # not the paper's
        config = json.loads((made / f"layers-{layers}" / "model" / "manifest.json").read_text())["config"]
        assert config["loss"] == "margin-mse" and config["teacher"] == str(made / "teacher.trec")
        assert config["dev_run"] == str(small.dev_run) and config["evaluate_every"] == 1
        figures = map(json.loads, (made / f"layers-{layers}" / "model" / "metrics.jsonl").read_text().splitlines())
        assert [line["step"] for line in figures if "dev_mrr_10" in line] == [1, 2, 3]
    first = read_run(small.run).cut(8).as_dict()
    assert all(set(first[query]) <= set(row) for query, row in read_run(made / "teacher.trec").as_dict().items())


@pytest.mark.slow
def test_the_table(made):
    facts = json.loads((made / "table.json").read_text())
    rows = {row["model"]: row for row in facts["rows"]}
    assert list(rows) == ["first stage", "teacher", "layers-2", "layers-1"] and facts["queries"] == 12
    assert rows["teacher"]["difference"] is None
    for name in ("first stage", "layers-2", "layers-1"):
        assert rows[name]["difference"] == pytest.approx(rows[name]["MRR@10"] - rows["teacher"]["MRR@10"])
        assert 0 <= rows[name]["p"] <= 1
    rates = facts["rates"]
    assert set(rates["pairs_per_second"]) == {"teacher", "layers-2", "layers-1"} and rates["pairs"] == 120
    text = (made / "table.md").read_text()
    assert text.startswith("| model | MRR@10 | nDCG@10 | MRR@10 less teacher's (p) | pairs/s | rate |\n")
    assert re.search(r"^\| teacher \| [\d.]+ \| [\d.]+ \|  \| \d+ \| 1\.00× \|$", text, re.M)


@pytest.mark.slow
def test_the_same_command_makes_nothing_twice(small, made, monkeypatch, capsys):
    for name in ("write_student", "train", "rates"):
        monkeypatch.setattr(room, name, None)
    assert distilled(small, made, "--layers", "2,1", "--dev-run", small.dev_run, "--depth", "10") == 0
    printed = capsys.readouterr().out
    assert "2 layers: " in printed and "| layers-1 |" in printed


@pytest.mark.slow
@pytest.mark.parametrize("at", ["write_student", "train"])
def test_an_interrupted_one_goes_on(small, made, tmp_path, monkeypatch, at):
    whole, calls = getattr(room, at), []

    def second_is_killed(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(room, at, second_is_killed)
        assert distilled(small, tmp_path / "new", "--layers", "2,1") == 130
    assert distilled(small, tmp_path / "new", "--layers", "2,1") == 0
    for layers in (2, 1):
        # Where the backbone is, is part of a checkpoint's record, so the weights are compared.
        weights = [folder / f"layers-{layers}" / "model" / "model.safetensors" for folder in (made, tmp_path / "new")]
        assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.slow
def test_other_settings_are_refused(small, made, capsys):
    assert distilled(small, made, "--layers", "2", "--learning-rate", "2e-3") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "was made with learning_rate 0.001, not 0.002" in said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--layers 4", "--layers 4: the checkpoint has 4; give 1 to 3"),
        ("--layers 2,2", "give one or more different numbers"),
        ("--loss lce", "--loss lce asks none|--teacher"),
        ("--run absent.trec", "absent.trec: no such file"),
        ("--dev-run absent.trec", "absent.trec: no such file"),
        ("--depth 0", "--depth 0"),
        ("--batch 0", "--batch 0"),
        ("--checkpoint absent", "absent"),
    ],
)
def test_bad_input_is_one_line_with_nothing_left(small, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    assert distilled(small, tmp_path / "new", *flags.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and re.search(message, said)
    assert list(tmp_path.iterdir()) == []


def test_a_dev_run_of_other_queries_is_refused_before_the_teacher_scores(small, tmp_path, capsys):
    assert distilled(small, tmp_path / "new", "--dev-run", small.dev_run, "--dev-split", "train") == 2
    assert f"--dev-run {small.dev_run}: has none of the judged queries of train" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_students_of_a_public_checkpoint_keep_its_head(small, tmp_path):
    import numpy as np
    import transformers

    from lce_tf.model.weights import read_arrays

    teacher, sizes = tmp_path / "teacher", json.loads((small.teacher / "config.json").read_text())
    kept = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    config = transformers.BertConfig(
        **{name: sizes[name] for name in kept}, max_position_embeddings=64, num_labels=1, problem_type="regression"
    )
    transformers.BertForSequenceClassification(config).save_pretrained(teacher)
    for file in small.teacher.glob("*vocab*"):
        (teacher / file.name).write_bytes(file.read_bytes())
    assert distilled(small, tmp_path / "small", "--layers", "1", checkpoint=teacher) == 0
    student = tmp_path / "small" / "layers-1" / "model"
    assert checkpoint.trained(student).scoring.head == "pooler"
    before, after = read_arrays(teacher / "model.safetensors"), read_arrays(student / "model.safetensors")
    change = before["pooler.dense.weight"] - after["head.pooler.weight"]
    assert np.abs(change).max() < 0.02  # three steps from the teacher's
