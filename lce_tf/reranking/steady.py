"""Keeps a pair's score bitwise independent of the batch size.

A pair is always padded to the width that its own length gives. On the processors in `STEADY` the products of a batch do
not depend on its number of pairs, as long as it has a multiple of some number of rows. On all others the kernels may
differ from size to size: with AMX, scores in bfloat16 or int8 do. There the last batch of a width is filled up with
copies, so that all batches of a width have the same size and the same kernel computes every pair.
"""

from pathlib import Path

from lce_tf.model.config import BLOCK

# Instruction sets that decide which matrix kernels are used, most capable first, named as in /proc/cpuinfo.
FEATURES = ("amx_tile", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
# Precision -> feature -> rows (padded wordpieces) of which a batch of any multiple changes no bit;
# tests/reranking/test_steady.py checks them.
STEADY = {
    "float32": {"amx_tile": 1, "avx512_bf16": 1, "avx512_vnni": 1, "avx512f": 1, "avx2": BLOCK},
    "bfloat16": {"avx512_bf16": 1},
    "int8": {"avx512_bf16": 1},
}
# In place of a number of rows: as many pairs as a full batch has.
WHOLE = 0
# Wordpieces of a full batch: on an accelerator; on a CPU; on a CPU where even a batch of one pair is filled up.
ACCELERATOR_TOKENS, CPU_TOKENS, FILLED_TOKENS = 32768, 4096, 1024


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The first of `FEATURES` that this processor has, or "other"."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return "other"
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return next((feature for feature in FEATURES if feature in flags), "other")


def rows_of_a_batch(precision: str) -> int:
    """Rows of which a batch must have a multiple so that this processor gives its pairs the same bits; or `WHOLE`.

    Args:
        precision: of the products, "float32", "bfloat16" or "int8".
    """
    return STEADY.get(precision, {}).get(processor(), WHOLE)
