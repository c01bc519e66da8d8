"""Estimates whether a batch's activations fit into the device's memory."""

import os
import sys
from collections.abc import Sequence

from lce_tf.foundation.at_once import beside_each_other
from lce_tf.foundation.footprint import machine_bytes
from lce_tf.model.config import EncoderConfig

# Upper estimate of the float values kept for the backward pass, per token and layer: DENSE x hidden_size + WIDE x
# intermediate_size + ATTENTION x heads x length.
DENSE, WIDE, ATTENTION = 14, 5, 4
# Share of the device's memory that activations may take.
SHARE = 0.4
# Bytes that every GPU for training and every TPU core has, where its own number is not known.
SMALL = 8 << 30
# Largest number of slices in a part. The compiler sees each slice as another copy of the model.
MOST_SLICES = 32


def activation_bytes(
    config: EncoderConfig, pairs: int, length: int, float_bytes: int = 4, attention: bool = True
) -> int:
    """Estimate of the bytes of a forward pass's activations, which are kept until the backward pass has used them.

    Args:
        pairs, length: of the slice, padding included.
        float_bytes: 4 for float32 activations, 2 for the mixed precisions.
        attention: whether attention's weights are stored, which the fused kernels compute again instead.
    """
    a_layer = DENSE * config.hidden_size + WIDE * config.intermediate_size * (1 + config.gated)
    a_layer += ATTENTION * config.num_attention_heads * length * attention
    return pairs * length * len(config.order) * a_layer * float_bytes


def device_bytes() -> int:
    """The memory of this process's device: the first GPU's, a TPU core's, else its share of this machine's.

    It is the total, not the free memory, so that a restart on the same machine decides as the first start did.
    """
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        import subprocess

        query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        if visible := os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0]:
            query += ["-i", visible]
        try:
            return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]) << 20
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            print(
                "warning: nvidia-smi does not say how much memory the GPU has; 8 GiB are assumed, --micro-batch sets "
                "what is computed at once",
                file=sys.stderr,
            )
            return SMALL
    if tf.config.list_logical_devices("TPU"):
        return SMALL
    return machine_bytes() // beside_each_other()


def slices_per_part(needs: Sequence[int], budget: float, sums: float = 0) -> list[int]:
    """Number of slices in each part, so that no part needs more than `budget` bytes.

    The last part is the fullest, since it alone is computed only once. A slice larger than the budget is a part of its
    own. No part has more than `MOST_SLICES` slices.

    Args:
        needs: bytes of each slice, in order.
        sums: bytes of the accumulated gradients. They are held while every part is computed, except the first one
            computed (the last slice).
    """
    counts, left = [0], budget
    for need in reversed(needs):
        if counts[0] and (need > left or counts[0] == MOST_SLICES):
            counts, left = [0, *counts], budget - sums
        counts[0] += 1
        left -= need
    return counts
