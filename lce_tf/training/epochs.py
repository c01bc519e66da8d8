"""The length of a training: how many steps an epoch has, and the settings that follow from it."""

import math
from dataclasses import replace
from fractions import Fraction

from lce_tf.losses import LOSSES
from lce_tf.training.config import TrainConfig

# Evaluations of a training that has a dev run and does not say how often.
EVALUATIONS = 10


def epoch_examples(config: TrainConfig, queries: int) -> int:
    """Groups (for a loss over single pairs: pairs) of one epoch, in which `groups.sampler.GroupSampler` takes each
    query once.

    A query gives one group, or one pair, its positive or a negative; with alternating pairs it gives both.

    Args:
        queries: number of usable queries.
    """
    return queries * (2 if LOSSES.about(config.loss).pairs and config.ce_pairs == "alternating" else 1)


def steps_an_epoch(config: TrainConfig, queries: int) -> float:
    """Steps of one epoch; not a whole number if a step takes the end of one epoch and the start of the next."""
    return epoch_examples(config, queries) / config.batch


def resolved(config: TrainConfig, queries: int) -> TrainConfig:
    """The configuration with all that follows from the number of usable queries.

    `epochs` becomes `steps`, rounded up, and is then None. With a dev run, an `evaluate_every` of 0 becomes a tenth of
    the steps, rounded up. All other code sees the result only.

    Raises:
        UserError: there are too many steps.
    """
    if config.epochs is not None:
        # The decimal number that was given: 1.1 epochs of 10 queries are 11 groups, not 11.000000000000002.
        examples = Fraction(str(config.epochs)) * epoch_examples(config, queries)
        config = replace(config, steps=math.ceil(examples / config.batch), epochs=None)
    if config.dev_run and not config.evaluate_every:
        config = replace(config, evaluate_every=math.ceil(config.steps / EVALUATIONS))
    return config


def summary(config: TrainConfig, queries: int) -> str:
    """A line with the usable queries, the steps of an epoch and the length of the whole training.

    Args:
        config: as `resolved` returns it.
    """
    an_epoch = steps_an_epoch(config, queries)
    return (
        f"{queries:,} usable queries; steps: {_short(an_epoch)} an epoch, {config.steps:,} in all; "
        f"epochs: {_short(config.steps / an_epoch)}"
    )


def _short(number: float) -> str:
    text = f"{number:,.2f}"
    return text.rstrip("0").rstrip(".")
