"""A student to be trained: a cross-encoder with some of a teacher's layers."""

from dataclasses import replace
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.model.config import EncoderConfig
from lce_tf.model.framing import template_entry

PICKS = ("even", "first", "last")


def picked(depth: int, layers: int, pick: str) -> list[int]:
    """Which of `depth` layers, counted from 0, a student of `layers` layers keeps.

    "even" spaces them evenly, the first and the last one included, as DistilBERT's 6 of 12 are 0, 2, 4, 7, 9, 11 (Sanh
    et al. 2019, section 2, "student initialization").

    Raises:
        UserError: a student would not be smaller than its teacher.
    """
    if not 1 <= layers < depth:
        raise UserError(f"--layers {layers}: the checkpoint has {depth}; give 1 to {depth - 1}")
    if pick == "first":
        return list(range(layers))
    if pick == "last":
        return list(range(depth - layers, depth))
    steps = max(layers - 1, 1)
    return [(2 * index * (depth - 1) + steps) // (2 * steps) for index in range(layers)]


def student_config(config: EncoderConfig, kept: list[int]) -> EncoderConfig:
    """The shape of an encoder with only the layers `kept` of one of shape `config`.

    Raises:
        UserError: the layers share their weights, the first layer of the family cannot be any other, or a student's
            `config.json` could not say which vector is scored.
    """
    family, layers = config.family, len(kept)
    if family.shares:
        raise UserError(
            f"--layers {layers}: {family.title}'s layers share their weights, so fewer layers are no smaller model"
        )
    if not family.first_norm and kept[0] != 0:
        raise UserError(
            f"--layers {layers}: keeps layer {kept[0]} as the first, but {family.title}'s first layer is unlike the "
            "others: it has no norm before its attention; give --pick even or first"
        )
    if not config.told:
        raise UserError(
            f"--layers {layers}: the checkpoint's modules of sentence-transformers pool by the mean, which a student "
            f"of {family.title} would lose; train it with lce train, --layers and --teacher"
        )
    kinds = tuple(config.layer_types[index] for index in kept) if config.layer_types else ()
    return replace(config, num_hidden_layers=layers, layer_types=kinds)


def write_student(teacher: Path, kept: list[int], folder: Path) -> None:
    """Writes the teacher with only the layers `kept`, as a folder that training can use as its backbone."""
    from lce_tf.model.cross_encoder import CrossEncoder

    about = checkpoint.trained(teacher)
    model = checkpoint.load(teacher)
    student = CrossEncoder(student_config(about.config, kept), about.scoring)
    blocks = model.encoder.blocks
    for block, index in zip(student.encoder.blocks, kept, strict=True):
        _copy(blocks[index].variables, block.variables)
    _copy(_outside(model.encoder), _outside(student.encoder))
    _copy(model.head.variables, student.head.variables)
    checkpoint.save(student, folder, teacher, about.lengths, {"layers": kept, **template_entry(teacher, about.config)})


def _outside(encoder) -> list:
    """The variables of an encoder outside its blocks."""
    inside = {id(variable) for block in encoder.blocks for variable in block.variables}
    return [variable for variable in encoder.variables if id(variable) not in inside]


def _copy(sources: list, targets: list) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.assign(source)
