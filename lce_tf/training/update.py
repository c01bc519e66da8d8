"""The optimiser's part of a training step: unscaling, clipping, Adam and the loss scale."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from lce_tf.training.optimizers import BETA_1, BETA_2, EPSILON, clipped


class AdamUpdate:
    """Takes Adam's steps on the variables of an optimiser that `make_optimizer` made.

    A step whose gradient is not finite changes no weight and no moment; with loss scaling it halves the scale. As in
    Keras it counts as a step, so that the schedule goes by the steps taken.

    Args:
        optimizer: Adam, or Adam within a `LossScaleOptimizer`; its slots must exist.
        variables: the model's.
        clip_norm: largest global norm of the gradients that Adam gets; 0: any.
        in_program: whether the step becomes part of an XLA program, which fuses operations and for which a condition
            is expensive. Otherwise each variable takes one fused kernel, which runs only if the gradient is finite.
    """

    def __init__(self, optimizer, variables: Sequence[tf.Variable], clip_norm: float = 0.0, in_program: bool = False):
        self.optimizer, self.variables, self.clip_norm = optimizer, list(variables), clip_norm
        self.adam, self.in_program = getattr(optimizer, "inner_optimizer", optimizer), in_program

    @property
    def scales(self) -> bool:
        """Whether the loss is scaled, and the scale lowered after gradients that overflow."""
        return isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)

    @property
    def scale(self) -> tf.Tensor:
        """The factor that the loss is multiplied by, a float32 scalar; 1 without loss scaling."""
        return tf.convert_to_tensor(self.optimizer.loss_scale) if self.scales else tf.constant(1.0)

    def __call__(self, gradients: Sequence[tf.Tensor]) -> tf.Tensor:
        """Takes the step, in a replica's context; returns the gradient's global norm before it is clipped.

        Args:
            gradients: of the loss times `scale`, summed over replicas: one per variable, in its shape, any float dtype.
        """
        scale = self.scale
        gradients = [tf.cast(gradient, tf.float32) for gradient in gradients]
        if self.scales:
            gradients = [gradient / scale for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        finite = tf.math.is_finite(norm)
        gradients = clipped(gradients, norm, self.clip_norm)
        step = tf.cast(self.adam.iterations + 1, tf.float32)
        powers, scheduled = (tf.pow(BETA_1, step), tf.pow(BETA_2, step)), self.adam.scheduled_rate()
        if self.in_program:
            self._written_out(gradients, powers, scheduled, finite)
        else:
            tf.cond(finite, lambda: self._by_kernels(gradients, powers, scheduled), lambda: tf.constant(False))
        _assign(_local(self.adam.iterations), self.adam.iterations + 1)
        if self.scales:
            self._rescale(finite, scale)
        return norm

    def _each(self, gradients, scheduled):
        """(the variable on this replica, its first and second moment, gradient, learning rate, weight decay) of all."""
        for variable, gradient in zip(self.variables, gradients, strict=True):
            constant = self.adam.constant_rate(variable)
            rate = scheduled if constant is None else tf.constant(constant)
            moments = (_local(self.adam.get_slot(variable, name)) for name in ("m", "v"))
            yield _local(variable), *moments, gradient, rate, self.adam.decay(variable)

    def _by_kernels(self, gradients, powers, scheduled) -> tf.Tensor:
        for variable, first, second, gradient, rate, decay in self._each(gradients, scheduled):
            if decay:
                variable.assign_sub(rate * decay * variable, read_value=False)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=rate,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )
        return tf.constant(True)

    def _written_out(self, gradients, powers, scheduled, finite) -> None:
        correction = tf.sqrt(1 - powers[1]) / (1 - powers[0])
        for variable, first, second, gradient, rate, decay in self._each(gradients, scheduled):
            mean = BETA_1 * first + (1 - BETA_1) * gradient
            square = BETA_2 * second + (1 - BETA_2) * tf.square(gradient)
            change = rate * correction * mean / (tf.sqrt(square) + EPSILON)
            _assign(first, tf.where(finite, mean, first))
            _assign(second, tf.where(finite, square, second))
            if decay:
                change += rate * decay * variable
            _assign(variable, tf.where(finite, variable - change, variable))

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
    """A mirrored variable's copy on this replica; all replicas make the same change, so the copies stay equal.

    On a TPU, where no number says which replica it is, the variable itself; its assignment changes the replica's copy.
    """
    if not hasattr(variable, "_get") or isinstance(tf.distribute.get_strategy(), tf.distribute.TPUStrategy):
        return variable
    return variable._get()


def _assign(variable, value) -> None:
    variable.assign(value, read_value=False)
