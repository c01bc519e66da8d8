"""Triton source of the fused kernels.

`python -m lce_tf.kernels.build` compiles it to Triton's intermediate representation, which the package carries as
text and hands to XLA; only that command needs Triton.

Every kernel reads its scalars from `params`, int32: the site (number) of the dropout in the model, the threshold under
which a draw (uint32) drops, the number of heads, the row size, the rows a program works on, and the bits of epsilon.
`keys` [tokens] int32 are each token's part of the dropout seed.
"""

import triton
import triton.language as tl


@triton.jit
def _mixed(x):
    """Spreads every bit of the uint32 `x` over all of them (lowbias32)."""
    x ^= x >> 16
    x *= 0x7FEB352D
    x ^= x >> 15
    x *= 0x846CA68B
    x ^= x >> 16
    return x


@triton.jit
def _base(keys, params):
    """The tokens' seeds for the dropout at this site of the model."""
    return _mixed(keys.to(tl.uint32, bitcast=True) + tl.load(params).to(tl.uint32, bitcast=True) * 0x85EBCA6B)


@triton.jit
def _threshold(params):
    return tl.load(params + 1).to(tl.uint32, bitcast=True)


@triton.jit
def _kept(base, at, threshold):
    """Which entries the dropout keeps; `at` counts the entries of a token.

    Only the draw's upper bits decide and `base` is mixed already, so two products are enough.
    """
    x = (base ^ (at.to(tl.uint32) * 0x9E3779B9)) * 0x7FEB352D
    return (x ^ (x >> 15)) * 0x846CA68B >= threshold


@triton.jit
def _grown(threshold):
    """What kept entries are multiplied by."""
    return 4294967296.0 / (4294967296.0 - threshold.to(tl.float32))


@triton.jit
def attention_forward(
    qkv, keys, begin, end, params, out, lse, HEAD: tl.constexpr, M: tl.constexpr, N: tl.constexpr, DROP: tl.constexpr
):
    """Attention of M queries of one head to the tokens of their own pair, as in FlashAttention.

    qkv [tokens, 3, heads, HEAD]; token t's pair is the tokens from begin[t] to before end[t]; out [tokens, heads,
    HEAD]; lse [tokens, heads], the base-2 logarithm of each softmax's denominator.
    """
    tile, head = tl.program_id(0), tl.program_id(1)
    heads = tl.load(params + 2)
    stride = heads * (3 * HEAD)
    rows = tile * M + tl.arange(0, M)
    d = tl.arange(0, HEAD)
    first, last = tl.load(begin + rows), tl.load(end + rows)
    q = tl.load(qkv + rows[:, None] * stride + head * HEAD + d[None, :])
    threshold = _threshold(params)
    if DROP:
        base = _base(tl.load(keys + rows), params)
    scale = 1.4426950408889634 / tl.sqrt(HEAD * 1.0)
    high = tl.full([M], -1.0e30, tl.float32)
    total = tl.zeros([M], tl.float32)
    acc = tl.zeros([M, HEAD], tl.float32)
    stop = tl.max(last, 0)
    for start in range(tl.min(first, 0), stop, N):
        columns = start + tl.arange(0, N)
        inside = columns < stop
        k = tl.load(qkv + columns[None, :] * stride + (heads + head) * HEAD + d[:, None], inside[None, :], 0.0)
        s = tl.dot(q, k) * scale
        own = (columns[None, :] >= first[:, None]) & (columns[None, :] < last[:, None])
        s = tl.where(own, s, -1.0e30)
        new = tl.maximum(high, tl.max(s, 1))
        # Where a query has seen none of its keys yet, `new` is -1e30 and the power 1.
        p = tl.where(own, tl.exp2(s - new[:, None]), 0.0)
        fade = tl.exp2(high - new)
        total = total * fade + tl.sum(p, 1)
        if DROP:
            p = tl.where(_kept(base[:, None], columns[None, :] - first[:, None] + head * 1024, threshold), p, 0.0)
        v = tl.load(qkv + columns[:, None] * stride + (2 * heads + head) * HEAD + d[None, :], inside[:, None], 0.0)
        acc = acc * fade[:, None] + tl.dot(p.to(v.dtype), v)
        high = new
    grow = 1.0 / total
    if DROP:
        grow = grow * _grown(threshold)
    acc = (acc * grow[:, None]).to(out.dtype.element_ty)
    tl.store(out + rows[:, None] * (heads * HEAD) + head * HEAD + d[None, :], acc)
    tl.store(lse + rows * heads + head, high + tl.log2(total))


