"""The train command: the configuration that its flags make, and its errors."""

import shlex
from collections import Counter
from pathlib import Path

import pytest

import lce_tf.train as program
from lce_tf.replication.presets import PYDOCS, SMOKE
from lce_tf.replication.products import Products
from lce_tf.training.config import TrainConfig
from lce_tf.training.recipes import ALIASES, NAMES


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def caught(monkeypatch):
    """The (configuration, output) pairs that would be trained; first stages are named, not made."""
    calls, stages = [], Counter()

    def first_stage(self, retriever, split):
        stages[f"{retriever}.{split}.{self.preset.training.negatives_depth}"] += 1
        return Path("runs") / self.preset.name / f"{retriever}.{split}.trec"

    monkeypatch.setattr(program, "train", lambda config, output: calls.append((config, Path(output))) or output)
    monkeypatch.setattr(Products, "first_stage", first_stage)
    return calls, stages


def config_of(caught, *arguments):
    assert program.main(list(arguments)) == 0
    return caught[0][-1]


def test_with_nothing_else_it_is_the_pydocs_preset(caught):
    config, output = config_of(caught, "--loss", "lce", "--group", "8")
    assert output == Path("runs/pydocs/models/lce-n8-bm25")
    assert (config.dataset, config.backbone, config.run) == ("pydocs", "minilm", "runs/pydocs/bm25.train.trec")
    for name in ("steps", "batch", "learning_rate", "negatives_depth", "seed", "split", "precision"):
        assert getattr(config, name) == getattr(PYDOCS.training, name), name
    assert (config.loss, config.group, config.dev_run) == ("lce", 8, None)


def test_the_same_configuration_as_the_tables(caught):
    from lce_tf.paper.rows import TABLE1

    for row in TABLE1.rows:
        if wanted := row.checkpoint:
            config, output = config_of(
                caught, "--loss", wanted.loss, "--group", str(wanted.group), "--negatives", wanted.negatives
            )
            products = Products(PYDOCS, "runs/pydocs")
            assert config == products.train_config(wanted, 42) and output == products.model_folder(wanted, 42)


def test_flags_override_the_preset(caught):
    config, output = config_of(caught, "--steps", "9", "--learning-rate", "2e-4", "--batch", "2", "--output", "mine")
    assert (config.steps, config.learning_rate, config.batch, output) == (9, 2e-4, 2, Path("mine"))
    config, _ = config_of(caught, "--preset", "smoke", "--log-every", "1", "--precision", "float32")
    assert (config.steps, config.log_every, config.precision) == (SMOKE.training.steps, 1, "float32")


def test_a_tpu_is_named(caught):
    config, _ = config_of(caught, "--strategy", "tpu", "--tpu", "node-1")
    assert (config.strategy, config.tpu) == ("tpu", "node-1")


def test_another_seed_has_another_folder(caught):
    config, output = config_of(caught, "--seed", "7")
    assert config.seed == 7 and output == Path("runs/pydocs/models/lce-n8-bm25-seed7")


def test_fewer_negatives_come_from_the_same_list(caught):
    config, _ = config_of(caught, "--negatives-depth", "50")
    assert config.negatives_depth == 50 and list(caught[1]) == ["bm25.train.200"]


def test_evaluation_takes_the_presets_dev_run(caught):
    config, _ = config_of(caught, "--evaluate-every", "50", "--keep", "best")
    assert (config.evaluate_every, config.keep, config.dev_run) == (50, "best", "runs/pydocs/bm25.dev.trec")
    config, _ = config_of(caught, "--evaluate-every", "50", "--dev-run", "mine.trec")
    assert config.dev_run == "mine.trec"
    for flags in (("--keep", "best"), ("--patience", "3")):
        config, _ = config_of(caught, *flags)
        assert (config.evaluate_every, config.dev_run) == (0, "runs/pydocs/bm25.dev.trec")


def test_a_data_set_of_ones_own_gets_the_papers_recipe(caught):
    config, output = config_of(caught, "--dataset", "some/data", "--run", "deep/bm25.train.trec", "--loss", "ce")
    assert config == TrainConfig("some/data", "deep/bm25.train.trec", loss="ce") and config.departures() == {}
    assert output == Path("runs/data/models/ce-n1-bm25.train")


def test_windows_of_documents(caught):
    base = ("--dataset", "docs", "--run", "x.trec", "--window", "150")
    config, _ = config_of(caught, *base, "--windows", "8", "--stride", "100")
    assert (config.passage_length, config.stride, config.windows) == (150, 100, 8)
    config, _ = config_of(caught, *base, "--windows", "4", "--recipe", "released")
    assert (config.lengths.passage, config.lengths.stride, config.lengths.windows) == (150, 75, 4)


