"""The checkpoint that a training results in."""

from dataclasses import asdict
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.model import checkpoint, hub
from lce_tf.training.config import TrainConfig


def save_model(model, folder: Path, config: TrainConfig, template: dict | None, step: int) -> None:
    """Writes the model as a checkpoint that `rerank` accepts.

    Args:
        template: how pairs are framed; None where that is BERT's way.
        step: last step that changed the weights, for the error.

    Raises:
        UserError: a weight is not finite; nothing is written.
    """
    import tensorflow as tf

    for variable in model.trainable_variables:
        if not tf.reduce_all(tf.math.is_finite(variable)):
            raise UserError(
                f"{folder}: not written, as the weights {variable.name} are not finite after step {step}; lower "
                "--learning-rate or try --precision float32"
            )
    about = {"loss": config.loss, "training": asdict(config)}
    if template is not None:
        about["template"] = template
    checkpoint.save(model, folder, hub.locate(config.backbone), config.lengths, about)


def is_finished(output: Path) -> bool:
    """Whether the training in `output` has written its result.

    Raises:
        UserError: it has, and the weights are gone; names what is missing.
    """
    if not TrainingFolder(output).finished:
        return False
    hub.weight_file(output)
    return True
