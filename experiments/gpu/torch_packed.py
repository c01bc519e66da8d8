"""The fastest baseline: BERT base written by hand in PyTorch, pairs without padding, compiled.

One flat sequence with variable-length attention, bfloat16, fused AdamW, dropout .1.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Layer(nn.Module):
    """A post-norm transformer layer over [tokens, size]."""

    def __init__(self, size: int, wide: int, rate: float):
        super().__init__()
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.widen, self.narrow = nn.Linear(size, wide), nn.Linear(wide, size)
        self.first, self.second, self.rate = nn.LayerNorm(size, 1e-12), nn.LayerNorm(size, 1e-12), rate

    def forward(self, x, attend):
        context = self.out(attend(self.qkv(x)))
        x = self.first(x + F.dropout(context, self.rate, self.training))
        wide = self.narrow(F.gelu(self.widen(x)))
        return self.second(x + F.dropout(wide, self.rate, self.training))


class Scorer(nn.Module):
    """Scores pairs whose tokens are concatenated, each pair by its first token."""

    def __init__(self, layers=12, size=768, heads=12, wide=3072, words=30522, rate=0.1):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, size) for rows in (words, 512, 2))
        self.norm, self.rate, self.heads = nn.LayerNorm(size, 1e-12), rate, heads
        self.layers = nn.ModuleList(Layer(size, wide, rate) for _ in range(layers))
        self.head = nn.Linear(size, 1)

    def forward(self, ids, positions, segments, first, bounds, longest):
        def attend(qkv):
            from torch.nn.attention.varlen import varlen_attn

            q, k, v = qkv.view(len(qkv), 3, self.heads, -1).unbind(1)
            return varlen_attn(q, k, v, bounds, bounds, longest, longest).reshape(len(qkv), -1)

        x = sum(table(index) for table, index in zip(self.tables, (ids, positions, segments), strict=True))
        x = F.dropout(self.norm(x), self.rate, self.training)
        for layer in self.layers:
            x = layer(x, attend)
        return self.head(x[first]).squeeze(-1)


def flat(lengths: np.ndarray, words: int, device: str, multiple: int = 128) -> list:
    """The inputs of `Scorer` for random pairs of these lengths, padded to a multiple of tokens."""
    rng = np.random.default_rng(0)
    total = -(-int(lengths.sum()) // multiple) * multiple
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    positions, segments = np.zeros(total, np.int64), np.zeros(total, np.int64)
    for start, length in zip(bounds, lengths, strict=False):
        positions[start : start + length] = np.arange(length)
        segments[start + 10 : start + length] = 1
    parts = [torch.tensor(part, device=device) for part in (rng.integers(5, words, total), positions, segments)]
    ends = np.append(bounds, total) if total > bounds[-1] else bounds
    return [*parts, torch.tensor(bounds[:-1], device=device), torch.tensor(ends, dtype=torch.int32, device=device), 512]
