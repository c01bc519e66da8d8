import pytest
import tensorflow as tf
import tf_keras as keras

from lce_tf.losses import LOSSES
from lce_tf.losses.base import RankingLoss


def test_registry():
    assert {name: (cls.outputs, cls.pairs, cls.teacher) for name, cls in LOSSES.items()}.items() >= {
        "ce": (2, True, False),
        "hinge": (1, False, False),
        "lce": (1, False, False),
        "margin-mse": (1, False, True),
        "ranknet": (1, False, True),
    }.items()


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_layers_without_weights_that_give_one_float32_a_query(name):
    loss = LOSSES[name]()
    assert isinstance(loss, RankingLoss) and isinstance(loss, keras.layers.Layer)
    labels = tf.constant([[1.0, 0, 0], [1, 0, 0]])
    for policy in ("float32", "mixed_float16"):
        keras.mixed_precision.set_global_policy(policy)
        try:
            values = LOSSES[name]()(tf.zeros([2, 3, loss.outputs], tf.float16), labels)
        finally:
            keras.mixed_precision.set_global_policy("float32")
        assert values.shape == [2] and values.dtype == tf.float32
    assert not loss.weights


@pytest.mark.parametrize("name", LOSSES)
def test_open_shapes_in_a_graph(name):
    loss = LOSSES[name]()
    signature = [tf.TensorSpec([None, None, loss.outputs]), tf.TensorSpec([None, None])]
    run = tf.function(loss.call, input_signature=signature)
    for n in (loss.least_group, 2, 8):
        logits = tf.random.stateless_normal([4, n, loss.outputs], seed=[1, n])
        labels = tf.one_hot(tf.zeros([4], tf.int32), n)
        assert tf.reduce_max(tf.abs(run(logits, labels) - loss(logits, labels))) < 1e-6


def test_a_loss_without_a_call_says_so():
    class Nothing(RankingLoss):
        pass

    with pytest.raises(TypeError, match="Nothing does not define a loss"):
        Nothing()(tf.zeros([1, 2, 1]), tf.zeros([1, 2]))


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_compiled_by_xla_with_its_gradient(name):
    """As the step over packed rows does on a GPU."""
    loss, about = LOSSES[name](), LOSSES.about(name)
    choices = next((one["choices"][-1:] for one in about.options.values() if "choices" in one), ())
    layers = [loss, *(LOSSES[name](**{next(iter(about.options)): choice}) for choice in choices)]
    logits = tf.random.stateless_normal([3, 6, loss.outputs], seed=[1, 2])
    labels = tf.constant([[2.0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 3, 0, 2, 0, 0]])
    for layer in layers:

        def taken(logits, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(logits)
                values = layer.call(logits, labels)
            return values, tape.gradient(values, logits)

        for ours, plain in zip(tf.function(taken, jit_compile=True)(logits), taken(logits), strict=True):
            assert tf.reduce_max(tf.abs(ours - plain)) < 1e-5