def test_a_teacher_and_r_drop_within_a_preset(caught):
    config, output = config_of(caught, "--loss", "ranknet", "--teacher", "t.trec", "--group", "4")
    assert (config.loss, config.teacher, config.group, config.batch) == ("ranknet", "t.trec", 4, PYDOCS.training.batch)
    assert output == Path("runs/pydocs/models/ranknet-n4-bm25")
    config, _ = config_of(caught, "--loss", "lce", "--group", "8", "--r-drop", "0.5")
    assert (config.loss, config.r_drop, config.teacher) == ("lce", 0.5, None)


def test_a_preset_for_a_run_of_ones_own(caught):
    config, _ = config_of(caught, "--preset", "smoke", "--dataset", "folder", "--run", "x.trec", "--split", "test")
    assert (config.dataset, config.run, config.split, config.steps) == (
        "folder",
        "x.trec",
        "test",
        SMOKE.training.steps,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--dataset folder", "--dataset needs --run"),
        ("--dataset folder --preset smoke", "--dataset needs --run"),
        ("--steps 0", "--steps 0: give 1 or more"),
        ("--batch 0", "--batch 0: give 1 or more"),
        ("--group 1", "--group 1: --loss lce compares"),
        ("--group 0 --loss hinge", "--group 0: --loss hinge"),
        ("--group 500", "--group 500: needs 499 distinct negatives"),
        ("--negatives-depth 0", "--negatives-depth 0: give 1 or more"),
        ("--dev-depth 0", "--dev-depth 0: give 1 or more"),
        ("--seed -1", "--seed -1"),
        ("--learning-rate 3", "--learning-rate 3.0"),
        ("--precision int4", "--precision 'int4'"),
        ("--patience -1", "--patience -1: give 0 or more"),
        ("--epochs 0", "--epochs 0.0: give a number above 0, such as 2"),
        ("--sequence-length 20", "--sequence-length 20"),
        ("--tpu node-1", "--tpu node-1: --strategy mirrored uses none; give --strategy tpu as well"),
        ("--windows 8", "--windows 8: how long is a window?"),
        ("--windows 8 --window 150 --stride 151", "--stride 151: is not from 1 to the --window of 150"),
        ("--windows 8 --window 250", "--window 250: does not fit into 256"),
    ],
)
def test_impossible_settings_are_refused_before_any_work(caught, capsys, tmp_path, arguments, message):
    assert program.main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert caught == ([], Counter()) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["--loss softmax", "--strategy magic", "--steps many", "--preset none"])
