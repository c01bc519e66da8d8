"""What the products of a multi-stage training are made from, and how its models score pairs."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lce_tf.data.datasets import load_dataset
from lce_tf.data.hashes import file_sha256, texts_key
from lce_tf.data.judged import judgments_if_any
from lce_tf.data.qrels import judgments_key
from lce_tf.foundation.settings import check, setting
from lce_tf.foundation.steps import Steps
from lce_tf.model import checkpoint, hub
from lce_tf.model.config import EncoderConfig
from lce_tf.reranking.engine import ENGINES
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.training.config import TrainConfig


def data_hashes(name: str, split: str | None, judged: bool = True) -> dict[str, str]:
    """Hashes of a data set's texts and judgments, which a product depends on.

    Args:
        judged: whether it needs judgments; otherwise a named split may have none.
    """
    dataset = load_dataset(name)
    qrels = dataset.qrels(split) if judged else judgments_if_any(dataset, split)
    return {
        "collection": dataset.collection_key,
        "queries": texts_key(dataset.queries(split)),
        "judgments": judgments_key(qrels),
    }


def backbone_hashes(name: str) -> dict[str, str]:
    """Hashes of a backbone's weights and configuration, which a trained product depends on.

    Of weights in several files the first hash is the index's alone, as older records have it.
    """
    folder = hub.locate(name)
    file = hub.weight_file(folder)
    config = EncoderConfig.from_huggingface(hub.read_config(folder), str(folder / "config.json"))
    hashes = {"backbone_sha256": file_sha256(file), "backbone_config": config.key}
    return hashes | ({"backbone_shards_sha256": hub.weights_sha256(folder)} if file.suffix == ".json" else {})


def training_settings(training: TrainConfig) -> dict[str, Any]:
    """The settings of a trained product, with hashes of its inputs.

    The dev runs are among them only if a setting asks for evaluations: otherwise the weights do not depend on them, and
    a call with another dev run takes the product as it is.
    """
    counted = training if training.evaluates else replace(training, dev_run=None, dev_also="")
    settings = {**asdict(counted), "run_sha256": file_sha256(training.run), **backbone_hashes(training.backbone)}
    settings |= data_hashes(training.dataset, training.split, training.pool.judged)
    if training.teacher is not None:
        settings["teacher_sha256"] = file_sha256(training.teacher)
    if counted.dev_run is not None:
        settings["dev_sha256"] = [file_sha256(one.run) for one in counted.dev_sets]
    return settings


@dataclass(frozen=True)
class ScoringConfig:
    """Settings of scoring; each field states what it means."""

    engine: str = setting("auto", "engine that scores, see lce rerank", read=ENGINES.known, metavar="ENGINE")
    scoring_precision: str = setting("auto", "its precision, see --precision of lce rerank", metavar="NAME")
    depth: int = setting(100, "passages a query of the --dev-run that are reranked to compare models", at_least=1)

    def __post_init__(self):
        check(self)

    def teach(self, steps: Steps, name: str, model: Path, training: TrainConfig, run: Path, depth: int) -> Path:
        """A run with the model's scores of the top `depth` of `run` and of the judged relevant passages."""
        return self._scored(steps, name, model, training, run, training.split, depth, judged=True)

    def rerank(self, steps: Steps, name: str, model: Path, training: TrainConfig) -> Path:
        """The training's dev run, reranked by the model."""
        return self._scored(steps, name, model, training, Path(training.dev_run), training.dev_split, self.depth)

    def _scored(self, steps, name, model, training, run, split, depth, judged=False) -> Path:
        settings = {"model": checkpoint.identity(model), "run_sha256": file_sha256(run), "depth": depth}
        settings |= {"engine": self.engine, "precision": self.scoring_precision}
        settings |= data_hashes(training.dataset, split, training.pool.judged or not judged)

        def make(path: Path) -> None:
            rerank(
                RerankConfig(
                    checkpoint=str(model),
                    dataset=training.dataset,
                    run=str(run),
                    output=str(path),
                    split=split,
                    depth=depth,
                    engine=self.engine,
                    precision=self.scoring_precision,
                    tag=Path(name).name.partition(".")[0],
                    format=training.format,
                    judged=judged,
                )
            )

        return steps.make(name, settings, make)
