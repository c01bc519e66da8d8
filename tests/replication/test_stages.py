"""The plan of a cluster's work: every row and checkpoint once, stage by stage."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lce_tf import tables
from lce_tf.errors import UserError
from lce_tf.foundation.array_jobs import INDEX_VARIABLES
from lce_tf.paper.rows import BASELINE, CITED, OURS, TABLE1, TABLES
from lce_tf.replication import stages as module
from lce_tf.replication.presets import PRESETS
from lce_tf.replication.products import Products
from lce_tf.replication.stages import STAGES, TOKENS, listing, run_stage, stages

EVERY = list(TABLES.values())


class Recorder:
    """Stands where `Products` does and writes down what it is asked for."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, preset, folder, stage):
        self.preset, self.stage = preset, stage
        return self

    @property
    def further(self):
        return [SimpleNamespace(key=name) for name in self.preset.also]

    def first_stage(self, *what):
        self.calls.append((self.stage, *what))

    def trained(self, *what):
        self.calls.append((self.stage, *what))

    def reranked(self, *what):
        self.calls.append((self.stage, *what))

    def reranked_by_public(self, *what):
        self.calls.append((self.stage, *what))


@pytest.fixture
def calls(monkeypatch):
    found = []
    monkeypatch.setattr(module, "Products", Recorder(found))
    monkeypatch.setattr(module, "replicate", lambda table, *_, stage: pytest.fail(f"{table.name} in stage {stage}"))
    return found


# One set of its own, one that the leaderboard's row is to be submitted on as well.
ALSO = replace(PRESETS["pydocs"], also=("also.mine-test", "test"))


@pytest.mark.parametrize("preset", [*PRESETS.values(), ALSO], ids=[*PRESETS, "also"])
@pytest.mark.parametrize("seeds", [(42,), (1, 2)])
@pytest.mark.parametrize("chosen", [*[[table] for table in EVERY], EVERY], ids=[*TABLES, "all"])
def test_no_row_or_checkpoint_is_missing_or_doubled(calls, chosen, seeds, preset):
    ours = [row for table in chosen for row in table.rows if row.kind == OURS]
    baselines = [row for table in chosen for row in table.rows if row.kind == BASELINE]
    submitted = [row for row in ours if row.paper.eval is not None and preset.eval_split]
    training = {(row.checkpoint, seed) for row in ours for seed in seeds}
    splits = (preset.dev_split, *preset.also)
    reranking = {(row.checkpoint, row.first_stage, seed, split) for row in ours for seed in seeds for split in splits}
    reranking |= {(row.checkpoint, row.first_stage, seed, preset.eval_split) for row in submitted for seed in seeds}
    cited = [row for table in chosen for row in table.rows if row.kind == CITED and row.label in dict(preset.cited)]
    cited = [row for row in cited if row.first_stage]
    reranking |= {(row.label, row.first_stage, split) for row in cited for split in splits}
    retrieval = {(row.negatives, "train") for row in ours}
    retrieval |= {(row.first_stage, split) for row in ours + baselines for split in splits}
    retrieval |= {(row.first_stage, preset.eval_split) for row in submitted}
    expected = {"retrieve": retrieval, "train": training, "rerank": reranking}

    plan = stages(chosen, preset, seeds)
    for stage, wanted in expected.items():
        calls.clear()
        for item in plan[stage]:
            if item.name != TOKENS:
                item.run("folder")
        assert {call[0] for call in calls} == {stage}
        made = [call[1:] for call in calls]
        assert len(made) == len(set(made)) and set(made) == wanted
        names = [item.name for item in plan[stage]]
        assert len(names) == len(set(names))

    public = {f"table1:{row.label}" for row in cited}
    measured = {f"{table.name}:{row.label}" for table in chosen for row in table.rows if row.kind in (BASELINE, OURS)}
    trained = {f"{table.name}:{row.label}" for table in chosen for row in table.rows if row.kind == OURS}
    for stage, labels in (("retrieve", measured | public), ("train", trained), ("rerank", trained | public)):
        assert set(itertools.chain.from_iterable(item.rows for item in plan[stage])) == labels
    assert [item.name for item in plan["tables"]] == [table.name for table in chosen]


