import pytest

from lce_tf.training.schedules import linear


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.0), (50, 0.5e-5), (100, 1e-5), (550, 0.5e-5), (775, 0.25e-5), (999, 1e-5 / 900), (1000, 0.0)],
)
def test_a_tenth_of_warm_up_then_linear_decay(step, rate):
    # By hand: up by 1e-7 a step over 100 steps, then down by 1e-5 / 900 a step to 0 at step 1,000.
    assert float(linear(1e-5, 1000, 0.1)(step)) == pytest.approx(rate, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize(("step", "rate"), [(0, 1e-4), (1, 0.75e-4), (2, 0.5e-4), (4, 0.0)])
def test_without_warm_up_it_starts_at_the_peak(step, rate):
    assert float(linear(1e-4, 4, 0.0)(step)) == pytest.approx(rate, rel=1e-5, abs=1e-12)


def test_a_warm_up_of_less_than_half_a_step_is_none():
    assert float(linear(1e-4, 4, 0.1)(0)) == pytest.approx(1e-4)


def test_it_never_jumps():
    rates = [float(linear(1e-3, 40, 0.25)(step)) for step in range(41)]
    assert max(rates) == pytest.approx(1e-3) and rates.index(max(rates)) == 10
    assert max(abs(a - b) for a, b in zip(rates, rates[1:], strict=False)) <= 1e-3 / 10 + 1e-9
