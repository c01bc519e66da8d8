"""Weights in and out under Hugging Face's names: safetensors, `tf_model.h5` or `pytorch_model.bin`.

Arrays only are read; nothing in a checkpoint is executed.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.model.config import EncoderConfig
from lce_tf.model.families import FAMILIES

# Parts of a pretraining checkpoint that a cross-encoder has no use for.
EXPECTED_UNUSED = re.compile(
    r"(pooler|cls|discriminator_predictions|generator_predictions|generator_lm_head|classifier)\."
    r"|.*position_ids$|head\."
)
# Where a name of a `tf_model.h5` begins to be PyTorch's: at an encoder's part, or at one of the heads above.
H5_PARTS = re.compile(
    r"embeddings|embeddings_project|encoder|pooler|(\w+___)?cls|discriminator_predictions|generator_\w+|classifier"
)
# Weights that tell a size: the configuration's fields of their axes.
SIZES = {
    "embeddings.word_embeddings.weight": ("vocab_size", "embedding_size"),
    "embeddings.position_embeddings.weight": ("max_position_embeddings", "embedding_size"),
    "embeddings.token_type_embeddings.weight": ("type_vocab_size", "embedding_size"),
    "encoder.layer.0.intermediate.dense.weight": ("intermediate_size", "hidden_size"),
}
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The file's arrays by Hugging Face's PyTorch names without the family prefix, float32.

    Raises:
        UserError: the file is truncated or not of its format.
    """
    readers = {".safetensors": _read_safetensors, ".h5": _read_h5, ".bin": _read_torch}
    try:
        arrays = readers[path.suffix](path)
    except UserError:
        raise
    except Exception as error:  # the libraries raise whatever they like for a torn file
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{path}: cannot be read as weights ({reason[0]}); is it whole?") from error
    return {_canonical(name): array for name, array in arrays.items()}


def check_sizes(config: EncoderConfig, path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Compares a configuration's sizes with the weights', before a model of these sizes is built.

    Raises:
        UserError: the first size that differs; weights that are missing are left to `load_encoder`.
    """
    layers = {int(found[1]) for name in arrays if (found := re.match(r"encoder\.layer\.(\d+)\.", name))}
    if not layers:
        names = "; ".join(sorted(arrays)[:3])
        raise UserError(f"{path}: lacks encoder.layer.0 (it has {names}, …); does it belong to its config.json?")
    sizes = {"num_hidden_layers": max(layers) + 1}
    for name, fields in SIZES.items():
        if name in arrays and arrays[name].ndim == len(fields):
            sizes |= dict(zip(fields, arrays[name].shape, strict=True))
    for field, found in sizes.items():
        if getattr(config, field) != found:
            raise UserError(
                f"{path}: {field} is {found} in its weights and {getattr(config, field)} in its config.json; "
                "they do not belong together"
            )


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
    strange = [name for name in unused if not EXPECTED_UNUSED.match(name)]
    for fault, names in (("lacks", missing), ("has other shapes:", unequal), ("has unknown weights:", strange)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise UserError(f"{path}: {fault} {'; '.join(names[:3])}{more}; does it belong to its config.json?")
    return unused


def encoder_arrays(encoder, prefix: str) -> dict[str, np.ndarray]:
    """The encoder's weights under Hugging Face's PyTorch names with `prefix` ("electra." or "bert.")."""
    arrays = {}
    for names, variable, _, split in _encoder_map(encoder):
        for name, value in zip(names, split(variable.numpy()), strict=True):
            arrays[prefix + name] = np.ascontiguousarray(value, dtype=np.float32)
    return arrays


Mapping = tuple[list[str], object, Callable, Callable]


def _encoder_map(encoder) -> Iterator[Mapping]:
    """(names, variable, join, split): `join` makes the variable's value of the named arrays, `split` undoes it."""
    embeddings = encoder.embeddings
    for name, variable in (
        ("word", embeddings.words),
        ("position", embeddings.positions),
        ("token_type", embeddings.segments),
    ):
        yield [f"embeddings.{name}_embeddings.weight"], variable, _only, _alone
    yield from _norm("embeddings.LayerNorm", embeddings.norm)
    if embeddings.projection is not None:
        yield from _dense(["embeddings_project"], embeddings.projection)
    for i, block in enumerate(encoder.blocks):
        at = f"encoder.layer.{i}."
        yield from _dense([f"{at}attention.self.{part}" for part in ("query", "key", "value")], block.qkv)
        yield from _dense([f"{at}attention.output.dense"], block.attention_output)
        yield from _norm(f"{at}attention.output.LayerNorm", block.attention_norm)
        yield from _dense([f"{at}intermediate.dense"], block.intermediate)
        yield from _dense([f"{at}output.dense"], block.output_)
        yield from _norm(f"{at}output.LayerNorm", block.output_norm)


def _only(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0]


def _alone(value: np.ndarray) -> list[np.ndarray]:
    return [value]


def _norm(name: str, layer) -> Iterator[Mapping]:
    yield [f"{name}.weight"], layer.gamma, _only, _alone
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
    yield (
        [f"{name}.bias" for name in names],
        layer.bias,
        np.concatenate,
        lambda value: np.split(value, parts),
    )


def _canonical(name: str) -> str:
    prefixes = "|".join(re.escape(family.prefix) for family in FAMILIES.values())
    name = re.sub(rf"^(model\.)?({prefixes})\.", "", name)
    for old, new in OLD_NAMES.items():
        name = name.replace(old, new)
    return name


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in file.keys()}
    except TypeError:  # numpy has no bfloat16 of its own
        import torch
        from safetensors.torch import load_file

        return {name: tensor.to(torch.float32).numpy() for name, tensor in load_file(path).items()}


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    import pickle

    import torch

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own message would advise to run it
        raise UserError(
            f"{path}: holds more than arrays, or is torn, and was refused; use a .safetensors file"
        ) from error
    return {name: tensor.to(torch.float32).numpy() for name, tensor in tensors.items()}


def _read_h5(path: Path) -> dict[str, np.ndarray]:
    """Keras's HDF5 of a Hugging Face TensorFlow model, its names and layouts turned into PyTorch's."""
    import h5py

    arrays = {}

    def visit(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        parts = name.removesuffix(":0").split("/")
        # The layer's path repeats the model's name: electra/tf_electra_for_pre_training/electra/encoder/...; a head's
        # group (such as mlm___cls) also repeats the embeddings it is tied to, and those copies stay the head's.
        start = next((i for i, part in enumerate(parts) if H5_PARTS.fullmatch(part)), 0)
        value = np.asarray(item, dtype=np.float32)
        *path_, leaf = parts[start:]
        joined = ".".join(part.replace("layer_._", "layer.").rpartition("___")[2] for part in path_)
        if leaf == "kernel":
            leaf, value = "weight", value.T
        elif leaf == "embeddings":
            leaf = "weight"
        arrays[f"{joined}.{leaf}"] = value

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return arrays