def test_table_1_is_eight_trainings_their_eight_runs_and_monot5_s():
    plan = stages([TABLE1], PRESETS["msmarco"])
    assert {stage: len(items) for stage, items in plan.items()} == dict(zip(STAGES, (3, 8, 9, 1), strict=True))
    assert [(item.name, item.rows) for item in plan["train"]][3] == ("lce-n8-bm25", ("table1:4",))


def test_further_sets_make_no_items():
    """Which of them can be had shows only where the data are, and a list is asked for elsewhere too."""
    sets = ((), ("dl19", "beir/scifact/test"))
    plain, more = (stages(EVERY, replace(PRESETS["msmarco"], also=also)) for also in sets)
    assert {stage: listing(items) for stage, items in plain.items()} == {
        stage: listing(items) for stage, items in more.items()
    }
    assert [len(plain[stage]) for stage in STAGES] == [3, 14, 19, 4]


def test_dev_runs_are_there_for_trainings_that_evaluate(calls):
    preset = PRESETS["pydocs"].override(evaluate_every=10, dev_run="to be made")
    for item in stages([TABLES["table4"]], preset)["retrieve"]:
        if item.name != TOKENS:
            item.run("folder")
    assert ("retrieve", "dense", "dev") in calls


def test_an_index_is_one_item_and_none_is_all(calls):
    items = stages([TABLE1], PRESETS["msmarco"], (42,))["train"]
    run_stage(items, "folder", 5)
    assert [(call[1].name, call[2]) for call in calls] == [("hinge-n2-dense", 42)]
    calls.clear()
    run_stage(items, "folder")
    assert len(calls) == len(items)


@pytest.mark.parametrize("index", [-1, 8])
def test_an_index_outside_the_plan_is_refused(index):
    with pytest.raises(UserError, match=f"--index {index}: stage train has 8 items, 0 to 7"):
        run_stage(stages([TABLE1], PRESETS["msmarco"])["train"], "folder", index)


@pytest.fixture
def no_array(monkeypatch):
    for name in INDEX_VARIABLES.values():
        monkeypatch.delenv(name, raising=False)


def test_the_door_lists_and_runs_one_item(calls, capsys, monkeypatch, no_array):
    assert tables.main(["table2", "--list-stage", "rerank"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["1", "lce-n8-dense.on.bm25", "table2:b"] and len(lines) == 4
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert tables.main(["table2", "--stage", "rerank"]) == 0
    assert tables.main(["table2", "--stage", "rerank", "--index", "0"]) == 0
    assert [(call[0], call[1].name, call[2]) for call in calls] == [
        ("rerank", "lce-n8-dense", "bm25"),
        ("rerank", "lce-n8-bm25", "bm25"),
    ]


def test_the_door_refuses_an_index_without_a_stage(capsys):
    assert tables.main(["table1", "--index", "2"]) == 2
    assert "--index 2: is the item of a --stage" in capsys.readouterr().err


def test_a_stage_makes_nothing_of_another(tmp_path):
    made = []

    def make(name):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / name).mkdir()
        made.append(name)

    def ask(stage, name="lce"):
        products = Products(PRESETS["smoke"], tmp_path, stage)
        return products._made(tmp_path / "models" / name, {"steps": 1}, lambda: make(name))

    for stage in ("retrieve", "rerank", "tables"):
        with pytest.raises(UserError, match="models/lce: has not been made, or not to its end; run --stage train"):
            ask(stage)
    assert not made
    ask("train")
    ask(None, "other")
    for stage in (None, *STAGES):
        ask(stage)
    assert made == ["lce", "other"]


def test_the_plan_needs_no_data(capsys, no_array):
    options = ["table1", "--preset", "msmarco", "--data-dir", "/nowhere"]
    assert tables.main([*options, "--list-stage", "tables"]) == 0
    assert tables.main([*options, "--stage", "tables"]) == 2
    assert "--data-dir /nowhere: no such folder" in capsys.readouterr().err
