"""One optimiser step as part of an XLA program: unscaling, clipping, the finite check, Adam and the loss scale."""

from collections.abc import Sequence

import tensorflow as tf

from lce_tf.training.optimizers import BETA_1, BETA_2, EPSILON, clipped


class AdamUpdate:
    """Computes the same as `lce_tf.training.optimizers.make_optimizer`'s optimiser, on its variables, inside one
    program.

    A step whose gradient is not finite changes no weight and no moment; with loss scaling it halves the scale.

    Args:
        optimizer: Adam, or Adam within a `LossScaleOptimizer`; its slots must exist.
        variables: the model's.
        clip_norm: largest global norm of the gradients that Adam gets; 0: any.
    """

    def __init__(self, optimizer, variables: Sequence[tf.Variable], clip_norm: float = 0.0):
        self.optimizer, self.variables, self.clip_norm = optimizer, list(variables), clip_norm
        self.adam = getattr(optimizer, "inner_optimizer", optimizer)

    def __call__(self, gradients: Sequence[tf.Tensor], scale: tf.Tensor) -> tf.Tensor:
        """Takes the step, in a replica's context; returns the gradient's global norm before it is clipped.

        Args:
            gradients: of the scaled loss, summed over replicas: one per variable, in its shape, any float dtype.
            scale: what the loss was multiplied by, a float32 scalar, see `Step.scale`.
        """
        gradients = [tf.cast(gradient, tf.float32) / scale for gradient in gradients]
        norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients]))
        finite = tf.math.is_finite(norm)
        gradients = clipped(gradients, norm, self.clip_norm)
        step = tf.cast(self.adam.iterations + 1, tf.float32)
        correction = tf.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
        scheduled = self.adam.scheduled_rate()
        for variable, gradient in zip(self.variables, gradients, strict=True):
            constant = self.adam.constant_rate(variable)
            rate = scheduled if constant is None else constant
            first, second = (_local(self.adam.get_slot(variable, name)) for name in ("m", "v"))
            mean = BETA_1 * first + (1 - BETA_1) * gradient
            square = BETA_2 * second + (1 - BETA_2) * tf.square(gradient)
            change = rate * correction * mean / (tf.sqrt(square) + EPSILON)
            _assign(first, tf.where(finite, mean, first))
            _assign(second, tf.where(finite, square, second))
            decay = self.adam.decay(variable)
            variable = _local(variable)
            if decay:
                change += rate * decay * variable
            _assign(variable, tf.where(finite, variable - change, variable))
        _assign(_local(self.adam.iterations), self.adam.iterations + tf.cast(finite, self.adam.iterations.dtype))
        if self.adam is not self.optimizer:
            self._rescale(finite, scale)
        return norm

    def _rescale(self, finite: tf.Tensor, scale: tf.Tensor) -> None:
        """Doubles the loss scale after enough finite steps; halves it after a step that is not finite, but not below
        1."""
        state = self.optimizer._loss_scale
        steps = tf.convert_to_tensor(state.counter) + 1
        grows = finite & (steps >= state.growth_steps) & tf.math.is_finite(scale * state.multiplier)
        grown = tf.where(grows, scale * state.multiplier, scale)
        _assign(_local(state.current_loss_scale), tf.where(finite, grown, tf.maximum(scale / state.multiplier, 1.0)))
        _assign(_local(state.counter), tf.where(finite & (steps < state.growth_steps), steps, tf.zeros_like(steps)))


def _local(variable):
    """A mirrored variable's copy on this replica; all replicas make the same change, so the copies stay equal."""
    return variable._get() if hasattr(variable, "_get") else variable


def _assign(variable, value) -> None:
    variable.assign(value, read_value=False)
