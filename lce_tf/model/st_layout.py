"""Settings in sentence-transformers' own files: modules, prompts, lengths, case, activation.

As in that library, they are used only if there is a `modules.json`: those of a cross-encoder if
`config_sentence_transformers.json` calls the model a CrossEncoder, those of an encoder of texts otherwise.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.files import read_json

MODULES_FILE, SETTINGS_FILE = "modules.json", "config_sentence_transformers.json"
# The settings of the module that holds the model, newest name first.
TRANSFORMER_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
)
# Older names of some of their keys -> today's.
RENAMED = {"model_args": "model_kwargs", "tokenizer_args": "processor_kwargs", "config_args": "config_kwargs"}
CLASSIFIES = "sequence-classification"
ENCODES = "SentenceTransformer"  # the kind of model that these files describe unless they name another


class Layout(NamedTuple):
    """The settings in the files; the defaults are those of a folder without them.

    Attributes:
        cross_encoder: whether the files are used.
        activation: the class named as the function of scores; None: none is named.
        prompt: text put before each query.
        lower: whether texts are put in lower case first.
        tokenizer_limit: maximum tokens of a pair, in place of the tokenizer's own limit.
        limit: maximum tokens of a pair, whatever the tokenizer's limit.
        truncation: "longest_first" or "only_second".
        side: the end at which texts are cut; None: the tokenizer's.
        pooling: how an encoder's vectors are pooled for a Dense module, "cls" or "mean"; None: the model has a head.
        dense: folders of the Dense modules, in their order.
        outputs: number of scores of the last Dense module; None: there is none.
    """

    cross_encoder: bool = False
    activation: str | None = None
    prompt: str = ""
    lower: bool = False
    tokenizer_limit: int | None = None
    limit: int | None = None
    truncation: str = "longest_first"
    side: str | None = None
    pooling: str | None = None
    dense: tuple[Path, ...] = ()
    outputs: int | None = None


def read(folder: Path) -> Layout:
    """The layout of the cross-encoder in `folder`.

    Raises:
        UserError: a module or setting that changes scores in a way that is not supported, or a value that no setting
            has.
    """
    if not (folder / MODULES_FILE).is_file():
        return Layout()
    settings = json_object(folder / SETTINGS_FILE)
    if settings.get("model_type", ENCODES) != "CrossEncoder":
        return Layout()
    try:
        return _layout(folder, settings)
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder / MODULES_FILE}: it, or a file of its modules, holds a value that sentence-transformers does not "
            f"write ({error})"
        ) from error


def _layout(folder: Path, settings: dict[str, Any]) -> Layout:
    transformer = transformer_settings(folder)
    part = transformer.get("processor_kwargs") or {}
    text = {**(transformer.get("processing_kwargs") or {}).get("text", {})}
    pooling, dense, outputs = _modules(folder, transformer)
    return Layout(
        True,
        settings.get("activation_fn"),
        _prompt(settings, folder / SETTINGS_FILE),
        bool(transformer.get("do_lower_case")),
        part.get("model_max_length") or transformer.get("max_seq_length"),
        text.get("max_length"),
        "only_second" if text.get("truncation") == "only_second" else "longest_first",
        part.get("truncation_side"),
        pooling,
        dense,
        outputs,
    )


class Encoding(NamedTuple):
    """How a text becomes a vector.

    Attributes:
        pooling: of the tokens' vectors.
        similarity: how vectors are compared, "cosine" or "dot".
        prompts: text put before a "query" or a "passage"; {} for none.
        lower: whether texts are put in lower case first.
    """

    pooling: str = "mean"
    similarity: str = "cosine"
    prompts: Mapping[str, str] = MappingProxyType({})
    lower: bool = False


def encoding(folder: Path, pooling: str | None = None, similarity: str | None = None) -> Encoding:
    """How the SentenceTransformer in `folder` encodes a text; the default where there is none.

    Args:
        pooling, similarity: take the place of those in the files.

    Raises:
        UserError: a module or setting that changes vectors in a way that is not supported.
    """
    settings = json_object(folder / SETTINGS_FILE)
    if not (folder / MODULES_FILE).is_file() or settings.get("model_type", ENCODES) != ENCODES:
        return Encoding(pooling or "mean", similarity or "cosine")
    for kind, module in (listed := modules(folder)):
        if kind not in ("Transformer", "Pooling", "Normalize"):
            file = folder / MODULES_FILE
            raise UserError(f"{file}: the module {kind} in {module.name} of an encoder is not supported")
        if kind == "Pooling" and pooling is None:
            pooling = _pooling(module)
    if settings.get("truncate_dim"):
        shorter = f"shortens vectors to {settings['truncate_dim']!r:.20} numbers, which is not supported"
        raise UserError(f"{folder / SETTINGS_FILE}: truncate_dim {shorter}; set it to null for whole vectors")
    prompts = settings["prompts"] if isinstance(settings.get("prompts"), dict) else {}
    # The names that encode_query and encode_document know.
    names = {"query": ("query",), "passage": ("document", "passage", "corpus")}
    found = {kind: next((str(prompts[name]) for name in of if prompts.get(name)), "") for kind, of in names.items()}
    named = settings.get("similarity_fn_name")
    if similarity is None and named not in (None, "cosine", "dot"):
        raise UserError(f"{folder / SETTINGS_FILE}: compares vectors by {named!r}; give --similarity cosine or dot")
    if similarity is None and named == "dot" and "Normalize" not in dict(listed):
        similarity = "dot"
    lower = bool(transformer_settings(folder).get("do_lower_case"))
    return Encoding(pooling or "mean", similarity or "cosine", found if any(found.values()) else {}, lower)


def transformer_settings(folder: Path) -> dict[str, Any]:
    """The settings of the module that holds the model, under today's names."""
    for name in TRANSFORMER_FILES:
        if values := json_object(folder / name):
            return {RENAMED.get(key, key): value for key, value in values.items()}
    return {}


