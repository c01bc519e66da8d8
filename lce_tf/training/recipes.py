"""The two recipes, every difference between them a named setting of its own.

"paper" is what the paper says (its settings are `TrainConfig`'s defaults), "released" what its released code did:
castorini/replicate-lce on Capreolus. Where the two are silent about each other, they agree.
"""

from typing import Any

# Setting -> (value under "released", where it comes from). Values under "paper" are TrainConfig's defaults.
RELEASED: dict[str, tuple[Any, str]] = {
    "steps": (30_000, "10 iterations of 48,000 training examples in batches of 16"),
    "decay": ("inverse", "trainer decay 0.1: rate / (1 + 0.1 k) in the k-th iteration after the warm-up"),
    "head_rate": ("constant", "the schedule is applied to the encoder only; the head stays at the peak rate"),
    "sampling": ("replacement", "negatives are drawn independently of each other"),
    "positives": ("run", "positives are drawn among those in the training run; a query with none is dropped"),
    "head": ("dense", "dropout, dense layer, GELU, dropout, two logits; scores are logit 1 as it is"),
    "passage_length": (150, "passages are cut to 150 wordpieces before packing"),
    "padding_segment": (1, "segment ids are 1 up to the end of the sequence, padding included"),
    "ce_pairs": ("alternating", "a query's positive, then a negative of the same query"),
    "ce_batch": (32, "cross entropy takes 32 pairs a step, 16 of them positive"),
    "score_dtype": ("float16", "scores are cast to float16 before a stable sort"),
}
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {},
    "released": {name: value for name, (value, _) in RELEASED.items()},
}
