"""The layout of a batch: slices of pairs of similar length, or rows of several pairs, in parts that fit into memory."""

import sys
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.groups.packed import PackedBatches
from lce_tf.groups.pipeline import FEWEST_PAIRS, BatchShape, TrainingBatches
from lce_tf.model.precision import PRECISIONS, Precision, device_kind, resolve
from lce_tf.tokens.rows import WIDTH_MULTIPLE, rounded
from lce_tf.training.config import TrainConfig
from lce_tf.training.memory import SHARE, activation_bytes, device_bytes, slices_per_part
from lce_tf.training.records import begun_precision
from lce_tf.training.workers import Workers

# Number of first batches used to estimate how much of a batch fits into memory.
LOOKED_AT = 32


def precision_of(config: TrainConfig, output: Path, workers: Workers) -> Precision:
    """The precision to compute in: the one requested, or the one in which the training began, or this device's default.

    The weights of a training in another precision would be others, so one that resumes on another kind of device keeps
    its own, with a note on stderr. All workers take the chief's.

    Raises:
        UserError: the precision is not known; raised on all workers.
    """
    usual = workers.everywhere(lambda: resolve(config.precision, device_kind()))
    if config.precision != "auto":
        return usual
    begun = workers.everywhere(lambda: resolve(begun_precision(output) or usual.name, device_kind()))
    names = list(PRECISIONS)
    chosen = PRECISIONS[names[workers.from_chief(names.index(begun.name))]]
    if chosen != usual:
        slow = ", which is slow on a CPU" if (chosen.name, device_kind()) == ("mixed_float16", "cpu") else ""
        why = "in which it began" if begun == chosen and workers.chief else "as the first worker does"
        print(
            f"note: {output}: trains in {chosen.name}, {why}{slow}; --precision auto is {usual.name} here",
            file=sys.stderr,
        )
    return chosen


def layout_of(config: TrainConfig, model, begun: str | None = None) -> str:
    """The layout, "slices", "rows" or "flat": the one requested, or the fastest on this device.

    Args:
        begun: layout in which the training began; None at its start. Dropout masks differ between slices and rows, so a
            training that resumes on another device keeps its kind. Rows and flat have the same masks.

    Raises:
        UserError: "flat" where the fused kernels do not work.
    """
    from lce_tf.kernels import available

    if config.layout in ("slices", "rows"):
        return config.layout
    device = device_kind()
    if config.layout == "auto" and begun == "slices":
        return "slices"
    flat = device == "gpu" and available.fits(model.config, model.precision) and available.works()
    if config.layout == "flat" and not flat:
        raise UserError(
            "--layout flat: the fused kernels need an NVIDIA GPU of compute capability 8.0 or more, --precision "
            "mixed_float16 or mixed_bfloat16, and heads of 32 or 64; give --layout rows"
        )
    return "flat" if flat else "slices" if device == "cpu" and begun is None else "rows"


def plan_packed(config: TrainConfig, layout: str, sampler, packer, model, replicas: int) -> PackedBatches:
    """Packed batches in as few parts as possible, each within `micro_batch` wordpieces or the device's memory."""
    width = rounded(config.sequence_length, WIDTH_MULTIPLE)
    float_bytes = 4 if model.precision.policy == "float32" else 2
    a_row = activation_bytes(model.config, 1, width, float_bytes, attention=layout != "flat")
    room = config.micro_batch or int(SHARE * device_bytes() / a_row) * width
    if config.r_drop:  # both masks' activations are kept
        room //= 2
    return PackedBatches.planned(
        sampler,
        packer,
        config.batch // replicas,
        config.members,
        replicas,
        config.lengths.windows,
        width if layout == "rows" else None,
        room,
        config.steps,
    )


def plan_batch(config: TrainConfig, replicas: int) -> BatchShape:
    """How each of `replicas` replicas slices its share of a batch.

    This does not depend on the device's memory, since dropout masks depend on the slices.
    """
    room = config.micro_batch // config.sequence_length
    width = config.sequence_length if config.strategy == "tpu" else None
    return BatchShape.of(
        config.batch // replicas,
        config.members,
        # A slice must fit into the micro-batch; several slices fill it.
        max(1, min(FEWEST_PAIRS, room)) if config.micro_batch else None,
        windows=config.lengths.windows,
        width=width,
    )


def plan_parts(config: TrainConfig, batches: TrainingBatches, model, replicas: int) -> list[int]:
    """Number of slices computed at a time: as requested, or as many as fit into the device's memory.

    Args:
        replicas: on this machine; its CPU devices share its memory.
    """
    again = 2 if config.r_drop else 1
    float_bytes = 4 if model.precision.policy == "float32" else 2
    sums = 4 * sum(variable.shape.num_elements() for variable in model.trainable_variables)
    if config.micro_batch:
        length = config.sequence_length
        needs = [rows * length for rows in batches.shape.rows] * again
        return slices_per_part(
            needs, config.micro_batch, sums * length / activation_bytes(model.config, 1, length, float_bytes)
        )
    first = [batches.slices(step) for step in range(min(LOOKED_AT, config.steps))]
    needs = [
        max(activation_bytes(model.config, *part, float_bytes) for part in alike) for alike in zip(*first, strict=True)
    ]
    return slices_per_part(needs * again, SHARE * device_bytes() / (replicas if device_kind() == "cpu" else 1), sums)
