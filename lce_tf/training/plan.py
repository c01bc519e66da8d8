"""How a training is computed on this device: its precision, its layout, and the batches and the step of that layout.

In either layout, a batch is computed in parts that fit into memory.
"""

import sys
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.groups.packed import PackedBatches
from lce_tf.groups.pipeline import FEWEST_PAIRS, SlicedBatches, slices_of
from lce_tf.groups.sampler import GroupSampler
from lce_tf.model.precision import PRECISIONS, Precision, device_kind, resolve
from lce_tf.tokens.packing import Packer
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
    from lce_tf.model.hashed_dropout import HEAD_ENTRIES

    if config.layout in ("slices", "rows"):
        return config.layout
    device = device_kind()
    if config.layout == "auto" and begun == "slices":
        return "slices"
    # The kernels' dropout has that many entries a head: masks of longer pairs would repeat.
    fits = config.sequence_length <= HEAD_ENTRIES and available.fits(model.config, model.precision)
    flat = device == "gpu" and fits and available.works()
    if config.layout == "flat" and not flat:
        raise UserError(
            "--layout flat: the fused kernels need an NVIDIA GPU of compute capability 8.0 or more, --precision "
            f"mixed_float16 or mixed_bfloat16, heads of 32 or 64, and pairs of at most {HEAD_ENTRIES} wordpieces; give "
            "--layout rows"
        )
    return "flat" if flat else "slices" if device == "cpu" and begun is None else "rows"


def batches_and_step(
    config: TrainConfig,
    layout: str,
    sampler: GroupSampler,
    packer: Packer,
    strategy,
    model,
    objective,
    optimizer,
    replicas_here: int,
):
    """The batches of a layout, and the `Step` that takes them.

    Args:
        replicas_here: number of replicas on this machine; its CPU devices share its memory.
    """
    from lce_tf.training.update import AdamUpdate

    replicas, sliced = strategy.num_replicas_in_sync, layout == "slices"
    in_program = not sliced or config.strategy == "tpu"
    update = AdamUpdate(optimizer, model.trainable_variables, config.clip_norm, in_program)
    if sliced:
        from lce_tf.training.sliced_step import SlicedStep

        batches = sliced_batches(config, sampler, packer, replicas)
        parts = parts_of(config, batches, model, replicas_here)
        return batches, SlicedStep(strategy, model, objective, update, parts, config.xla)

    from lce_tf.model.packed import PackedModel
    from lce_tf.training.packed_step import PackedStep

    batches = packed_batches(config, layout, sampler, packer, model, replicas)
    packed = PackedModel(model, batches.width, kernels=layout == "flat")
    xla = config.xla or device_kind() == "gpu"
    return batches, PackedStep(strategy, model, objective, update, packed, batches.whole, xla)


def packed_batches(config: TrainConfig, layout: str, sampler, packer, model, replicas: int) -> PackedBatches:
    """Packed batches in as few parts as possible, each within `micro_batch` wordpieces or the device's memory."""
    width = rounded(config.sequence_length, WIDTH_MULTIPLE)
    a_row = activation_bytes(model.config, 1, width, _float_bytes(model), attention=layout != "flat")
    room = config.micro_batch or int(SHARE * device_bytes() / a_row) * width
    if config.r_drop:  # both masks' activations are kept
        room //= 2
    width = width if layout == "rows" else None
    return PackedBatches.planned(sampler, packer, config.batch // replicas, replicas, width, room, config.steps)


def sliced_batches(config: TrainConfig, sampler, packer, replicas: int) -> SlicedBatches:
    """Each of `replicas` replicas' share of a batch in slices.

    They do not depend on the device's memory, since dropout masks depend on the slices.
    """
    width = config.sequence_length if config.strategy == "tpu" else None
    batches = SlicedBatches(sampler, packer, config.batch // replicas, replicas, width=width)
    if config.micro_batch:
        # A slice must fit into the micro-batch; several slices fill it.
        most = max(1, min(FEWEST_PAIRS, config.micro_batch // config.sequence_length))
        batches.slices = slices_of(batches.pairs, most)
    return batches


def parts_of(config: TrainConfig, batches: SlicedBatches, model, replicas_here: int) -> list[int]:
    """Number of slices computed at a time: as requested, or as many as fit into the device's memory."""
    again, float_bytes = 2 if config.r_drop else 1, _float_bytes(model)
    sums = 4 * sum(variable.shape.num_elements() for variable in model.trainable_variables)
    if config.micro_batch:
        length = config.sequence_length
        needs = [rows * length for rows in batches.rows] * again
        return slices_per_part(
            needs, config.micro_batch, sums * length / activation_bytes(model.config, 1, length, float_bytes)
        )
    first = [batches.shapes(step) for step in range(min(LOOKED_AT, config.steps))]
    needs = [
        max(activation_bytes(model.config, *shape, float_bytes) for shape in alike)
        for alike in zip(*first, strict=True)
    ]
    memory = SHARE * device_bytes() / (replicas_here if device_kind() == "cpu" else 1)
    return slices_per_part(needs * again, memory, sums)


def _float_bytes(model) -> int:
    """Bytes of an activation."""
    return 4 if model.precision.activations == "float32" else 2


def said_of(layout: str, batches: PackedBatches) -> str:
    """One line about packed batches: parts, sizes, and the share of real wordpieces."""
    sizes, twice = ", ".join(map(str, batches.sizes)), "" if batches.whole else "; all are scored before their gradient"
    real = f"{batches.efficiency():.1%} of them real"
    return f"layout {layout}: {batches.parts} part(s) of {sizes} wordpieces, {real}{twice}"