@triton.jit
def attention_backward(
    qkv, upstream, delta, lse, keys, begin, end, params, dqkv, HEAD: tl.constexpr, M: tl.constexpr, N: tl.constexpr
):
    """The gradient of `attention_forward` by qkv.

    Of the programs along the third axis, number 0 has the keys and values of N tokens, over M queries at a time;
    number 1 has the queries of N tokens, over M keys at a time. delta [tokens, heads] is sum(out * upstream).
    """
    tile, head = tl.program_id(0), tl.program_id(1)
    heads = tl.load(params + 2)
    stride, wide = heads * (3 * HEAD), heads * HEAD
    d = tl.arange(0, HEAD)
    threshold = _threshold(params)
    grow = _grown(threshold)
    soft = 1.0 / tl.sqrt(HEAD * 1.0)
    scale = 1.4426950408889634 * soft
    mine = tile * N + tl.arange(0, N)
    first, last = tl.load(begin + mine), tl.load(end + mine)
    stop = tl.max(last, 0)
    if tl.program_id(2) == 0:
        # Everything is transposed, [keys, queries], so that no product waits for a tile to be turned.
        k = tl.load(qkv + mine[:, None] * stride + (heads + head) * HEAD + d[None, :])
        v = tl.load(qkv + mine[:, None] * stride + (2 * heads + head) * HEAD + d[None, :])
        dk, dv = tl.zeros([N, HEAD], tl.float32), tl.zeros([N, HEAD], tl.float32)
        for start in range(tl.min(first, 0), stop, M):
            rows = start + tl.arange(0, M)
            inside = rows < stop
            q = tl.load(qkv + rows[:, None] * stride + head * HEAD + d[None, :], inside[:, None], 0.0)
            do = tl.load(upstream + rows[:, None] * wide + head * HEAD + d[None, :], inside[:, None], 0.0)
            own = tl.load(begin + rows, inside, -1)
            p = tl.exp2(tl.dot(k, tl.trans(q)) * scale - tl.load(lse + rows * heads + head, inside, 0.0)[None, :])
            p = tl.where(own[None, :] == first[:, None], p, 0.0)
            base = _base(tl.load(keys + rows, inside, 0), params)
            keep = _kept(base[None, :], mine[:, None] - own[None, :] + head * 1024, threshold)
            dv += tl.dot(tl.where(keep, p * grow, 0.0).to(do.dtype), do)
            dp = tl.where(keep, tl.dot(v, tl.trans(do)) * grow, 0.0)
            dp -= tl.load(delta + rows * heads + head, inside, 0.0)[None, :]
            dk += tl.dot((p * dp).to(q.dtype), q)
        at = mine[:, None] * stride + d[None, :]
        tl.store(dqkv + at + (heads + head) * HEAD, (dk * soft).to(dqkv.dtype.element_ty))
        tl.store(dqkv + at + (2 * heads + head) * HEAD, dv.to(dqkv.dtype.element_ty))
    else:
        query = tl.load(qkv + mine[:, None] * stride + head * HEAD + d[None, :])
        mine_do = tl.load(upstream + mine[:, None] * wide + head * HEAD + d[None, :])
        total, less = tl.load(lse + mine * heads + head), tl.load(delta + mine * heads + head)
        seeds = _base(tl.load(keys + mine), params)
        dq = tl.zeros([N, HEAD], tl.float32)
        for start in range(tl.min(first, 0), stop, M):
            columns = start + tl.arange(0, M)
            there = columns < stop
            key = tl.load(qkv + columns[:, None] * stride + (heads + head) * HEAD + d[None, :], there[:, None], 0.0)
            value = tl.load(
                qkv + columns[:, None] * stride + (2 * heads + head) * HEAD + d[None, :], there[:, None], 0.0
            )
            part = tl.exp2(tl.dot(query, tl.trans(key)) * scale - total[:, None])
            part = tl.where(first[:, None] == tl.load(begin + columns, there, -1)[None, :], part, 0.0)
            kept = _kept(seeds[:, None], columns[None, :] - first[:, None] + head * 1024, threshold)
            slope = tl.where(kept, tl.dot(mine_do, tl.trans(value)) * grow, 0.0) - less[:, None]
            dq += tl.dot((part * slope).to(key.dtype), key)
        tl.store(dqkv + mine[:, None] * stride + head * HEAD + d[None, :], (dq * soft).to(dqkv.dtype.element_ty))


