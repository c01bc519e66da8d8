"""The facts about an exported model that are written to `lce_tf.json`, and what several formats share."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lce_tf import __version__
from lce_tf.errors import UserError
from lce_tf.exporting.card import check_license
from lce_tf.model import checkpoint, st_layout
from lce_tf.model.framing import PROMPTED
from lce_tf.reranking.opening import Opened

# Of models that take the ids which Hugging Face's tokenizers give; OUTPUTS has their one output.
INPUTS = {
    "input_ids": "int64 [pairs, length], [CLS] query [SEP] passage [SEP] and padding",
    "attention_mask": "int64 [pairs, length], 0 for padding, else 1",
    "token_type_ids": "int64 [pairs, length], 1 for passage [SEP], else 0",
}
OUTPUTS = {"logits": "float32 [pairs, 1], the ranking score, before the activation"}


def inputs_of(opened: Opened) -> dict[str, str]:
    """Those of `INPUTS` that the checkpoint's tokenizer gives: RoBERTa's, for one, has no `token_type_ids`.

    Raises:
        UserError: the model reads a prompt, which its tokenizer does not write.
    """
    kind = checkpoint.trained(opened.folder).config.model_type
    if kind in PROMPTED:
        raise UserError(
            f"{opened.folder}: {kind} reads a prompt, which the tokenizer beside the model would not write; use "
            "--format hf"
        )
    return {name: said for name, said in INPUTS.items() if opened.template.has_types or name != "token_type_ids"}


def refuse_further_settings(opened: Opened) -> None:
    """Raises UserError if the checkpoint has a default prompt or lower-cases texts, which the format cannot express."""
    layout = st_layout.read(opened.folder) if checkpoint.is_public(opened.folder) else st_layout.Layout()
    if layout.prompt or layout.lower:
        what, other = ("do_lower_case", "") if layout.lower else ("default prompt", "--format savedmodel, or ")
        raise UserError(
            f"{opened.folder}: its {what} of sentence-transformers is nothing that this format can say; use "
            f"{other}the folder as it is"
        )


def facts(
    folder: Path, license: str, inputs: Mapping[str, str], outputs: Mapping[str, str], made_with: tuple[str, ...]
) -> dict[str, Any]:
    """Facts for users of the exported model, as JSON values: its inputs, outputs, lengths, activation and versions.

    Args:
        folder: the checkpoint's folder.
        license: SPDX identifier.
        inputs, outputs: name -> dtype, shape and meaning, as text.
        made_with: distributions whose versions are recorded.

    Raises:
        UserError: the licence is not an SPDX identifier.
    """
    check_license(license)
    about = checkpoint.trained(folder)
    config = about.config
    return {
        "model": f"{config.model_type} cross-encoder, {config.num_hidden_layers} layers of {config.hidden_size}",
        "checkpoint": checkpoint.identity(folder),
        "license": license,
        "inputs": dict(inputs),
        "outputs": dict(outputs),
        "lengths": about.lengths.as_json(),
        "activation": about.scoring.activation,
        "versions": {"lce_tf": __version__, **{name: version(name) for name in made_with}},
    }
