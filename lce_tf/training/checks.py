"""Which settings of a training do not go together."""

from typing import Any

from lce_tf.errors import UserError
from lce_tf.evaluation.measures import figure_name, parse_measure
from lce_tf.losses import LOSSES
from lce_tf.training.dev_sets import DEV_MEASURE


def check_together(config: Any) -> None:
    """Checks a `TrainConfig`'s settings against each other.

    Raises:
        UserError: the first two that do not go together, and what to give.
    """
    _check_machines(config)
    _check_labels(config)
    _check_positives(config)
    _check_hardest(config)
    _check_measuring(config)


def _check_machines(config: Any) -> None:
    if config.tpu is not None and config.strategy != "tpu":
        raise UserError(f"--tpu {config.tpu}: --strategy {config.strategy} uses none; give --strategy tpu as well")
    if config.xla and config.strategy == "tpu":
        raise UserError("--xla: what runs on a TPU is compiled by XLA anyway; leave it out")


def _check_labels(config: Any) -> None:
    about = LOSSES.about(config.loss)
    if config.group < about.least_group:
        raise UserError(
            f"--group {config.group}: --loss {config.loss} compares passages of a group; "
            f"give {about.least_group} or more"
        )
    if config.r_drop and config.members == 1 and not about.classes:
        raise UserError(
            f"--r-drop {config.r_drop}: changes nothing in groups of one passage, as a softmax over one score is 1; "
            "give --group 2 or more, or leave --r-drop out"
        )
    if about.teacher and not about.grades and config.teacher is None:
        raise UserError(f"--loss {config.loss}: learns from a --teacher, a run that python -m lce_tf.score writes")
    if config.teacher is not None and not about.teacher:
        taught = ", ".join(name for name in LOSSES if LOSSES.about(name).teacher)
        raise UserError(f"--teacher {config.teacher}: --loss {config.loss} asks none; give one of {taught}")


def _check_positives(config: Any) -> None:
    several = f"--group-positives {config.group_positives}"
    if config.positives == "none" and config.teacher is None:
        raise UserError(
            "--positives none: such groups have no label but a teacher's scores; give a --loss that learns from a "
            "--teacher, and that"
        )
    if config.group_positives == 1:
        return
    if not LOSSES.about(config.loss).grades:
        names = ", ".join(name for name in LOSSES if LOSSES.about(name).grades)
        raise UserError(f"{several}: --loss {config.loss} takes one positive; give one of {names}")
    if config.positives == "none":
        raise UserError(f"{several}: --positives none has no positives; leave it out")
    if config.group_positives >= config.group:
        raise UserError(f"{several}: leaves no negative in a group of {config.group}; lower it or raise --group")


def _check_hardest(config: Any) -> None:
    if not config.hardest:
        return
    if LOSSES.about(config.loss).pairs or config.teacher is not None:
        why = "takes single pairs" if config.teacher is None else "learns from a teacher's scores of all members"
        raise UserError(f"--hardest {config.hardest}: --loss {config.loss} {why}; leave it out")
    if config.hardest > config.group - config.group_positives:
        raise UserError(
            f"--hardest {config.hardest}: a group of {config.group} has {config.group - config.group_positives} "
            "negatives; lower it or raise --group"
        )


def _check_measuring(config: Any) -> None:
    if (config.evaluates or config.dev_also) and not config.dev_run:
        raise UserError("--evaluate-every, --keep best, --patience and --dev-also need a --dev-run to rerank")
    if config.dev_measure == DEV_MEASURE:  # checking a name loads ir_measures
        return
    figures = [figure_name(parse_measure(name).name) for name in config.dev_measures]
    if len(set(figures)) < len(figures):
        raise UserError(f"--dev-measure {config.dev_measure}: names a measure twice; give each once")


def check_dropout(config: Any, encoder: Any) -> None:
    """Checks a `TrainConfig` against its backbone's `EncoderConfig`.

    Raises:
        UserError: R-Drop is asked for, and the encoder has no dropout.
    """
    if config.r_drop and not (encoder.hidden_dropout_prob or encoder.attention_probs_dropout_prob):
        raise UserError(f"--r-drop {config.r_drop}: {config.backbone} has no dropout, so nothing would differ")