@triton.jit
def norm_forward(x, h, bias, gamma, beta, keys, params, y, z, mean, rstd, BLOCK: tl.constexpr):
    """z = x + dropout(h + bias) and y = gamma * (z - mean) * rstd + beta, rows of `size` entries."""
    c = tl.arange(0, BLOCK)
    size = tl.multiple_of(tl.load(params + 3), 64)
    rows = tl.load(params + 4)
    epsilon = tl.load(params + 5).to(tl.float32, bitcast=True)
    inside = c < size
    b, g, o = tl.load(bias + c, inside, 0.0), tl.load(gamma + c, inside, 0.0), tl.load(beta + c, inside, 0.0)
    threshold = _threshold(params)
    grow = _grown(threshold)
    for i in range(rows):
        row = tl.program_id(0) * rows + i
        at = row * size + c
        value = tl.load(h + at, inside, 0.0).to(tl.float32) + b
        value = tl.where(_kept(_base(tl.load(keys + row), params), c, threshold), value * grow, 0.0)
        value = (value + tl.load(x + at, inside, 0.0).to(tl.float32)).to(z.dtype.element_ty)
        tl.store(z + at, value, inside)
        value = value.to(tl.float32)
        middle = tl.sum(value, 0) / size
        centred = tl.where(inside, value - middle, 0.0)
        spread = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / size + epsilon)
        tl.store(y + at, (centred * spread * g + o).to(y.dtype.element_ty), inside)
        tl.store(mean + row, middle)
        tl.store(rstd + row, spread)


@triton.jit
def norm_backward(upstream, z, mean, rstd, gamma, keys, params, dz, dh, sums, BLOCK: tl.constexpr):
    """Gradients of `norm_forward` by x (dz) and h (dh).

    sums [programs, 3, size]: those by gamma, beta and bias, over the rows of each program.
    """
    c = tl.arange(0, BLOCK)
    size = tl.multiple_of(tl.load(params + 3), 64)
    rows = tl.load(params + 4)
    inside = c < size
    g = tl.load(gamma + c, inside, 0.0)
    threshold = _threshold(params)
    grow = _grown(threshold)
    by_gamma, by_beta, by_bias = (
        tl.zeros([BLOCK], tl.float32),
        tl.zeros([BLOCK], tl.float32),
        tl.zeros([BLOCK], tl.float32),
    )
    for i in range(rows):
        row = tl.program_id(0) * rows + i
        at = row * size + c
        up = tl.load(upstream + at, inside, 0.0).to(tl.float32)
        spread = tl.load(rstd + row)
        normal = tl.where(inside, (tl.load(z + at, inside, 0.0).to(tl.float32) - tl.load(mean + row)) * spread, 0.0)
        by_gamma += up * normal
        by_beta += up
        up = up * g
        value = (up - tl.sum(up, 0) / size - normal * (tl.sum(up * normal, 0) / size)) * spread
        tl.store(dz + at, value.to(dz.dtype.element_ty), inside)
        value = tl.where(_kept(_base(tl.load(keys + row), params), c, threshold), value * grow, 0.0)
        value = value.to(dh.dtype.element_ty)
        tl.store(dh + at, value, inside)
        by_bias += tl.where(inside, value.to(tl.float32), 0.0)
    at = tl.program_id(0) * 3 * size + c
    tl.store(sums + at, by_gamma, inside)
    tl.store(sums + at + size, by_beta, inside)
    tl.store(sums + at + 2 * size, by_bias, inside)


@triton.jit
def gelu_backward(upstream, x, bias, params, dx, sums, BLOCK: tl.constexpr):
    """dx = upstream * gelu'(x + bias); sums [programs, size]: of dx, over the rows of each program."""
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    size = tl.multiple_of(tl.load(params + 3), 64)
    rows = tl.load(params + 4)
    b = tl.load(bias + c)
    total = tl.zeros([BLOCK], tl.float32)
    for i in range(rows):
        at = (tl.program_id(0) * rows + i) * size + c
        v = tl.load(x + at).to(tl.float32) + b
        up = tl.load(upstream + at).to(tl.float32)
        slope = 0.5 + 0.5 * tl.erf(v * 0.7071067811865476) + v * 0.3989422804014327 * tl.exp(-0.5 * v * v)
        value = (up * slope).to(dx.dtype.element_ty)
        tl.store(dx + at, value)
        total += value.to(tl.float32)
    tl.store(sums + tl.program_id(0) * size + c, total)
