"""Attention, residual norms and GELU as fused kernels with gradients, on one sequence of tokens."""

import tensorflow as tf

from lce_tf.kernels.calls import call, params, rows_of

# Tokens per program of an attention kernel; sequences are padded to a multiple of it.
TILE = 64
# Columns per program of the GELU's gradient; the layer's width must be a multiple of it.
GELU_BLOCK = 512
# Maximum rows per program of the row-wise kernels: fewer rows use more of the GPU, more rows give fewer partial sums.
FORWARD_ROWS, BACKWARD_ROWS = 4, 16


def attention(qkv, keys, begin, end, heads: int, rate: float, site: int, training: bool) -> tf.Tensor:
    """[tokens, heads * size] attention of each token to the tokens of its pair, in the dtype of `qkv`.

    Args:
        qkv: [tokens, 3 * heads * size], float16 or bfloat16, size 32 or 64; tokens a multiple of `TILE`.
        keys: [tokens] int32, each token's part of the dropout seed.
        begin, end: [tokens] int32, the first token of each token's pair and the one after its last.
        rate: dropout rate of the attention weights.
        site: number of this dropout in the model.
        training: whether gradients are needed and dropout is applied.
    """
    tokens, width = qkv.shape
    size, half = width // 3 // heads, qkv.dtype
    scalars = params(site, rate, heads)
    shapes = [(half, [tokens, heads * size]), (tf.float32, [tokens, heads])]
    grid = [tokens // TILE, heads]

    def forward(name, qkv):
        return call(name, [qkv, keys, begin, end, scalars], shapes, grid, half)

    if not training:
        return forward(f"attention_forward_{size}_scoring", qkv)[0]

    @tf.custom_gradient
    def differentiable(qkv):
        out, lse = forward(f"attention_forward_{size}", qkv)

        def gradient(upstream):
            both = tf.cast(out, tf.float32) * tf.cast(upstream, tf.float32)
            delta = tf.reduce_sum(tf.reshape(both, [tokens, heads, size]), axis=-1)
            operands = [qkv, upstream, delta, lse, keys, begin, end, scalars]
            return call(f"attention_backward_{size}", operands, [(half, qkv.shape)], [*grid, 2], half)[0]

        return out, gradient

    return differentiable(qkv)


def residual_norm(x, h, bias, gamma, beta, keys, rate: float, site: int, epsilon: float) -> tf.Tensor:
    """Layer norm of x + dropout(h + bias), [tokens, size] in the dtype of x and h; statistics in float32.

    Args:
        bias, gamma, beta: [size] float32.
        keys, rate, site: of the dropout, as for `attention`.
        epsilon: added to the variance.
    """
    (tokens, size), half = x.shape, x.dtype
    block = 512 if size <= 512 else 1024

    def launch(way, operands, shapes, rows):
        scalars = params(site, rate, 0, size, rows, epsilon)
        return call(f"norm_{way}_{block}", [*operands, keys, scalars], shapes, [tokens // rows], half)

    @tf.custom_gradient
    def differentiable(x, h, bias, gamma, beta):
        shapes = [(half, x.shape), (half, x.shape), (tf.float32, [tokens]), (tf.float32, [tokens])]
        operands = [x, h, bias, gamma, beta]
        y, z, mean, rstd = launch("forward", operands, shapes, rows_of(tokens, FORWARD_ROWS))

        def gradient(upstream):
            rows = rows_of(tokens, BACKWARD_ROWS)
            shapes = [(half, x.shape), (half, x.shape), (tf.float32, [tokens // rows, 3, size])]
            dz, dh, sums = launch("backward", [upstream, z, mean, rstd, gamma], shapes, rows)
            by_gamma, by_beta, by_bias = tf.unstack(tf.reduce_sum(sums, axis=0))
            return dz, dh, by_bias, by_gamma, by_beta

        return y, gradient

    return differentiable(x, h, bias, gamma, beta)


def bias_gelu(x, bias) -> tf.Tensor:
    """Exact GELU (with erf) of x + bias, [tokens, size] in the dtype of x; bias [size] float32, see `GELU_BLOCK`."""
    (tokens, size), half = x.shape, x.dtype
    rows = rows_of(tokens, BACKWARD_ROWS)
    scalars = params(0, 0.0, 0, size, rows)

    @tf.custom_gradient
    def differentiable(x, bias):
        def gradient(upstream):
            shapes = [(half, x.shape), (tf.float32, [tokens // rows, size])]
            dx, sums = call(
                "gelu_backward_512", [upstream, x, bias, scalars], shapes, [tokens // rows, size // GELU_BLOCK], half
            )
            return dx, tf.reduce_sum(sums, axis=0)

        wide = tf.cast(x, tf.float32) + bias
        return tf.cast(wide * (0.5 + 0.5 * tf.math.erf(wide * 0.5**0.5)), half), gradient

    return differentiable(x, bias)
