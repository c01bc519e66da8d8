"""Learning rate schedules, based on the Model Garden's."""

SCHEDULES = ("linear", "inverse")
# Length of an iteration of the released code as a share of all steps, and the increase of the rate's divisor after
# each.
SHARE, FALL = 0.1, 0.1


def make_schedule(name: str, peak: float, steps: int, warmup: float):
    """The schedule called `name`: "linear" or "inverse"."""
    return {"linear": linear, "inverse": inverse}[name](peak, steps, warmup)


def inverse(peak: float, steps: int, warmup: float):
    """Linear warm-up from 0 to `peak`, then `peak / (1 + 0.1 k)` in the k-th iteration after it, k from 1.

    An iteration is a tenth of all steps, 3,000 of the recipe's 30,000, so training ends at 0.53 of the peak.

    Source: the released code (Capreolus, "linear" decay of 0.1, ten iterations of which one is the warm-up).
    """
    import tensorflow as tf
    import tf_keras as keras

    climb = round(steps * warmup)
    length = max(1, round(steps * SHARE))

    class Inverse(keras.optimizers.schedules.LearningRateSchedule):
        """Not from the Model Garden, whose warm-up would rise to the first value after it, not to the peak."""

        def __call__(self, step):
            step = tf.cast(step, tf.float32)
            after = peak / (1 + FALL * (tf.floor((step - climb) / length) + 1))
            return tf.where(step < climb, peak * step / max(climb, 1), after)

        def get_config(self):
            return {"peak": peak, "steps": steps, "warmup": warmup}

    return Inverse()


def linear(peak: float, steps: int, warmup: float):
    """Linear warm-up from 0 to `peak` over the first share `warmup` of the steps, then linear decay to 0.

    Source: section 4.2 ("linear warm-up for the first 30K steps, and ... linear decay following warm-up"); that
    the decay ends at 0 is our reading.
    """
    from official.modeling.optimization import lr_schedule

    climb = round(steps * warmup)
    # The decay is offset so that it starts from the peak when the warm-up ends.
    decay = lr_schedule.PolynomialDecayWithOffset(
        offset=climb, initial_learning_rate=peak, decay_steps=max(steps - climb, 1), end_learning_rate=0.0, power=1.0
    )
    if not climb:
        return decay
    return lr_schedule.LinearWarmup(after_warmup_lr_sched=decay, warmup_steps=climb, warmup_learning_rate=0.0)
