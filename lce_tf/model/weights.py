"""An encoder's weights in and out under Hugging Face's names."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.model.config import EncoderConfig
from lce_tf.model.weight_files import read_arrays

# Parts of a checkpoint that a cross-encoder does not use: heads, and buffers that were once saved as weights.
EXPECTED_UNUSED = re.compile(
    r"(pooler|cls|discriminator_predictions|generator_predictions|generator_lm_head|classifier|pre_classifier"
    r"|lm_head|predictions|sop_classifier|vocab_transform|vocab_layer_norm|vocab_projector|qa_outputs)\."
    r"|.*(position_ids|token_type_ids)$|head\."
)
# Parts whose shapes are compared with the configuration -> its field for each axis.
SIZES = {
    "words": ("vocab_size", "embedding_size"),
    "positions": ("max_position_embeddings", "embedding_size"),
    "segments": ("type_vocab_size", "embedding_size"),
    "intermediate": ("intermediate_size", "hidden_size"),
}
# Layers of an encoder's block, and of a decoder's block, besides "output".
BLOCK_PARTS = ("qkv", "attention_output", "attention_norm", "intermediate", "output_norm", "position_key")
BLOCK_PARTS += ("position_query",)
DECODER_PARTS = ("self_norm", "self_value", "self_output", "cross_norm", "cross_query", "cross_key_value")
DECODER_PARTS += ("cross_output", "feed_norm", "intermediate")


def check_sizes(config: EncoderConfig, path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Compares a configuration's sizes with the weights', before a model of these sizes is built.

    Raises:
        UserError: the first size that differs; weights that are missing are left to `load_encoder`.
    """
    names = config.family.names
    layers = {number for name in arrays if (number := _layer_of(config, name)) is not None}
    if not layers:
        start, found = names["attention_output"].partition("{")[0], "; ".join(sorted(arrays)[:3])
        raise UserError(f"{path}: lacks {start}0 (it has {found}, …); does it belong to its config.json?")
    sizes = {"num_hidden_groups" if config.family.shares else "num_hidden_layers": max(layers) + 1}
    for part, fields in SIZES.items():
        name = names.get(part, "")
        name = f"{name.format(i=0, group=0, inner=0)}.weight"
        if name in arrays and arrays[name].ndim == len(fields):
            found = list(arrays[name].shape)
            found[0] //= 1 + (part == "intermediate" and config.gated)
            sizes |= dict(zip(fields, found, strict=True))
    for field, found in sizes.items():
        if getattr(config, field) != found:
            raise UserError(
                f"{path}: {field} is {found} in its weights and {getattr(config, field)} in its config.json; "
                "they do not belong together"
            )


def first_layers(
    config: EncoderConfig, arrays: dict[str, np.ndarray], layers: int
) -> tuple[EncoderConfig, dict[str, np.ndarray]]:
    """The configuration and the weights of an encoder of which only the first `layers` layers are kept.

    Raises:
        UserError: the encoder has fewer layers, or its layers share their weights.
    """
    depth = config.num_hidden_layers
    if layers > depth:
        raise UserError(f"--layers {layers}: the backbone has {depth}; give 1 to {depth}, or 0 for all")
    if config.family.shares:
        raise UserError(f"--layers {layers}: {config.family.title}'s layers share their weights; leave it out")
    kept = {name: array for name, array in arrays.items() if (_layer_of(config, name) or 0) < layers}
    return replace(config, num_hidden_layers=layers, layer_types=config.layer_types[:layers]), kept


def _layer_of(config: EncoderConfig, name: str) -> int | None:
    """The number of the layer, or of ALBERT's group of layers, that a weight belongs to; None for any other weight."""
    start = config.family.names["attention_output"].partition("{")[0]
    found = re.match(rf"{re.escape(start)}(\d+)\.", name)
    return int(found[1]) if found else None


