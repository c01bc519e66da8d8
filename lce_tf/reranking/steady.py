"""Where a pair's score is the same bits in a batch of any size, and how scoring keeps it so where it is not.

A pair is always padded to the width that its own length gives. On the processors in `ANY_SIZE` the products of a batch
then do not depend on how many pairs it has, so batches have as many pairs as there are. Everywhere else the kernels may
differ from size to size: with AMX, scores in bfloat16 or int8 do. There the last batch of a width is filled up with
copies, so that each width has batches of one size only and the same kernel computes every pair.
"""

from pathlib import Path

# Instruction sets that decide which kernels multiply matrices, the most capable first, as /proc/cpuinfo names them.
FEATURES = ("amx_tile", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
# Precision -> features with which the size of a batch changes no bit; tests/reranking/test_steady.py checks them.
ANY_SIZE = {
    "float32": ("amx_tile", "avx512_bf16", "avx512_vnni", "avx512f"),
    "bfloat16": ("avx512_bf16",),
    "int8": ("avx512_bf16",),
}
# Wordpieces of a full batch: on an accelerator; on a CPU; on a CPU where a batch of a single pair is filled up as well.
ACCELERATOR_TOKENS, CPU_TOKENS, FILLED_TOKENS = 32768, 4096, 1024


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The first of `FEATURES` that this processor has, or "other"."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return "other"
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return next((feature for feature in FEATURES if feature in flags), "other")


def any_size(precision: str) -> bool:
    """Whether this processor gives a pair the same bits in a batch of any size.

    Args:
        precision: of the products, "float32", "bfloat16" or "int8".
    """
    return processor() in ANY_SIZE.get(precision, ())
