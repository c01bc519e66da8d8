"""Adam as the paper uses it; AdamW, clipped gradients and a rate apart for the head where a recipe wants them."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.precision import Precision

# The released code's constants, which are Keras's defaults. It has no weight decay and clips nothing.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class Adam(keras.optimizers.legacy.Adam):
    """Adam's moments, count of steps and rates, with a constant rate for some variables; `AdamUpdate` takes its steps.

    Args:
        schedule: learning rate of all other variables.
        constant: variables that keep `rate`, whatever the schedule says.
        rate: theirs.
        weight_decay: of AdamW (Loshchilov and Hutter 2019): before each step a weight loses this share of itself times
            its learning rate. Biases and norms, which are vectors, keep theirs.
    """

    def __init__(self, schedule, constant=(), rate: float = 0.0, weight_decay: float = 0.0):
        super().__init__(schedule, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON, name="Adam")
        # Under a mirrored strategy the update is handed the copy on each device.
        self._constant = {copy.ref() for variable in constant for copy in getattr(variable, "values", [variable])}
        self._rate, self._weight_decay = rate, weight_decay

    def scheduled_rate(self) -> tf.Tensor:
        """The learning rate of the step to come, a float32 scalar."""
        return self._decayed_lr(tf.float32)

    def constant_rate(self, variable) -> float | None:
        """The rate of a variable that the schedule leaves alone; None of all others."""
        copies = getattr(variable, "values", [variable])
        return self._rate if self._constant and copies[0].ref() in self._constant else None

    def decay(self, variable) -> float:
        """The weight decay of a variable: in each step it loses rate x decay x itself. 0 for vectors."""
        return self._weight_decay if variable.shape.rank > 1 else 0.0


def clipped(gradients: Sequence[tf.Tensor], norm: tf.Tensor, limit: float) -> list[tf.Tensor]:
    """The gradients, scaled down to the global norm `limit` if theirs is higher; 0 leaves them as they are.

    Args:
        norm: their global norm. If it is no number, neither are the gradients that are returned.
    """
    if not limit:
        return list(gradients)
    scale = tf.minimum(1.0, limit / norm)
    return [gradient * scale for gradient in gradients]


def make_optimizer(schedule, model, precision: Precision, head_rate: float | None = None, weight_decay: float = 0.0):
    """Adam for a model's variables, its moments made; mixed_float16 gets dynamic loss scaling.

    Args:
        schedule: the learning rate.
        head_rate: a constant rate for the head; None: the schedule's.
        weight_decay: see `Adam`.
    """
    constant = [] if head_rate is None else model.head.trainable_variables
    adam = Adam(schedule, constant, head_rate or 0.0, weight_decay)
    # Variables made within the first step would have it traced twice.
    adam._create_all_weights(model.trainable_variables)
    return keras.mixed_precision.LossScaleOptimizer(adam) if precision.name == "mixed_float16" else adam
