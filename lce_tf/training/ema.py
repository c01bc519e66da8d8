"""A moving average of a model's weights over the steps of its training."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


class WeightAverage:
    """The exponential moving average of some variables: what a training with `--ema` evaluates and saves.

    After step t the average moves by 1 - d of the way to the weights, with d = min(decay, (1 + t) / (10 + t)), so that
    a short training does not end with an average of its first weights.

    Args:
        variables: the model's, made under the strategy.
        decay: at least 0 and below 1.
        step: an integer variable on the device of the weights, the number of steps taken.

    Attributes:
        shadows: the averages, variables in the order of `variables`; a checkpoint must hold them.
    """

    def __init__(self, strategy, variables: list[tf.Variable], decay: float, step: tf.Variable):
        self._strategy, self._variables = strategy, list(variables)
        self._average = tf.train.ExponentialMovingAverage(decay, num_updates=step)
        with strategy.scope():
            # Makes the averages, equal to the weights; the first update leaves them so.
            self._average.apply(self._variables)
        self.shadows = [self._average.average(variable) for variable in self._variables]
        self._apply = tf.function(self._applied, autograph=False)

    def update(self) -> None:
        """Takes the weights as they are after a step into the average."""
        with self._strategy.scope():
            self._apply()

    def _applied(self) -> None:
        self._average.apply(self._variables)  # an operation, which a function may not return

    @contextlib.contextmanager
    def in_model(self) -> Iterator[None]:
        """A block in which the model has the averages for its weights."""
        kept = [variable.numpy() for variable in self._variables]
        try:
            for variable, shadow in zip(self._variables, self.shadows, strict=True):
                variable.assign(shadow.numpy())
            yield
        finally:
            for variable, weights in zip(self._variables, kept, strict=True):
                variable.assign(weights)
