"""docs/losses.md: its tables are those of the code, and its commands run as they stand."""

import re
from pathlib import Path

import pytest

from lce_tf.losses import LOSSES
from lce_tf.training.config import TrainConfig, follow
from lce_tf.training.recipes import ALIASES, RECIPES
from lce_tf.training.stages import Stage, described, stages
from tests.training.conftest import make_run

PAGE = "docs/losses.md"
TEXT = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")


def test_the_table_has_every_loss_with_its_options():
    rows = dict(re.findall(r"^\| `(\w[\w-]*)` \|(.*)\|$", TEXT.partition("## Recipes")[0], re.M))
    assert set(rows) == set(LOSSES)
    for name, row in rows.items():
        about, (_, labels, options, _) = LOSSES.about(name), row.split("|")
        assert re.findall(r"`(\w+)`", options) == list(about.options)
        assert ("teacher" in labels) == about.teacher and ("grades" in labels) == about.grades
        for one in about.options.values():
            assert all(str(choice) in options for choice in one.get("choices", ())), name


def test_the_table_has_every_recipe_with_its_cost():
    rows = re.findall(r"^\| (`\w.*?) \| .* \| (.*?) \| (.*?) \|$", TEXT.partition("## Recipes")[2], re.M)
    assert [name for names, _, _ in rows for name in re.findall(r"`(.*?)`", names)] == [
        name for key in RECIPES for name in [key, *(a for a, to in ALIASES.items() if to == key)]
    ]
    for (_, figures, cost), (name, recipe) in zip(rows, RECIPES.items(), strict=True):
        files = {"dataset": "d", "run": "r", "teacher": "t"}
        alone = [Stage(follow(TrainConfig("d", "r"), name, {}), Path("out"))] if not recipe.whole else None
        assert f"cost       {cost} on one H200" in described(name, alone or stages(name, files, "out"))
        assert all(figure in recipe.published for figure in re.findall(r"\.\d{3}", figures))


@pytest.mark.slow
def test_the_commands(blocks, place):
    for split in ("train", "dev"):
        place.run(f"lce retrieve bm25 --dataset mine --split {split} --depth 200 --output bm25.{split}.trec")
    (held,) = (block for block in blocks("docs/your-own-data.md", "bash") if "lce holdout" in block)
    place.run(held)
    make_run(place.folder / "llm.train.trec", queries=40)  # as good as a language model's: a run with an order
    told = "".join(place.run(block) for block in blocks(PAGE, "bash"))
    for name in ("list-net", "multi", "lists", "hardest", "rdrop", "best", "rank-distillm", "rank-distillm/stage-1"):
        assert (place.folder / "models" / name / "config.json").is_file(), name
    assert "nDCG@10" in told and "on average over 2 sets" in told and "source     Schlatt" in told
