"""The items of a cluster's work: every row and checkpoint once, phase by phase."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lce_tf import tables
from lce_tf.errors import UserError
from lce_tf.foundation.array_jobs import INDEX_VARIABLES
from lce_tf.paper.rows import BASELINE, CITED, OURS, TABLE1, TABLES
from lce_tf.replication import items as module
from lce_tf.replication.items import PHASES, TOKENS, items_of, listing, run_items
from lce_tf.replication.presets import PRESETS
from lce_tf.replication.products import Products

EVERY = list(TABLES.values())


@pytest.fixture
def calls(monkeypatch):
    """What items ask `Products` for, instead of making it: (phase, arguments of the method)."""
    found = []
    for name in ("first_stage", "trained", "reranked", "reranked_by_public"):
        monkeypatch.setattr(Products, name, lambda self, *what: found.append((self.phase, *what)))
    monkeypatch.setattr(Products, "bm25_parameters", lambda self: None)
    further = property(lambda self: [SimpleNamespace(key=name) for name in self.preset.also])
    monkeypatch.setattr(Products, "further", further)
    monkeypatch.setattr(module, "replicate", lambda table, *_, phase: pytest.fail(f"{table.name} in phase {phase}"))
    return found


@pytest.fixture
def listed_once(monkeypatch):
    """Each item lists all products to take its own of them, as in a job of its own; here once for all of a phase."""
    found, whole = {}, module.needed

    def needed(tables, products, *more):
        if products.phase not in found:
            found[products.phase] = whole(tables, products, *more)
        return found[products.phase]

    monkeypatch.setattr(module, "needed", needed)


# One set of its own, one that the leaderboard's row is to be submitted on as well.
ALSO = replace(PRESETS["pydocs"], also=("also.mine-test", "test"))


@pytest.mark.parametrize("preset", [*PRESETS.values(), ALSO], ids=[*PRESETS, "also"])
@pytest.mark.parametrize("seeds", [(42,), (1, 2)])
@pytest.mark.parametrize("chosen", [*[[table] for table in EVERY], EVERY], ids=[*TABLES, "all"])
def test_no_row_or_checkpoint_is_missing_or_doubled(calls, listed_once, chosen, seeds, preset):
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

    plan = items_of(chosen, preset, seeds)
    for phase, wanted in expected.items():
        calls.clear()
        for item in plan[phase]:
            if item.name != TOKENS:
                item.run("folder")
        assert {call[0] for call in calls} == {phase}
        made = [call[1:] for call in calls]
        assert len(made) == len(set(made)) and set(made) == wanted
        names = [item.name for item in plan[phase]]
        assert len(names) == len(set(names))

    public = {f"table1:{row.label}" for row in cited}
    measured = {f"{table.name}:{row.label}" for table in chosen for row in table.rows if row.kind in (BASELINE, OURS)}
    trained = {f"{table.name}:{row.label}" for table in chosen for row in table.rows if row.kind == OURS}
    for phase, labels in (("retrieve", measured | public), ("train", trained), ("rerank", trained | public)):
        assert set(itertools.chain.from_iterable(item.rows for item in plan[phase])) == labels
    assert [item.name for item in plan["tables"]] == [table.name for table in chosen]


def test_table_1_is_eight_trainings_their_eight_runs_and_monot5_s():
    plan = items_of([TABLE1], PRESETS["msmarco"])
    assert {phase: len(items) for phase, items in plan.items()} == dict(zip(PHASES, (3, 8, 9, 1), strict=True))
    assert [(item.name, item.rows) for item in plan["train"]][3] == ("lce-n8-bm25", ("table1:4",))


def test_further_sets_make_no_items():
    """Which of them can be had shows only where the data are, and a list is asked for elsewhere too."""
    sets = ((), ("dl19", "beir/scifact/test"))
    plain, more = (items_of(EVERY, replace(PRESETS["msmarco"], also=also)) for also in sets)
    assert {phase: listing(items) for phase, items in plain.items()} == {
        phase: listing(items) for phase, items in more.items()
    }
    assert [len(plain[phase]) for phase in PHASES] == [3, 14, 19, 4]


def test_the_run_to_submit_is_an_item_of_its_own_also_where_it_is_a_further_set(calls):
    (item,) = (item for item in items_of(EVERY, ALSO)["rerank"] if item.name.endswith(".test"))
    assert (item.name, item.rows) == ("lce-n32-dense.on.dense.test", ("table4:g",))
    item.run("folder")
    assert [(call[1].name, *call[2:]) for call in calls] == [("lce-n32-dense", "dense", 42, "test")]


def test_dev_runs_are_there_for_trainings_that_evaluate(calls):
    preset = PRESETS["pydocs"].override(evaluate_every=10, dev_run="to be made")
    for item in items_of([TABLES["table4"]], preset)["retrieve"]:
        if item.name != TOKENS:
            item.run("folder")
    assert ("retrieve", "dense", "dev") in calls


def test_an_index_is_one_item_and_none_is_all(calls):
    items = items_of([TABLE1], PRESETS["msmarco"], (42,))["train"]
    run_items(items, "folder", 5)
    assert [(call[1].name, call[2]) for call in calls] == [("hinge-n2-dense", 42)]
    calls.clear()
    run_items(items, "folder")
    assert len(calls) == len(items)


@pytest.mark.parametrize("index", [-1, 8])
def test_an_index_outside_the_plan_is_refused(index):
    with pytest.raises(UserError, match=f"--index {index}: stage train has 8 items, 0 to 7"):
        run_items(items_of([TABLE1], PRESETS["msmarco"])["train"], "folder", index)


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


def test_a_phase_makes_nothing_of_another(tmp_path):
    made = []

    def make(name):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / name).mkdir()
        made.append(name)

    def ask(phase, name="lce"):
        products = Products(PRESETS["smoke"], tmp_path, phase)
        return products._made(tmp_path / "models" / name, {"steps": 1}, lambda: make(name))

    for phase in ("retrieve", "rerank", "tables"):
        with pytest.raises(UserError, match="models/lce: has not been made, or not to its end; run --stage train"):
            ask(phase)
    assert not made
    ask("train")
    ask(None, "other")
    for phase in (None, *PHASES):
        ask(phase)
    assert made == ["lce", "other"]


def test_the_plan_needs_no_data(capsys, no_array):
    options = ["table1", "--preset", "msmarco", "--data-dir", "/nowhere"]
    assert tables.main([*options, "--list-stage", "tables"]) == 0
    assert tables.main([*options, "--stage", "tables"]) == 2
    assert "--data-dir /nowhere: no such folder" in capsys.readouterr().err
