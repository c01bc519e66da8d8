"""The search command: what is held out, what each trial sees, how trials are measured, and what is refused."""

import json
import re
import shlex

import pytest

from lce_tf import HoldoutConfig, holdout, search
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.foundation import settings
from lce_tf.multistage import search as room
from lce_tf.multistage.search import Axis, SearchConfig, axis
from lce_tf.training.config import TrainConfig
from tests.training.conftest import Files

SHORT = "--group 3 --precision float32 --log-every 1 --query-length 8 --sequence-length 32 --engine tensorflow"
SHORT += " --scoring-precision float32 --depth 10 --jobs 1"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("search"))


def searched(files, output, *flags):
    given = ["--dataset", str(files.data), "--run", str(files.run), "--backbone", str(files.backbone), *SHORT.split()]
    return search.main([*given, "--output", str(output), *map(str, flags)])


FLAGS = ("--held-out", "5", "--pairs", "24")
TRIALS = ["learning_rate=0.001,batch=2", "learning_rate=0.001,batch=4"]
RATES = ("--grid", "learning-rate=1e-3", "batch=2,4")


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    output = tmp_path_factory.mktemp("trials") / "found"
    assert searched(files, output, *FLAGS, *RATES) == 0
    return output


def queries(run):
    return {query.decode() for query in read_run(run).query_ids.tolist()}


def test_queries_are_held_out_of_the_training(files, made):
    learnt, held = queries(made / "train.trec"), queries(made / "held-out.trec")
    assert len(held) == 5 and not learnt & held and learnt | held == queries(files.run)
    for manifest in made.glob("*/model/manifest.json"):
        config = json.loads(manifest.read_text())["config"]
        assert config["run"] == str(made / "train.trec") and config["dev_run"] is None


def test_which_are_held_out_depends_on_their_ids_alone(files, made, tmp_path):
    rows = files.run.read_text().splitlines(keepends=True)
    (tmp_path / "turned.trec").write_text("".join(sorted(rows, reverse=True)))
    config = TrainConfig(dataset=str(files.data), run=str(tmp_path / "turned.trec"), backbone=str(files.backbone))
    grid = (Axis("steps", (1,)),)
    with room.Steps(tmp_path / "new", "search").opened() as steps:
        _, held = room._halves(SearchConfig(config, str(tmp_path / "new"), grid, held_out=5), steps)
    assert queries(held) == queries(made / "held-out.trec")


def test_lce_holdout_holds_the_same_ones_out(files, made, tmp_path):
    holdout(HoldoutConfig(str(files.run), str(tmp_path / "bm25"), dataset=str(files.data), split="train", held_out=5))
    assert (tmp_path / "bm25.held.trec").read_bytes() == (made / "held-out.trec").read_bytes()
    assert (tmp_path / "bm25.rest.trec").read_bytes() == (made / "train.trec").read_bytes()


def test_every_combination_sees_the_same_pairs(made):
    for name in TRIALS:
        config = json.loads((made / name / "model" / "manifest.json").read_text())["config"]
        assert name == f"learning_rate={config['learning_rate']},batch={config['batch']}"
        assert config["steps"] * config["batch"] * 3 == 24


def test_the_table_is_of_the_held_out_queries(files, made):
    rows = [line.split() for line in (files.data / "qrels.train.txt").read_text().splitlines()]
    positive = {query: passage for query, _, passage, _ in rows}

    def mean_reciprocal_rank(run):
        ranked = {query: list(row) for query, row in read_run(run).as_dict().items()}
        ranks = [row.index(positive[query]) if positive[query] in row[:10] else None for query, row in ranked.items()]
        return sum(0 if rank is None else 1 / (rank + 1) for rank in ranks) / 5

    found = json.loads((made / "table.json").read_text())
    values = {row["model"]: row["MRR@10"] for row in found["rows"]}
    assert values.pop("first stage") == pytest.approx(mean_reciprocal_rank(made / "held-out.trec"))
    for name, value in values.items():
        assert value == pytest.approx(mean_reciprocal_rank(made / f"{name}.held-out.trec"))
    assert values[found["best"]] == max(values.values()) and found["queries"] == 5
    assert sorted(found["rows"], key=lambda row: -row["MRR@10"]) == found["rows"]
    assert all(f"| {name} |" in (made / "table.md").read_text() for name in values)


def test_the_same_call_makes_nothing_and_another_value_only_its_own(files, made, monkeypatch, capsys):
    calls, whole = [], room.train
    monkeypatch.setattr(room, "train", lambda config, path: calls.append(path.parent.name) or whole(config, path))
    assert searched(files, made, *FLAGS, *RATES) == 0 and calls == []
    said = capsys.readouterr().out
    best = json.loads((made / "table.json").read_text())["best"]
    rate, batch = re.fullmatch(r"learning_rate=(.*),batch=(.*)", best).groups()
    assert said.splitlines()[-1] == f"best: --learning-rate {rate} --batch {batch} --steps {24 // 3 // int(batch)}"
    assert searched(files, made, *FLAGS, "--grid", "learning-rate=1e-3", "batch=2,8") == 0
    assert calls == ["learning_rate=0.001,batch=8"]


