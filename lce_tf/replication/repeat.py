"""A finished training or reranking done again from what its manifest records, and compared with what is there."""

import json
import os
from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from lce_tf.data.hashes import file_sha256
from lce_tf.errors import UserError
from lce_tf.foundation.disk import RERANKED, TRAINING
from lce_tf.foundation.files import sha256_of
from lce_tf.foundation.settings import check_types
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.model import checkpoint
from lce_tf.reranking.outputs import check_sums, manifest_file, read_manifest, scores_file
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.reranking.shards import Shard
from lce_tf.training.config import TrainConfig
from lce_tf.training.inputs import read_inputs
from lce_tf.training.job import train
from lce_tf.training.records import inputs_before, versions

# The files of a trained checkpoint that are compared.
WEIGHTS = ("model.safetensors", "config.json")
# How the name of a repetition ends unless another is given.
ENDING = ".repeat"


class Compared(NamedTuple):
    """A file of the product, and its SHA-256 at first (`before`) and when repeated (`now`)."""

    file: str
    before: str
    now: str

    @property
    def agrees(self) -> bool:
        """Whether both are the same to the byte."""
        return self.before == self.now

    def __str__(self) -> str:
        if self.agrees:
            return f"{self.file}: the same, SHA-256 {self.now[:16]}"
        return f"{self.file}: differs, SHA-256 {self.before[:16]} before and {self.now[:16]} now"


def found(product: str | Path) -> list[Path]:
    """The trainings and reranked runs at `product`: itself, or all in a folder that `lce tables` made.

    Repetitions of an earlier call, which lie beside those trainings, are left out.

    Raises:
        UserError: there is none.
    """
    product = Path(product)
    if TrainingFolder(product).begun or Path(manifest_file(product)).is_file():
        return [product]
    begun = (folder for folder in product.glob("models/*") if TrainingFolder(folder).begun)
    models = sorted(folder for folder in begun if folder.suffix != ENDING)
    runs = sorted(Path(str(file).removesuffix(".json")) for file in product.glob("reranked/*.trec.json"))
    if not models + runs:
        raise UserError(
            f"{product}: is neither a folder that lce train wrote, nor a run with a manifest beside it that lce rerank "
            "wrote, nor a folder of lce tables"
        )
    return models + runs


def repeat(product: Path, output: str | Path) -> Iterator[Compared]:
    """Does the work behind `product` again, into `output`, and compares the files one by one.

    Repeating an interrupted call resumes it. The product itself is only read.

    Raises:
        UserError: it is unfinished or damaged, or its inputs are gone or have changed.
    """
    if os.path.realpath(output) == os.path.realpath(product):
        raise UserError(f"--output {output}: is what is to be repeated; name another place")
    again = _train_again if product.is_dir() else _rerank_again
    return again(product, output)


def newer(product: Path) -> list[str]:
    """A line for each package whose version has changed since the training at `product` began."""
    if not product.is_dir():
        return []
    before, now = _training_facts(product).get("versions") or {}, versions()
    return [
        f"{name}: was {before[name]}, is {now[name]}" for name in now if name in before and before[name] != now[name]
    ]


def _train_again(product: Path, output: str | Path) -> Iterator[Compared]:
    here, facts = TrainingFolder(product), _training_facts(product)
    if not here.finished:
        raise UserError(f"{product}: this training has not finished; there is nothing to compare with yet")
    with TRAINING.reading(here.manifest):
        config = _config(TrainConfig, facts["config"], here.manifest)
    now = read_inputs(config).hashes
    _check_inputs(here.manifest, inputs_before(facts, now), now)
    folder = train(config, output)
    for name in WEIGHTS:
        yield Compared(str(product / name), sha256_of(product / name), sha256_of(folder / name))


def _training_facts(product: Path) -> dict[str, Any]:
    facts = TrainingFolder(product).facts()
    if not all(isinstance(facts.get(name), dict) for name in ("config", "inputs")):
        raise UserError(f"{TrainingFolder(product).manifest}: is no manifest of lce train")
    return facts


def _rerank_again(product: Path, output: str | Path) -> Iterator[Compared]:
    file, facts = manifest_file(product), read_manifest(str(product))
    check_sums(str(product), facts)
    with RERANKED.reading(file):
        shard = facts.get("shard")
        if shard is not None:
            facts = {**facts, "shard": Shard(shard, facts["shards"])}
        config = _config(RerankConfig, {**facts, "ray": None, "workers": None}, file)
        config = replace(config, output=str(output))
    now = {
        "model": checkpoint.identity(checkpoint.locate(config.checkpoint)),
        "run_sha256": file_sha256(config.run),
    }
    _check_inputs(file, {name: facts.get(name) for name in now}, now)
    rerank(config)
    for name, key in ((str, "output_sha256"), (scores_file, "scores_sha256")):
        yield Compared(name(product), facts[key], sha256_of(name(config.file)))


def _config(kind: type, facts: dict[str, Any], file: str | Path) -> Any:
    """The dataclass `kind` from the facts that are named like its fields."""
    names = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    missing = needed - facts.keys()
    if missing:
        raise UserError(f"{file}: does not name {min(missing)}; another version of lce_tf wrote it")
    check_types(kind, facts, str(file))
    return kind(**{name: value for name, value in facts.items() if name in names})


def _check_inputs(file: str | Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name, value in now.items():
        if before.get(name) != value:
            shown = json.dumps(before.get(name)), json.dumps(value)
            raise UserError(f"{file}: the {name} was {shown[0]} then and is {shown[1]} now; its input has changed")
