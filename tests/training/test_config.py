from dataclasses import replace

import pytest

from lce_tf.errors import UserError
from lce_tf.losses import LOSSES
from lce_tf.training.config import RECIPE, TrainConfig

PAPER = TrainConfig("msmarco-passage", "bm25.trec")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "softmax"}, f"--loss 'softmax': known are {', '.join(LOSSES)}"),
        ({"loss": "ranknet"}, "--loss ranknet: learns from a --teacher"),
        ({"teacher": "t.trec"}, "--teacher t.trec: --loss lce asks none; give one of adr-mse, kl, "),
        ({"loss": "margin-mse", "teacher": "t.trec", "group": 1}, "--group 1: --loss margin-mse compares passages"),
        ({"r_drop": -1.0}, "--r-drop -1.0: give a weight of 0 or more"),
        ({"r_drop": float("nan")}, "--r-drop nan"),
        (
            {"r_drop": 1.0, "loss": "mse", "teacher": "t.trec", "group": 1},
            "--r-drop 1.0: changes nothing in groups of one",
        ),
        ({"xla": True, "strategy": "tpu"}, "--xla: what runs on a TPU is compiled by XLA anyway; leave it out"),
        ({"strategy": "magic"}, "--strategy 'magic': known are mirrored, one_device, multi_worker_mirrored, tpu"),
        ({"keep": "all"}, "--keep 'all': known are last, best"),
        ({"precision": "int4"}, "--precision 'int4': known are auto, float32, mixed_float16"),
        ({"batch": 0}, "--batch 0: give 1 or more"),
        ({"steps": 0}, "--steps 0: give 1 or more"),
        ({"checkpoint_every": 0}, "--checkpoint-every 0: give 1 or more"),
        ({"log_every": -1}, "--log-every -1: give 1 or more"),
        ({"dev_queries": 0}, "--dev-queries 0: give 1 or more"),
        ({"dev_depth": 0}, "--dev-depth 0: give 1 or more"),
        ({"warmup": 1.0}, "--warmup 1.0: a share of the steps"),
        ({"warmup": -0.1}, "--warmup -0.1: a share of the steps"),
        ({"warmup": float("nan")}, "--warmup nan"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0: give a number between 0 and 1"),
        ({"learning_rate": 1.0}, "--learning-rate 1.0"),
        ({"learning_rate": float("nan")}, "--learning-rate nan"),
        ({"seed": -1}, "--seed -1: give a whole number from 0"),
        ({"seed": 1 << 63}, "--seed 9223372036854775808"),
        ({"evaluate_every": -1}, "--evaluate-every -1: give 0 or more"),
        ({"devices": -1}, "--devices -1: give 0 or more"),
        ({"loss": "hinge", "group": 1}, "--group 1: --loss hinge compares passages of a group"),
        ({"group": 1}, "--group 1: --loss lce compares passages of a group"),
        ({"evaluate_every": 5}, "--evaluate-every, --keep best, --patience and --dev-also need a --dev-run"),
        ({"keep": "best"}, "--evaluate-every, --keep best, --patience and --dev-also need a --dev-run"),
        ({"dev_also": "d:dev:r.trec"}, "--evaluate-every, --keep best, --patience and --dev-also need a --dev-run"),
        ({"dev_run": "d.trec", "dev_also": "scifact.trec"}, "--dev-also scifact.trec: give DATASET:SPLIT:RUN"),
        ({"dev_run": "d.trec", "dev_also": "a:dev:x.trec,b:dev:x.trec"}, "give each its own, and none mean"),
        ({"dev_measure": "nDCG@ten"}, "measure 'nDCG@ten': not a measure that ir_measures knows"),
        ({"weight_decay": -0.1}, "--weight-decay -0.1: give 0 or more and less than 1"),
        ({"clip_norm": float("nan")}, "--clip-norm nan: give 0 or more, such as 1"),
        ({"patience": 2}, "--evaluate-every, --keep best, --patience and --dev-also need a --dev-run"),
        ({"patience": -1}, "--patience -1: give 0 or more"),
        ({"dev_measure": "MRR@10,nDCG@ten"}, "measure 'nDCG@ten': not a measure that ir_measures knows"),
        ({"dev_measure": "MRR@10,"}, "measure '': not a measure that ir_measures knows"),
        ({"dev_measure": "AP,MRR@10,AP"}, "--dev-measure AP,MRR@10,AP: names a measure twice"),
        ({"epochs": 0.0}, "--epochs 0.0: give a number above 0, such as 2"),
        ({"epochs": float("nan")}, "--epochs nan: give a number above 0, such as 2"),
        ({"query_length": 0}, "--query-length 0"),
        ({"sequence_length": 50}, "--sequence-length 50"),
        ({"negatives_depth": 0}, "--negatives-depth 0: give 1 or more"),
        ({"group": 300}, "--group 300: needs 299 distinct negatives"),
        ({"short_lists": "pad"}, "--short-lists 'pad'"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(settings, message):
    with pytest.raises(UserError) as caught:
        replace(PAPER, **settings)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_the_defaults_are_the_papers():
    # Section 4.2: 300K steps, batch 16, learning rate 1e-5, a tenth of warm-up, 256 wordpieces, top 200.
    assert (PAPER.steps, PAPER.batch, PAPER.learning_rate, PAPER.warmup) == (300_000, 16, 1e-5, 0.1)
    assert (PAPER.sequence_length, PAPER.query_length, PAPER.negatives_depth, PAPER.keep) == (256, 50, 200, "last")
    assert PAPER.departures() == {}


def test_departures_name_what_differs_from_the_recipe_and_nothing_else():
    # Loss and group are what the tables vary, seed and files belong to no recipe.
    config = replace(PAPER, steps=400, learning_rate=1e-4, loss="ce", group=2, seed=7, split=None)
    assert config.departures() == {
        "steps": {"paper": 300_000, "here": 400},
        "learning_rate": {"paper": 1e-5, "here": 1e-4},
    }
    assert set(RECIPE) < set(TrainConfig.__dataclass_fields__)


@pytest.mark.parametrize("loss", LOSSES)
def test_cross_entropy_takes_single_pairs_and_needs_one_negative(loss):
    config = replace(PAPER, loss=loss, group=8, teacher="t.trec" if LOSSES[loss].teacher else None)
    assert config.members == (1 if loss == "ce" else 8)
    assert config.pool.group == (2 if loss == "ce" else 8) and config.pool.depth == 200
    assert (config.lengths.query, config.lengths.sequence) == (50, 256)


def test_a_group_of_one_is_fine_for_cross_entropy():
    assert replace(PAPER, loss="ce", group=1).members == 1


def test_options_of_the_loss_are_recorded_in_one_way():
    config = replace(PAPER, loss="lce", loss_options="temperature=.5")
    assert config.loss_options == "temperature=0.5" and config.options_of_loss == {"temperature": 0.5}
    assert replace(PAPER, loss_options="temperature=1") == PAPER and PAPER.loss_options == ""
    with pytest.raises(UserError, match="--loss-options temperature=0.5: --loss hinge has none"):
        replace(config, loss="hinge")


@pytest.mark.parametrize("loss", LOSSES)
def test_a_teacher_is_asked_for_where_nothing_else_can_be_learnt(loss):
    about = LOSSES.about(loss)
    for teacher in (None, "t.trec"):
        if (about.teacher and not about.grades and teacher is None) or (teacher and not about.teacher):
            with pytest.raises(UserError, match="teacher"):
                replace(PAPER, loss=loss, teacher=teacher)
        else:
            assert replace(PAPER, loss=loss, teacher=teacher).teacher == teacher


def test_r_drop_in_groups_of_one_where_each_passage_has_classes():
    assert replace(PAPER, r_drop=1.0, loss="ce").members == 1
    assert replace(PAPER, r_drop=1.0, loss="binary", group=1).members == 1


def test_further_dev_sets():
    named = "pkg.mod.Class:folder:dev:run.trec,beir/scifact::a:b.trec,my.data:dev:x.trec"
    found = replace(PAPER, dev_run="d.trec", dev_also=named).dev_sets[1:]
    assert [one[1:] for one in found] == [
        ("pkg.mod.Class:folder", "dev", "run.trec"),
        ("beir/scifact", None, "a:b.trec"),
        ("my.data", "dev", "x.trec"),
    ]


def test_several_measures():
    assert replace(PAPER, dev_measure="nDCG@10, MRR@10").dev_measures == ("nDCG@10", "MRR@10")
    assert PAPER.dev_measures == ("MRR@10",)


def test_what_asks_for_evaluations():
    dev = replace(PAPER, dev_run="dev.trec")
    assert not PAPER.evaluates and not dev.evaluates
    assert all(replace(dev, **one).evaluates for one in ({"evaluate_every": 5}, {"keep": "best"}, {"patience": 1}))