def test_a_trial_of_other_settings_is_refused_before_new_ones_train(files, made, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(room, "train", lambda config, path: calls.append(path))
    grid = ("--grid", "learning-rate=2e-3,1e-3", "batch=2")
    assert searched(files, made, *FLAGS, *grid, "--warmup", "0.5") == 2
    assert "was made with warmup 0.1, not 0.5" in capsys.readouterr().err and calls == []


def test_a_grid_over_epochs_and_one_over_steps_in_their_place(files, tmp_path):
    assert searched(files, tmp_path / "epochs", "--held-out", "5", "--batch", "4", "--grid", "epochs=1") == 0
    # Of the 7 queries left, 7 groups, 4 a step.
    assert json.loads((tmp_path / "epochs" / "table.json").read_text())["steps"] == {"epochs=1.0": 2}
    config = TrainConfig(dataset="d", run="r", epochs=2)
    (trial,) = SearchConfig(config, "out", (Axis("steps", (3,)),)).trials().values()
    assert (trial.steps, trial.epochs) == (3, None)


@pytest.mark.slow
def test_an_interrupted_one_goes_on(files, made, tmp_path, monkeypatch):
    calls, whole = [], room.train

    def killed(config, path):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(config, path)

    with monkeypatch.context() as patch:
        patch.setattr(room, "train", killed)
        assert searched(files, tmp_path / "new", *FLAGS, *RATES) == 130
    assert searched(files, tmp_path / "new", *FLAGS, *RATES) == 0
    for trial in TRIALS:
        for name in (f"{trial}/model/model.safetensors", f"{trial}.held-out.trec"):
            assert (tmp_path / "new" / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.slow
def test_two_trials_at_once_are_as_one_after_the_other(files, made, tmp_path, capfd):
    assert searched(files, tmp_path / "new", *FLAGS, *RATES, "--jobs", "2") == 0
    said = capfd.readouterr().out
    assert all(f"{name}: {tmp_path / 'new' / name}/model: " in said for name in TRIALS)
    for trial in TRIALS:
        for name in (f"{trial}/model/model.safetensors", f"{trial}.held-out.trec"):
            assert (tmp_path / "new" / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--grid", "expected at least one argument"),
        ("--grid nothing=1", "'nothing=1': give NAME=VALUE,VALUE with a setting of lce train"),
        ("--grid batch=two", "'batch=two': give NAME=VALUE,VALUE"),
        ("--grid batch", "'batch': give NAME=VALUE,VALUE"),
        ("--grid run=a,b", "'run=a,b': give NAME=VALUE,VALUE"),
        ("--grid batch=0", "--batch 0"),
        ("--grid batch=1 --jobs 0", "'0': give a whole number above 0"),
        ("--grid batch=1 batch=2", "--grid batch: is given twice"),
        ("--grid steps=1,2 --pairs 9", "--pairs: sets the steps of each trial"),
        ("--grid epochs=1,2 --pairs 9", "--pairs: sets the steps of each trial; leave out steps and epochs"),
        ("--grid batch=1 --epochs 1 --pairs 9", "--pairs: sets the steps of each trial"),
        ("--grid steps=1 epochs=1", "--grid: steps and epochs both say how long a trial is"),
        ("--grid loss=lce,nothing", "nothing"),
        ("--grid batch=1 --held-out 1", "--held-out 1"),
        ("--grid batch=1 --held-out 12", "--held-out 12: .*train.trec has 12 judged queries"),
        ("--grid batch=1 --run absent.trec", "absent.trec: no such file"),
        ("--grid batch=1 --dataset absent/folder", "absent/folder"),
        ("", "--grid: give one or more settings"),
        ("--grid batch=1 --dev-measure nDCG@10", "unrecognized arguments: --dev-measure nDCG@10"),
    ],
)
def test_bad_input_is_one_line_with_nothing_left(files, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    try:
        status = searched(files, tmp_path / "new", *flags.split())
    except SystemExit as left:
        status = left.code
    said = capsys.readouterr().err.splitlines()
    assert status == 2 and re.search(message, said[-1]) and "Traceback" not in said[-1]
    assert list(tmp_path.iterdir()) == []


def test_values_are_read_as_the_setting_s_own():
    assert axis("learning-rate=1e-4,2e-4") == Axis("learning_rate", (1e-4, 2e-4))
    assert axis("--dropout=0") == Axis("dropout", (0.0,))
    assert settings.parsed(TrainConfig, "xla", "True") is True and settings.parsed(TrainConfig, "xla", "false") is False
    with pytest.raises(ValueError):
        settings.parsed(TrainConfig, "xla", "maybe")
    with pytest.raises(UserError, match="--dropout 1.0: give a probability of at least 0 and below 1"):
        TrainConfig(dataset="d", run="r", dropout=1.0)


def test_the_example_parses():
    line = search.EXAMPLE.partition("\n\n")[0].replace("\\\n", "")
    found = search.parser().parse_args(shlex.split(line)[3:])
    assert [axis.name for axis in found.grid] == ["learning_rate", "batch"] and found.pairs == 12800
