"""Recipes by name: what each stage is, what is checked before the first, and that two stages train in turn."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.settings import having
from lce_tf.losses import LOSSES
from lce_tf.training.config import DEFAULTS, TrainConfig
from lce_tf.training.job import train
from lce_tf.training.recipes import ALIASES, RECIPES
from lce_tf.training.stages import RATE, Stage, check_files, described, stages

WHOLE = [name for name, recipe in RECIPES.items() if recipe.whole]
FILES = {"dataset": "d", "run": "r.trec", "teacher": "t.trec"}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_settings_that_there_are_and_differ_from_the_defaults(name):
    recipe = RECIPES[name]
    for number, own in enumerate(recipe.stages):
        for setting, value in own.items():
            known = setting in TrainConfig.__dataclass_fields__ or setting == "ce_batch"
            needed = setting in ("loss", "group", "learning_rate")
            assert known and (needed or number or value != DEFAULTS.get(setting)), setting
    assert all((recipe.help, recipe.source, recipe.published, recipe.needs))
    assert not set(ALIASES) & set(RECIPES)


@pytest.mark.parametrize("name", WHOLE)
def test_a_recipe_departs_from_itself_in_nothing(name):
    for config, _ in stages(name, FILES, "out"):
        assert config.departures() == {} and config.recipe == name
        assert (config.teacher == "t.trec") == LOSSES.about(config.loss).teacher
    first = stages(name, {**FILES, "steps": 7}, "out")[0].config
    assert first.departures() == {"steps": {name: RECIPES[name].stages[0]["steps"], "here": 7}}


def test_rank_distillm_is_lce_and_then_the_teachers_whole_lists():
    one, two = stages("rank-distillm", {**FILES, "backbone": "mine", "precision": "float32"}, "out")
    assert (one.config.loss, one.config.group, one.config.batch, one.config.steps) == ("lce", 8, 32, 20_000)
    assert (one.config.run, one.config.teacher, one.config.backbone) == ("r.trec", None, "mine")
    assert (two.config.loss, two.config.group, two.config.positives) == ("ranknet", 100, "none")
    assert (two.config.run, two.config.teacher, two.config.backbone) == ("t.trec", "t.trec", "out/stage-1")
    assert one.output == Path("out/stage-1") and two.output == Path("out")
    assert {one.config.precision, two.config.precision} == {"float32"}
    (alone,) = stages("rank-distillm", {**FILES, "stage": 2, "loss": "kl", "backbone": "mine"}, "out")
    assert alone.config == replace(two.config, loss="kl", backbone="mine", precision="auto") and alone.output == Path(
        "out"
    )
    (alone,) = stages("rank-distillm", {**FILES, "stage": 1}, "out")
    assert alone.output == Path("out/stage-1") and alone.config.stage == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "kl"}, "--loss kl: --recipe rank-distillm has 2 stages; give --stage too"),
        ({"stage": 3}, "--stage 3: --recipe rank-distillm has 2"),
        ({"teacher": None}, "--loss ranknet: learns from a --teacher"),
        ({"warmup": 2.0}, "--warmup 2.0"),
    ],
)
def test_what_is_wrong_for_a_stage_is_found_before_the_first(given, message):
    with pytest.raises(UserError, match=message):
        stages("rank-distillm", {**FILES, **given}, "out")


def test_files_of_later_stages_are_looked_for(tmp_path):
    run = tmp_path / "t.trec"
    planned = stages("rank-distillm", {**FILES, "teacher": str(run)}, "out")
    with pytest.raises(UserError, match="t.trec: no such file, which stage 2 reads"):
        check_files(planned)
    run.write_text("q Q0 p 1 1 t\n")
    check_files(planned)


@pytest.mark.parametrize("name", RECIPES)
def test_the_plan_says_source_figure_command_and_cost(name):
    config = TrainConfig("d", "r.trec")
    planned = stages(name, FILES, "out") if RECIPES[name].whole else [Stage(config, Path("out"))]
    text = described(name, planned)
    assert RECIPES[name].source in text and RECIPES[name].published in text and f"--recipe {name} " in text
    assert all(remark in text for remark in RECIPES[name].remarks)
    for stage in planned:
        pairs = stage.config.steps * stage.config.batch * stage.config.members
        assert f"= {pairs:,} pairs" in text and f"loss {stage.config.loss}" in text


def test_the_cost_by_hand():
    # 300,000 steps of 16 groups of 8: 38.4 million pairs at 5,443 a second are 7,055 seconds.
    text = described("paper", [Stage(TrainConfig("d", "r"), Path("out"))])
    assert RATE == 5443 and "38,400,000 pairs, 2.0 hours -> out" in text and "2.0 hours on one H200, computed" in text
    # R-Drop takes twice the work: 2 * 96,563,200 / 5,443 are 35,481 seconds.
    assert "96,563,200 pairs, 9.9 hours" in described("simlm", stages("simlm", FILES, "out"))


def test_two_stages_train_one_after_the_other(files, tmp_path):
    small = {
        name: value
        for name, value in asdict(files.config(steps=1, checkpoint_every=1, layout="slices")).items()
        if name not in ("loss", "loss_options", "positives", "group_positives", "negatives_depth", "recipe", "stage")
    }
    planned = stages("rank-distillm", {**small, "teacher": str(files.run)}, tmp_path / "out")
    for config, folder in planned:
        assert train(config, folder) == folder
    first, last = (json.loads((folder / "manifest.json").read_text()) for _, folder in planned)
    assert first["config"]["stage"] == 1 and "teacher" not in first
    assert (
        last["config"]["backbone"] == str(tmp_path / "out" / "stage-1") and last["queries"] == "12 queries of the run"
    )
    assert last["recipe"] == "rank-distillm" and last["departures"]["group"] == {"rank-distillm": 100, "here": 4}
    # Called again, both are there already.
    assert [train(config, folder) for config, folder in planned] == [folder for _, folder in planned]
    assert "weight_decay" in having(TrainConfig, "recipe")
