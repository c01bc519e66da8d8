"""Tests whether the fused kernels work on this machine, by running one."""

import functools

import tensorflow as tf

from lce_tf.kernels import fused

# Lowest compute capability that has the matrix products and loads of the kernels.
CAPABILITY = (8, 0)


@functools.cache
def works() -> bool:
    """Whether the first GPU is an NVIDIA GPU on which XLA compiles a kernel that gives correct numbers."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return False
    found = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
    if found is None or tuple(found) < CAPABILITY:
        return False
    try:
        return _mean_of_a_pair()
    except tf.errors.OpError as error:
        print(
            f"fused kernels: this TensorFlow does not compile them, XLA's own are used ({str(error)[:200]})", flush=True
        )
        return False


def _mean_of_a_pair() -> bool:
    """Whether attention with equal keys gives the mean of each pair's values, for pairs of the tokens 0-9 and 10-63."""
    begin, end = (tf.constant([low] * 10 + [high] * 54, tf.int32) for low, high in ((0, 10), (10, 64)))
    values = tf.cast(tf.range(64), tf.float16)[:, None] * tf.ones([1, 64], tf.float16)
    qkv = tf.concat([tf.zeros([64, 128], tf.float16), values], axis=1)

    @tf.function(jit_compile=True, autograph=False)
    def attended():
        return fused.attention(qkv, tf.zeros([64], tf.int32), begin, end, 1, 0.0, 0, training=False)

    with tf.device("GPU:0"):
        out = tf.cast(attended(), tf.float32).numpy()
    return abs(out[:10] - 4.5).max() < 0.05 and abs(out[10:] - 36.5).max() < 0.05


def fits(config, precision) -> bool:
    """Whether the kernels support a model of this shape and precision.

    Args:
        config: `EncoderConfig`.
        precision: `Precision`.
    """
    family = config.family
    if family.attention != "plain" or family.before or family.norm != "layer" or config.gated:
        return False
    head, odd = divmod(config.hidden_size, config.num_attention_heads)
    shaped = not odd and head in (32, 64) and config.hidden_size % 64 == 0 and config.hidden_size <= 1024
    return shaped and precision.activations != "float32"
