"""Averages the weights of several checkpoints of the same shape into one checkpoint."""

import hashlib
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.files import built_folder, make_folder, vacant
from lce_tf.foundation.locks import alone
from lce_tf.foundation.settings import check, setting
from lce_tf.fusion.fuse import weights_of
from lce_tf.fusion.inputs import repeated
from lce_tf.model import checkpoint, hub, st_layout
from lce_tf.model.config import EncoderConfig
from lce_tf.model.framing import template_entry


@dataclass(frozen=True)
class SoupConfig:
    """Settings of `soup`: the checkpoints, their weights in the average, and the output.

    Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", ICML 2022.

    Attributes:
        checkpoints: two or more, trained from the same backbone; each is anything that `lce rerank --checkpoint` takes.
        output: the folder to write, new or empty.
    """

    checkpoints: tuple[str, ...] = setting()
    output: str = setting()
    weights: tuple[float, ...] | None = setting(
        None,
        "one for each checkpoint, such as 1,3; their sum is brought to 1 (default: all the same)",
        read=weights_of,
        metavar="W,W",
    )

    def __post_init__(self):
        check(self)
        if len(self.checkpoints) < 2:
            raise UserError(f"{' '.join(self.checkpoints) or 'no checkpoint'}: give two checkpoints or more to average")
        if (again := repeated(self.checkpoints)) is not None:
            raise UserError(f"{again}: is given twice; name each checkpoint once, and give it more of --weights")
        if self.weights is None:
            return
        if len(self.weights) != len(self.checkpoints):
            raise UserError(
                f"--weights: {len(self.weights)} for {len(self.checkpoints)} checkpoints; give one for each"
            )
        if not all(0 <= weight < float("inf") for weight in self.weights) or not any(self.weights):
            raise UserError(f"--weights {self.weights}: give numbers of 0 or more, not all 0")

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights divided by their sum; equal weights if none are given."""
        weights = self.weights or (1.0,) * len(self.checkpoints)
        power = math.frexp(max(weights))[1]  # the sum of large weights as they are can be infinite
        weights = [math.ldexp(weight, -power) for weight in weights]
        return tuple(weight / sum(weights) for weight in weights)


def soup(config: SoupConfig) -> Path:
    """Writes a checkpoint whose float32 weights are the average of the given ones, and returns its folder.

    Sums are computed in float64. The configuration and the tokenizer are the first checkpoint's; "soup" under the
    configuration's "lce_tf" key lists the averaged checkpoints and their shares.

    Raises:
        UserError: a checkpoint cannot be loaded, the checkpoints differ in shape, scoring, lengths or tokenizer, or the
            output exists and is not an empty folder.
    """
    output = vacant(config.output)
    make_folder(output.parent)
    folders = [checkpoint.locate(name) for name in config.checkpoints]
    watched = [hub.watched(folder) for folder in folders]
    first = _facts(folders[0])
    for folder in folders[1:]:
        _refuse_unlike(folders[0], first, folder, _facts(folder))
    with alone(output):
        model, sums = checkpoint.load(folders[0]), None
        for folder, share in zip(folders, config.shares, strict=True):
            loaded = model if folder == folders[0] else checkpoint.load(folder)
            arrays = [variable.numpy().astype(np.float64) * share for variable in loaded.trainable_variables]
            sums = arrays if sums is None else [total + part for total, part in zip(sums, arrays, strict=True)]
        for one in watched:
            one.check()
        for variable, total in zip(model.trainable_variables, sums, strict=True):
            variable.assign(total.astype(np.float32))
        about = {
            "soup": [
                {"checkpoint": name, "identity": checkpoint.identity(folder), "share": share}
                for name, folder, share in zip(config.checkpoints, folders, config.shares, strict=True)
            ]
        }
        trained = checkpoint.trained(folders[0])
        about |= template_entry(folders[0], trained.config)
        with built_folder(output) as scratch:
            checkpoint.save(model, scratch, folders[0], trained.lengths, about)
    return output


def _facts(folder: Path) -> dict[str, Any]:
    """Name -> value of everything that averaged checkpoints must have in common.

    These are the fields of the configuration, scoring and lengths, a hash of each tokenizer file (None: missing), and
    the template of pairs (None: BERT's).

    Raises:
        UserError: it is no checkpoint, or has a setting that an average would lose.
    """
    about = checkpoint.trained(folder)
    _refuse_lost(folder, about.config)
    facts: dict[str, Any] = {}
    for part in (about.config, about.scoring, about.lengths):
        facts |= {one.name: value for one, value in zip(fields(part), asdict(part).values(), strict=True)}
    for name in hub.TOKENIZER_FILES:
        file = folder / name
        facts[name] = hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else None
    return facts | {"template": template_entry(folder, about.config).get("template")}


def _refuse_lost(folder: Path, config: EncoderConfig) -> None:
    """Raises UserError if the checkpoint has a setting of sentence-transformers that `checkpoint.save` cannot write."""
    layout = st_layout.read(folder) if checkpoint.is_public(folder) else st_layout.Layout()
    lost = {"a default prompt": layout.prompt, "do_lower_case": layout.lower}
    lost["pooling by the mean"] = not config.told
    if what := next((name for name, there in lost.items() if there), None):
        raise UserError(
            f"{folder}: has {what} in its sentence-transformers files, which an average of checkpoints would lose; "
            "average the scores with lce fuse instead"
        )


def _refuse_unlike(one: Path, facts: dict[str, Any], other: Path, found: dict[str, Any]) -> None:
    for name, value in facts.items():
        if found.get(name) != value:
            raise UserError(
                f"{other}: its {name} is {found.get(name)}, that of {one} {value}; only checkpoints of one shape and "
                "one tokenizer can be averaged"
            )
