"""Every setting of the released recipe, compared with values computed by hand, so that a setting without effect
fails."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.groups.pool import PoolConfig, build_pool
from lce_tf.groups.sampler import GroupSampler
from lce_tf.model.config import Scoring
from lce_tf.reranking.order import scores_of
from lce_tf.training.config import TrainConfig, follow, recipe_settings
from lce_tf.training.inputs import read_inputs
from lce_tf.training.recipes import RECIPES, RELEASED

PAPER = TrainConfig(dataset="d", run="r")


def test_released_departs_from_the_paper_in_every_switch_and_in_nothing_else():
    released = follow(PAPER, "released", {})
    changed = {name for name in vars(PAPER) if getattr(PAPER, name) != getattr(released, name)}
    assert changed == set(RELEASED) - {"ce_batch"} | {"recipe"}
    assert released.departures() == {} and PAPER.departures() == {}


def test_cross_entropy_takes_32_pairs_and_groups_stay_16():
    assert recipe_settings("released", "ce")["batch"] == 32 and recipe_settings("released", "lce")["batch"] == 16
    assert recipe_settings("paper", "ce")["batch"] == 16
    assert follow(replace(PAPER, loss="ce"), "released", {}).batch == 32


def test_a_switch_asked_for_wins_and_what_a_preset_owns_stays():
    config = follow(replace(PAPER, steps=400), "released", {"head": "linear"})
    assert config.steps == 400 and config.head == "linear" and config.decay == "inverse"
    assert config.departures() == {
        "steps": {"released": 30_000, "here": 400},
        "head": {"released": "dense", "here": "linear"},
    }


def test_an_unknown_recipe_is_refused():
    with pytest.raises(UserError, match="--recipe 'cooked': known are paper, released"):
        replace(PAPER, recipe="cooked")
    assert list(RECIPES) == ["paper", "released", "simlm", "rank-distillm", "ettin", "modern-base"]


@pytest.mark.parametrize(("alias", "name"), [("squeezing-water", "paper"), ("released-code", "released")])
def test_another_name_makes_the_same_training(alias, name):
    assert replace(PAPER, recipe=alias) == replace(PAPER, recipe=name)
    assert follow(PAPER, alias, {"recipe": alias}) == follow(PAPER, name, {})


def test_a_recipe_that_fixes_the_loss_is_not_for_presets():
    with pytest.raises(UserError, match="--recipe simlm: fixes the loss and the group, which presets and tables vary"):
        follow(PAPER, "simlm", {})
    with pytest.raises(UserError, match="--stage 2: --recipe paper has 1"):
        replace(PAPER, stage=2)


def test_decay_falls_by_iterations_to_0_53_of_the_peak():
    from lce_tf.training.schedules import make_schedule

    rate = make_schedule("inverse", 1e-5, 30_000, 0.1)
    steps = [0, 1500, 2999, 3000, 5999, 6000, 29_999]
    #           0    1/2   almost 1    1/1.1     1/1.1     1/1.2     1/1.9
    expected = [0, 0.5, 2999 / 3000, 1 / 1.1, 1 / 1.1, 1 / 1.2, 1 / 1.9]
    np.testing.assert_allclose([float(rate(step)) for step in steps], 1e-5 * np.array(expected), rtol=1e-5)


def test_a_constant_head_rate_moves_the_head_while_the_encoder_warms_up(files):
    import tensorflow as tf

    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.optimizers import make_optimizer
    from lce_tf.training.schedules import linear
    from lce_tf.training.update import AdamUpdate

    moved = {}
    for rate in (None, 0.01):
        model = checkpoint.from_backbone(str(files.backbone), Scoring(), PRECISIONS["float32"], seed=1)
        optimizer = make_optimizer(linear(0.01, 10, 0.5), model, PRECISIONS["float32"], rate)
        before = [variable.numpy() for variable in model.trainable_variables]
        # The schedule's rate at step 0 is 0.
        AdamUpdate(optimizer, model.trainable_variables)([tf.ones_like(v) for v in model.trainable_variables])
        head = {id(v) for v in model.head.trainable_variables}
        for variable, old in zip(model.trainable_variables, before, strict=True):
            change = np.abs(variable.numpy() - old).max()
            moved[rate, id(variable) in head] = max(moved.get((rate, id(variable) in head), 0), change)
    assert moved[None, True] == moved[None, False] == moved[0.01, False] == 0
    # Adam's first update is the rate itself, whatever the gradient.
    assert moved[0.01, True] == pytest.approx(0.01, rel=1e-4)


def test_sampling_with_replacement_repeats_negatives(files):
    pool = read_inputs(files.config(group=16)).pool
    epochs = np.repeat(np.arange(20), len(pool))
    queries = np.tile(np.arange(len(pool)), 20)
    repeats = {}
    for replacement in (False, True):
        dealt = GroupSampler(pool, 16, 1, replacement=replacement).of(queries, epochs).passage_rows[:, 1:]
        repeats[replacement] = sum(len(set(row)) < 15 for row in dealt.tolist())
    assert repeats[False] == 0 and repeats[True] > 0.9 * len(queries)


def test_replacement_admits_short_lists():
    assert PAPER.pool.short_lists == "skip"
    assert replace(PAPER, sampling="replacement").pool.short_lists == "replace"


def test_positives_in_the_run_drop_queries_without_one(files):
    config = files.config()
    inputs = read_inputs(config)
    run, stores = read_run(config.run), (inputs.packer.queries, inputs.packer.passages)
    qrels = {f"train{i}": {f"p{i}": 1} for i in range(12)}
    in_run = {q for q, listed in run.as_dict().items() if f"p{q.removeprefix('train')}" in listed}
    assert 0 < len(in_run) < 12
    pools = [build_pool(run, qrels, *stores, PoolConfig(4, positives=name)) for name in ("judged", "run")]
    assert [len(pool) for pool in pools] == [12, len(in_run)]
    assert set(pools[1].findings.no_positive) == set(qrels) - in_run


def test_the_dense_head_scores_by_its_last_logit():
    scoring = replace(PAPER, head="dense").scoring
    assert scoring == Scoring(outputs=2, head="dense", rule="last")
    logits = np.array([[5, 1], [-5, 0.5]], np.float32)
    assert scores_of(logits, scoring).tolist() == [1, 0.5]
    assert scores_of(logits, replace(PAPER, loss="ce").scoring).tolist() == [-4, 5.5]


def test_the_dense_head_is_dense_gelu_dense(files):
    import tensorflow as tf

    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS

    model = checkpoint.from_backbone(
        str(files.backbone), Scoring(2, "dense", rule="last"), PRECISIONS["float32"], seed=1
    )
    vectors = tf.random.stateless_normal([3, 32], [1, 2])
    first, last = model.head.layers["head.dense"], model.head.layers["head.out_proj"]
    hidden = tf.nn.gelu(vectors @ first.kernel + first.bias, approximate=False)
    np.testing.assert_allclose(model.head(vectors, lambda x, *_: x), hidden @ last.kernel + last.bias, atol=1e-6)
    assert first.kernel.shape == [32, 32] and last.kernel.shape == [32, 2]


def test_losses_over_scores_read_the_last_logit():
    from lce_tf.losses import LOSSES

    logits = np.random.default_rng(1).normal(size=(2, 4, 2)).astype(np.float32)
    labels = np.eye(1, 4, dtype=np.float32).repeat(2, axis=0)
    for name in ("lce", "hinge"):
        alone = LOSSES[name]()(logits[..., 1:], labels)
        np.testing.assert_array_equal(LOSSES[name]()(logits, labels), alone)


def test_passages_are_cut_before_packing(files):
    config = files.config(passage_length=6)
    packer = read_inputs(config).packer
    rows = np.arange(12)
    assert packer.measure(rows, rows)[1].max() == 6 < read_inputs(files.config()).packer.measure(rows, rows)[1].max()
    with pytest.raises(UserError, match="--window 0"):
        replace(config, passage_length=0)


def test_padding_takes_the_segment_it_is_told():
    from lce_tf.model.cross_encoder import segments_and_mask

    # [CLS] q [SEP] p [SEP] PAD PAD: the mask is the same, only the segment of padding differs.
    for segment, expected in ((0, [0, 0, 0, 1, 1, 0, 0]), (1, [0, 0, 0, 1, 1, 1, 1])):
        segments, mask = segments_and_mask(np.ones([1, 7], np.int32), np.array([3]), np.array([5]), segment)
        assert segments.numpy()[0].tolist() == expected and mask.numpy()[0].tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_alternating_pairs_are_of_one_query(files):
    pool = read_inputs(files.config(loss="ce")).pool
    dealt = GroupSampler(pool, 1, 1, pairs=True, alternating=True).step(0, 10)
    assert dealt.query_rows[::2].tolist() == dealt.query_rows[1::2].tolist()
    assert len(set(dealt.query_rows[::2].tolist())) == 5
    assert dealt.labels[:, 0].tolist() == [1, 0] * 5
    apart = GroupSampler(pool, 1, 1, pairs=True).step(0, 10)
    assert len(set(apart.query_rows.tolist())) == 10


def test_float16_scores_tie():
    logits = np.array([[1.0], [1.0001]], np.float32)
    assert scores_of(logits, Scoring(dtype="float16")).tolist() == [1.0, 1.0]
    assert len(set(scores_of(logits).tolist())) == 2


@pytest.mark.parametrize("loss", ["lce", pytest.param("ce", marks=pytest.mark.slow)])
def test_the_released_recipe_trains_and_reranks(files, tmp_path, loss):
    from lce_tf.model import checkpoint
    from lce_tf.reranking.rerank import RerankConfig, rerank
    from lce_tf.training.job import train

    config = follow(files.config(loss=loss, steps=2), "released", {"batch": 4, "passage_length": 9})
    folder = train(config, tmp_path / "model")
    about = checkpoint.trained(folder)
    assert about.scoring == Scoring(2, "dense", 1, "last", "float16") and about.lengths.passage == 9
    result = rerank(
        RerankConfig(
            str(folder), str(files.data), str(files.dev_run), str(tmp_path / "out"), "dev", precision="float32"
        )
    )
    assert len(result) == 12 * 20


def test_the_page_lists_every_switch():
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|.*?\| `(.*?)` \|", page, re.M))
    assert rows == {name: str(value) for name, (value, _) in RELEASED.items()}
