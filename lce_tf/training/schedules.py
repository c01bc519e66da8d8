"""The learning rate over the steps, from the Model Garden's schedules."""


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