def load_encoder(encoder, path: Path, arrays: dict[str, np.ndarray] | None = None) -> list[str]:
    """Fills an `Encoder` from a weight file and returns the names left unused.

    Raises:
        UserError: a weight is missing, has another shape, or one is left over that no pretraining head explains.
    """
    arrays = read_arrays(path) if arrays is None else arrays
    used, missing, unequal = set(), [], []
    for names, variable, join, split in _encoder_map(encoder):
        absent = [name for name in names if name not in arrays]
        if absent:
            missing += absent
            continue
        used.update(names)
        wanted = [part.shape for part in split(np.empty(variable.shape))]
        faults = [
            f"{name} is {list(arrays[name].shape)}, the configuration wants {list(shape)}"
            for name, shape in zip(names, wanted, strict=True)
            if arrays[name].shape != shape
        ]
        unequal += faults
        if not faults:
            variable.assign(join([arrays[name] for name in names]))
    unused = sorted(set(arrays) - used)
    more = encoder.config.family.unused
    strange = [name for name in unused if not EXPECTED_UNUSED.match(name) and not (more and re.match(more, name))]
    for fault, names in (("lacks", missing), ("has other shapes:", unequal), ("has unknown weights:", strange)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise UserError(f"{path}: {fault} {'; '.join(names[:3])}{more}; does it belong to its config.json?")
    return unused


def encoder_arrays(encoder, prefix: str) -> dict[str, np.ndarray]:
    """The encoder's weights under Hugging Face's PyTorch names after `prefix`, such as "electra."."""
    arrays = {}
    for names, variable, _, split in _encoder_map(encoder):
        for name, value in zip(names, split(variable.numpy()), strict=True):
            arrays[prefix + name] = np.ascontiguousarray(value, dtype=np.float32)
    return arrays


Mapping = tuple[list[str], object, Callable, Callable]


def _encoder_map(encoder) -> Iterator[Mapping]:
    """(names, variable, join, split): `join` makes the variable's value of the named arrays, `split` undoes it."""
    config = encoder.config
    for part, layer, number in _parts(encoder):
        gated = part.replace("intermediate", "gated_intermediate")
        names = config.family.names[gated if config.gated and gated in config.family.names else part]
        group, inner = divmod(number, config.inner_group_num)
        names = [
            name.format(i=number, group=group, inner=inner) for name in ([names] if isinstance(names, str) else names)
        ]
        if hasattr(layer, "kernel"):
            yield from _dense(names, layer)
        elif hasattr(layer, "gamma"):
            yield from _norm(*names, layer)
        else:
            yield [f"{names[0]}.weight"], layer, _only, _alone


def _parts(encoder) -> Iterator[tuple[str, object, int]]:
    """(part as `Family.names` calls it, its layer or table, the number of its layer) of all weights of an `Encoder`."""
    embeddings, attention = encoder.embeddings, encoder.attention
    whole = {"words": embeddings.words, "positions": embeddings.positions, "segments": embeddings.segments}
    whole |= {"embedding_norm": embeddings.norm, "projection": embeddings.projection}
    whole |= {"relative": getattr(attention, "table", None), "relative_norm": getattr(attention, "norm", None)}
    whole |= {"final_norm": encoder.final_norm}
    yield from ((part, layer, 0) for part, layer in whole.items() if layer is not None)
    for number, block in enumerate(encoder.blocks):
        parts = {name: getattr(block, name) for name in BLOCK_PARTS} | {"output": block.output_}
        yield from ((part, layer, number) for part, layer in parts.items() if layer is not None)
    if encoder.decoder is not None:
        yield "decoder.final_norm", encoder.decoder.final_norm, 0
        for number, block in enumerate(encoder.decoder.blocks):
            parts = {name: getattr(block, name) for name in DECODER_PARTS} | {"output": block.output_}
            yield from ((f"decoder.{part}", layer, number) for part, layer in parts.items())


def _only(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0]


def _alone(value: np.ndarray) -> list[np.ndarray]:
    return [value]


def _norm(name: str, layer) -> Iterator[Mapping]:
    yield [f"{name}.weight"], layer.gamma, _only, _alone
    if layer.beta is not None:
        yield [f"{name}.bias"], layer.beta, _only, _alone


def _dense(names: list[str], layer) -> Iterator[Mapping]:
    """PyTorch keeps [outputs, inputs]; ours is [inputs, outputs], with fused layers side by side."""
    parts = len(names)
    yield (
        [f"{name}.weight" for name in names],
        layer.kernel,
        lambda arrays: np.concatenate([array.T for array in arrays], axis=1),
        lambda value: [part.T for part in np.split(value, parts, axis=1)],
    )
    if layer.bias is not None:
        yield (
            [f"{name}.bias" for name in names],
            layer.bias,
            np.concatenate,
            lambda value: np.split(value, parts),
        )