def test_argparse_refuses_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        program.main(arguments.split())
    assert caught.value.code == 2 and "error: argument" in capsys.readouterr().err


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "collection.tsv").write_text("".join(f"p{i}\ttext {i}\n" for i in range(6)))
    (folder / "queries.train.tsv").write_text("q1\tone\nq2\ttwo\n")
    (folder / "qrels.train.txt").write_text("q1 0 p1 1\nq2 0 p2 1\n")
    rows = [f"q{q} Q0 p{p} {p + 1} {9 - p} t\n" for q in (1, 2) for p in range(6)]
    (tmp_path / "run.trec").write_text("".join(rows))
    (tmp_path / "empty.trec").write_text("")
    (tmp_path / "torn.trec").write_text("".join(rows)[:-7])
    (tmp_path / "file").write_text("")
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("--run absent.trec", "absent.trec: no such file"),
        ("--run empty.trec", "empty.trec"),
        ("--run torn.trec", "torn.trec:12"),
        ("--dataset no-such-data", "no-such-data"),
        ("--dataset no/such/folder", "no/such/folder"),
        ("--split test", "has no split 'test'"),
        ("--group 8", "no training query is usable: 2 judged queries, 2 with too few negatives"),
        ("--backbone ./nothing", "./nothing"),
        ("--sequence-length 5000", "--sequence-length 5000: minilm has 512 positions only"),
        ("--output file/deep", "file/deep: cannot be made a folder"),
        ("--output /proc/deep", "/proc/deep: cannot be made a folder"),
        ("--evaluate-every 1 --dev-run absent.trec --dev-split train", "absent.trec"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(data, tmp_path, capsys, change, message):
    base = "--dataset data --run run.trec --backbone minilm --group 3 --steps 1 --batch 2 --output out"
    before = sorted(tmp_path.rglob("*"))
    assert program.main([*base.split(), *change.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert sorted(tmp_path.rglob("*")) == before


def test_help_shows_defaults_and_an_example_that_parses(capsys):
    with pytest.raises(SystemExit) as caught:
        program.main(["--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0 and "python -m lce_tf.train --loss lce --group 8" in shown
    assert "(paper or default: 300000)" in shown and "--negatives METHOD" in shown
    for example in program.EXAMPLE.replace("\\\n", " ").splitlines()[:2]:
        assert program.parser().parse_args(shlex.split(example)[3:]).group == 8


def test_interrupted_is_130(monkeypatch, caught, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "train", stopped)
    assert program.main(["--loss", "lce"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_a_recipe_with_stages_trains_them_in_turn(caught, tmp_path):
    (tmp_path / "t.trec").write_text("q Q0 p 1 1 t\n")
    base = ("--dataset", "some/data", "--run", "deep/colbert.trec", "--teacher", "t.trec")
    _, output = config_of(caught, *base, "--recipe", "rank-distillm", "--steps", "5")
    assert output == Path("runs/data/models/rank-distillm-colbert")
    (one, first), (two, _) = caught[0]
    assert first == output / "stage-1" and (one.loss, two.loss) == ("lce", "ranknet") and one.steps == two.steps == 5
    assert (one.run, two.run, two.backbone) == ("deep/colbert.trec", "t.trec", str(first))
    config, output = config_of(caught, *base[:4], "--recipe", "simlm", "--output", "mine")
    assert (config.group, config.r_drop, output) == (64, 2.0, Path("mine")) and len(caught[0]) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--recipe nope", "--recipe 'nope': known are paper, released, simlm"),
        ("--recipe simlm", "--recipe simlm: needs --dataset and --run, and no --preset"),
        ("--recipe simlm --preset pydocs", "--recipe simlm: needs --dataset and --run, and no --preset"),
        ("--plan --preset smoke", "--preset smoke: --plan prints a recipe, not a preset's settings; leave one of them"),
        (
            "--recipe rank-distillm --dataset d --run r --teacher gone.trec",
            "gone.trec: no such file, which stage 2 reads",
        ),
    ],
)
def test_what_a_recipe_needs(caught, capsys, arguments, message):
    assert program.main(arguments.split()) == 2 and not caught[0]
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("recipe", NAMES)
def test_a_plan_is_printed_and_nothing_trained(caught, capsys, recipe):
    assert program.main(["--recipe", recipe, "--plan", "--steps", "1000"]) == 0 and not caught[0]
    told = capsys.readouterr().out
    assert told.startswith(f"{ALIASES.get(recipe, recipe)}: ") and "1,000 steps x" in told and "published " in told


def test_epochs_in_place_of_the_preset_s_steps(caught, capsys):
    config, _ = config_of(caught, "--epochs", "2.5")
    assert config.epochs == 2.5 and PYDOCS.training.epochs is None
    with pytest.raises(SystemExit) as refused:
        program.main(["--epochs", "2", "--steps", "5"])
    assert refused.value.code == 2
    assert "error: argument --steps: not allowed with argument --epochs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "--epochs 3: its steps follow from the usable queries; to plan them, give --dataset and --run as well"),
        ("--dataset data --loss kl", "to plan them, give --run and --teacher as well"),
        ("--dataset data --run run.trec --recipe rank-distillm", "to plan them, give --teacher as well"),
        ("--dataset data --run absent.trec", "absent.trec: no such file"),
    ],
)
def test_what_a_plan_of_epochs_needs(data, caught, capsys, arguments, message):
    assert program.main(["--plan", "--epochs", "3", "--backbone", "minilm", *arguments.split()]) == 2
    assert message in capsys.readouterr().err


def test_a_plan_of_epochs_counts_the_queries(data, caught, capsys):
    base = "--plan --epochs 3 --dataset data --run run.trec --backbone minilm --batch 2 --group 3"
    assert program.main(base.split()) == 0 and not caught[0]
    assert "3 steps x 2 x 3 passages = 18 pairs" in capsys.readouterr().out  # 3 x 2 queries in groups, 2 a step
    # Both stages, of which the second would start from a model that is not there.
    base = base.replace("--group 3", "--teacher run.trec --recipe rank-distillm --group 3")
    assert program.main(base.split()) == 0
    assert capsys.readouterr().out.count("3 steps x 2 x 3 passages = 18 pairs") == 2


def test_a_preset_under_the_released_recipe(caught):
    config, _ = config_of(caught, "--recipe", "released-code")
    assert (config.recipe, config.decay, config.steps) == ("released", "inverse", PYDOCS.training.steps)