def json_object(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is no such file."""
    value = read_json(file) if file.is_file() else {}
    if not isinstance(value, dict):
        raise UserError(f"{file}: is not a JSON object")
    return value


def files(folder: Path) -> list[Path]:
    """The existing files from which the layout and the modules' weights are read."""
    if not (folder / MODULES_FILE).is_file():
        return []
    names = [MODULES_FILE, SETTINGS_FILE, *TRANSFORMER_FILES]
    parts = [file for module in folder.glob("[0-9]*_*") for file in module.glob("*") if not file.name.startswith(".")]
    return [folder / name for name in names if (folder / name).is_file()] + sorted(parts)


def modules(folder: Path) -> list[tuple[str, Path]]:
    """The modules of a folder in their order: name of the class, and folder."""
    file = folder / MODULES_FILE
    found = read_json(file)
    if not isinstance(found, list) or not all(isinstance(one, dict) and "type" in one for one in found):
        raise UserError(f"{file}: is not a list of modules")
    return [(str(one["type"]).rpartition(".")[2], folder / str(one.get("path") or "")) for one in found]


def folded(arrays: dict[str, np.ndarray], dense: list[dict[str, np.ndarray]], head: str) -> dict[str, np.ndarray]:
    """The weights, with the linear modules after the head multiplied into the head's last layer.

    Args:
        arrays: weights by their names, [outputs, inputs] as PyTorch keeps them.
        dense: the weights of each module, in their order.
        head: name of the head's last layer.
    """
    weight, bias = (arrays.get(f"{head}.{part}") for part in ("weight", "bias"))
    if weight is None:
        return arrays
    weight, bias = weight.astype(np.float64), np.zeros(len(weight)) if bias is None else bias.astype(np.float64)
    for module in dense:
        matrix = module["linear.weight"].astype(np.float64)
        weight, bias = matrix @ weight, matrix @ bias + module.get("linear.bias", np.zeros(len(matrix)))
    return {**arrays, f"{head}.weight": weight.astype(np.float32), f"{head}.bias": bias.astype(np.float32)}


def _prompt(settings: dict[str, Any], file: Path) -> str:
    name, prompts = settings.get("default_prompt_name"), settings.get("prompts") or {}
    if name is None:
        return ""
    if name not in prompts:
        raise UserError(f"{file}: default_prompt_name is {name!r}, which prompts do not have")
    return prompts[name] or ""


def _modules(folder: Path, transformer: dict[str, Any]) -> tuple[str | None, tuple[Path, ...], int | None]:
    """How vectors are pooled, the folders of the linear modules after the model, and the last one's outputs."""
    (first, place), *rest = modules(folder)
    file = folder / MODULES_FILE
    if first != "Transformer" or place != folder:
        raise UserError(f"{file}: its first module is a {first} in {place}; known is a Transformer in the folder")
    task = transformer.get("transformer_task", "feature-extraction")
    pooling, feature = None, "scores"
    if task != CLASSIFIES:
        if not rest or rest[0][0] != "Pooling":
            raise UserError(f"{file}: an encoder without a head, and no Pooling after it; it gives no scores")
        pooling, feature = _pooling(rest.pop(0)[1]), "sentence_embedding"
        if not rest:
            raise UserError(f"{file}: an encoder and a Pooling without a Dense; it gives no scores")
    outputs = None
    for kind, module in rest:
        if kind != "Dense":
            raise UserError(f"{file}: the module {kind} in {module.name} is not supported; known are Pooling and Dense")
        outputs = _outputs(module / "config.json", feature)
        feature = "scores"
    return pooling, tuple(module for _, module in rest), outputs


def _pooling(module: Path) -> str:
    values = json_object(module / "config.json")
    mode = values.get("pooling_mode") or ",".join(
        name.removeprefix("pooling_mode_")
        for name, chosen in values.items()
        if name.startswith("pooling_mode_") and chosen
    )
    mode = mode if isinstance(mode, str) else ",".join(map(str, mode))
    if values.get("include_prompt") is False:
        raise UserError(f"{module / 'config.json'}: include_prompt is false; prompts cannot be left out of the pooling")
    mode = ",".join(map(str, mode)) if isinstance(mode, list) else mode  # several vectors, one after the other
    known = {"cls": "cls", "cls_token": "cls", "mean": "mean", "mean_tokens": "mean"}
    if mode not in known:
        raise UserError(f"{module / 'config.json'}: pools by {mode!r}; known are cls and mean")
    return known[mode]


def _outputs(file: Path, feature: str) -> int:
    """The number of scores of a Dense module; the module must be linear and read `feature`."""
    values = json_object(file)
    activation = values.get("activation_function", "torch.nn.modules.activation.Tanh")
    if activation not in ("torch.nn.modules.linear.Identity", "torch.nn.Identity"):
        raise UserError(f"{file}: applies {activation} to what it computes; only the identity is supported")
    if values.get("use_residual"):
        raise UserError(f"{file}: use_residual is set; only a plain linear layer is supported")
    read = values.get("module_input_name", "sentence_embedding")
    if read != feature or values.get("module_output_name") not in ("scores", None if feature == "scores" else "scores"):
        raise UserError(f"{file}: goes from {read} to {values.get('module_output_name')}; known is {feature} to scores")
    return int(values.get("out_features", 0))
