"""The training behind a command that trains among other things."""

import argparse
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lce_tf.foundation.settings import add_options
from lce_tf.training.config import TrainConfig, follow


def add_training_options(parser: argparse.ArgumentParser, without: tuple[str, ...]) -> None:
    """Adds an option for each setting of training that states a meaning, but those in `without`."""
    names = [one.name for one in fields(TrainConfig) if one.metadata.get("help") and one.name not in without]
    add_options(parser, TrainConfig, names, show_default="paper or default", grouped=True)


def training_of(flags: Mapping[str, Any]) -> TrainConfig:
    """The training that flags ask for: what is not given (None) is the recipe's."""
    given = {
        name: value for name, value in flags.items() if value is not None and name in TrainConfig.__dataclass_fields__
    }
    recipe = given.pop("recipe", TrainConfig.recipe)
    return follow(TrainConfig(**given), recipe, given)
