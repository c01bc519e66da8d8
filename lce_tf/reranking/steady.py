"""How batches are filled up so that a pair's score is bitwise independent of the batch size.

A pair is always padded to a width that follows from its own length. On the processors in `STEADY`, a pair's products do
not depend on the number of pairs in its batch, as long as the batch's padded wordpieces are a multiple of the number
there. On other processors, and in other precisions, batches of different sizes may be computed by different kernels;
with AMX, scores in bfloat16 or int8 do change with the size. There the last batch of a width is filled up with copies,
so that all batches of a width have the same size and the same kernel computes every pair.
"""

from pathlib import Path

from lce_tf.model.config import ROW_MULTIPLE

# Instruction sets on which the choice of matrix kernels depends, most capable first, named as in /proc/cpuinfo.
FEATURES = ("amx_tile", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
# Precision -> feature -> a number of rows (padded wordpieces). If every batch has a multiple of it, the batch size does
# not change a bit of a score. tests/reranking/test_steady.py checks the entries.
STEADY = {
    "float32": {"amx_tile": 1, "avx512_bf16": 1, "avx512_vnni": 1, "avx512f": 1, "avx2": ROW_MULTIPLE},
    "bfloat16": {"avx512_bf16": 1},
    "int8": {"avx512_bf16": 1},
}
# Used instead of a number of rows: every batch must have as many pairs as a full batch.
WHOLE = 0
# Wordpieces of a full batch: on an accelerator; on a CPU; on a CPU where batches are filled up to the full size.
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
    """This processor's entry in `STEADY`, a number of rows of which every batch must have a multiple; else `WHOLE`.

    Args:
        precision: precision of the matrix products, "float32", "bfloat16" or "int8"; any other gives `WHOLE`.
    """
    return STEADY.get(precision, {}).get(processor(), WHOLE)
