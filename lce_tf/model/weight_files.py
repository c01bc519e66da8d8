"""Weights as arrays under Hugging Face's names, from safetensors, `pytorch_model.bin` or `tf_model.h5`.

Only arrays are read; nothing in a checkpoint is executed.
"""

import re
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.files import read_json
from lce_tf.model.families import FAMILIES

# Heads whose names in a `tf_model.h5` are those of PyTorch, as the names of an encoder's parts are.
H5_HEADS = r"pooler|(\w+___)?cls|discriminator_predictions|generator_\w+|classifier|pre_classifier"
OLD_NAMES = {"gamma": "weight", "beta": "bias"}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """A weight file's arrays, or those of all files that an index names, float32.

    Their names are those of Hugging Face's PyTorch classes without the family's prefix.

    Raises:
        UserError: the file is truncated or not of its format, or PyTorch is missing, which reads `.bin`.
    """
    try:
        arrays = READERS[path.suffix](path)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path}: is read by {error.name}, which is not installed; pip install -c requirements.lock {error.name}, "
            "or use a .safetensors file"
        ) from error
    except Exception as error:  # the libraries raise whatever they like for a torn file
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{path}: cannot be read as weights ({reason[0]}); is it whole?") from error
    return {canonical(name): array for name, array in arrays.items()}


def canonical(name: str) -> str:
    """A weight's name without its family's prefix and wrappers' prefixes; gamma and beta become weight and bias."""
    prefixes = "|".join(re.escape(family.prefix) for family in FAMILIES.values() if family.prefix)
    name = re.sub(rf"^((module|model)\.)*(({prefixes})\.)?", "", name)
    start, _, leaf = name.rpartition(".")
    return f"{start}.{OLD_NAMES[leaf]}" if leaf in OLD_NAMES else name


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    import ml_dtypes  # noqa: F401  # gives NumPy bfloat16
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in file.keys()}


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

    arrays, known = {}, _h5_parts()

    def visit(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        parts = name.removesuffix(":0").split("/")
        # The layer's path repeats the model's name: electra/tf_electra_for_pre_training/electra/encoder/...; a head's
        # group (such as mlm___cls) also repeats the embeddings it is tied to, and those copies keep the head's name.
        start = next((i for i, part in enumerate(parts) if known.fullmatch(part)), 0)
        if not start and parts[0] in parts[1:-1]:  # classifier/tf_bert_for_sequence_classification/classifier/kernel
            start = parts.index(parts[0], 1)
        value = np.asarray(item, dtype=np.float32)
        *path_, leaf = parts[start:]
        joined = ".".join(part.replace("_._", ".").rpartition("___")[2] for part in path_)
        if leaf == "kernel":
            leaf, value = "weight", value.T
        elif leaf == "embeddings":
            leaf = "weight"
        arrays[f"{joined}.{leaf}"] = value

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return arrays


def _h5_parts() -> re.Pattern:
    """Matches the part of a path in a `tf_model.h5` at which PyTorch's name begins: an encoder's part, or a head."""
    names = (name for family in FAMILIES.values() for name in family.names.values())
    firsts = {(name if isinstance(name, str) else name[0]).partition(".")[0] for name in names}
    return re.compile("|".join([*sorted(firsts), H5_HEADS]))


def _read_sharded(path: Path) -> dict[str, np.ndarray]:
    """The arrays of all files that an index names."""
    arrays = {}
    for file in shards(path):
        if not file.is_file():
            raise UserError(f"{file}: no such file, and {path.name} names it")
        arrays |= READERS[file.suffix](file)
    return arrays


def shards(index: Path) -> list[Path]:
    """The files beside an index that hold the weights which it names, in the order of their names.

    Raises:
        UserError: the file is not an index of weight files.
    """
    values = read_json(index)
    named = values.get("weight_map") if isinstance(values, dict) else None
    names = sorted(set(named.values())) if isinstance(named, dict) and all(map(_file_name, named.values())) else []
    if not names:
        raise UserError(f"{index}: is no index of weight files; it is to name them under weight_map")
    return [index.parent / name for name in names]


def _file_name(name) -> bool:
    return isinstance(name, str) and Path(name).name == name and Path(name).suffix in (".safetensors", ".bin")


READERS = {".safetensors": _read_safetensors, ".h5": _read_h5, ".bin": _read_torch, ".json": _read_sharded}
