"""The output folder of an export, and the description of the exported model."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lce_tf import __version__
from lce_tf.errors import UserError
from lce_tf.exporting.card import check_license
from lce_tf.model import checkpoint


def vacant(output: str | Path) -> Path:
    """The output folder; raises a UserError if it is not a folder or not empty."""
    output = Path(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"--output {output}: exists already; choose another, or delete it first")
    return output


def facts(
    folder: Path, license: str, inputs: Mapping[str, str], outputs: Mapping[str, str], made_with: tuple[str, ...]
) -> dict[str, Any]:
    """What users of the exported model must know about it, ready for JSON.

    Args:
        folder: the checkpoint's.
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
