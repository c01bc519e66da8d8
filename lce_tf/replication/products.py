"""The products that tables are made of, each made once and kept: first-stage runs, checkpoints, reranked runs."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lce_tf.data.datasets import Dataset
from lce_tf.data.hashes import file_sha256
from lce_tf.data.runs import Run, write_trec
from lce_tf.data.watched import Watched
from lce_tf.errors import UserError
from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.files import make_folder, read_json, write_json
from lce_tf.foundation.footprint import give_back
from lce_tf.foundation.steps import is_made, make_once, product_record
from lce_tf.model import checkpoint, hub
from lce_tf.model.config import EncoderConfig
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication import made
from lce_tf.replication.inputs import Inputs
from lce_tf.replication.presets import TRAIN, TUNE, Preset
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.retrieval import heatmap, jvm, tuning
from lce_tf.retrieval.registry import RETRIEVERS
from lce_tf.retrieval.retriever import Retriever
from lce_tf.training.config import TrainConfig
from lce_tf.training.job import train

# Folder of products -> the phase of the work that makes them. On a cluster a job does one phase, which --stage names.
PHASE_OF = {"first_stage": "retrieve", "models": "train", "reranked": "rerank"}


class Products(Inputs):
    """A folder of products under one preset.

    Each has a record `NAME.made.json` of the settings it was made with and the seconds that took. A product whose
    record agrees is used as it is; one that was made with other settings is refused, never overwritten. With a `phase`,
    products of other phases must be there already.
    """

    def __init__(self, preset: Preset, folder: str | Path, phase: str | None = None):
        super().__init__(preset, folder)
        self.phase = phase
        self._hashed_models: dict[str, tuple[str, str]] = {}

    def first_stage_path(self, retriever: str, split: str) -> Path:
        """Path of that run, made or not."""
        return self.folder / "first_stage" / f"{retriever}.{split}.trec"

    def first_stage(self, retriever: str, split: str) -> Path:
        """A retriever's run over a split's queries: for training its source of negatives, otherwise the run to rerank.

        Args:
            retriever: a name in `RETRIEVERS`, or a class path.
        """
        preset, depth = self.preset, self.preset.retrieved(split)
        _, dataset, name = self.located(split)
        settings: dict[str, Any] = {"collection": dataset.collection_key, "split": name, "depth": depth}
        found_by = RETRIEVERS[retriever](**self._options(retriever, dataset))
        settings |= {option: value for option, value in asdict(found_by).items() if value is not None}
        if split in (preset.dev_split, preset.eval_split):
            settings["queries"] = preset.queries
        settings |= self.hashes(split)
        path = self.first_stage_path(retriever, split)
        if retriever == "bm25":
            settings |= _anserini(path)
        if retriever == "dense":
            settings |= self._weights("encoder", preset.encoder)

        def make():
            run = self._retrieve(found_by, split, depth)
            queries = self.kept(split)
            write_trec(run if queries is None else run.only(queries), path)

        return self._made(path, settings, make)

    @property
    def tuned_path(self) -> Path:
        """Path of BM25's tuned parameters, made or not."""
        return self.folder / "first_stage" / "bm25.tuned.json"

    def bm25_parameters(self) -> tuple[float, float]:
        """BM25's k1 and b: the preset's, or tuned on the training queries; the tuned ones are a product, too."""
        if self.preset.bm25 != TUNE:
            return self.preset.bm25
        path, grid = self.tuned_path, tuning.Grid()

        def make():
            found = tuning.tune(self.dataset, TRAIN, grid, language=self.preset.language)
            write_json(path, read_json(found.path))
            print(heatmap.text(found), flush=True)

        settings = {"collection": self.dataset.collection_key, "split": TRAIN, **asdict(grid)}
        settings["language"] = self.preset.language
        self._made(path, {**settings, **self.hashes(TRAIN), **_anserini(path)}, make)
        with PRODUCT.reading(path):
            mean = read_json(path)["mean"]
            return float(mean["k1"]), float(mean["b"])

    def train_config(self, wanted: Checkpoint, seed: int) -> TrainConfig:
        """The configuration of the training behind a checkpoint of the tables; makes the runs that it reads."""
        run = self.first_stage(wanted.negatives, TRAIN)
        evaluates = self.preset.training.evaluates
        dev_run = self.first_stage(wanted.negatives, self.preset.dev_split) if evaluates else None
        return self.preset.training_of(
            wanted,
            dataset=self.dataset_name,
            run=str(run),
            seed=seed,
            dev_split=self.preset.dev_split,
            dev_run=dev_run and str(dev_run),
        )

    def trained(self, wanted: Checkpoint, seed: int) -> Path:
        """The folder of a trained checkpoint."""
        config = self.train_config(wanted, seed)
        path = self.model_folder(wanted, seed)
        watched = Watched([Path(config.run)])
        settings = {**asdict(config), "run_sha256": file_sha256(config.run)}
        settings |= self._weights("backbone", config.backbone)
        return self._made(path, settings, lambda: train(config, path), watched)

    def model_folder(self, wanted: Checkpoint, seed: int) -> Path:
        """Path of that checkpoint, made or not; its name leaves out the preset's own seed."""
        name = wanted.name if seed == self.preset.training.seed else f"{wanted.name}-seed{seed}"
        return self.folder / "models" / name

    @staticmethod
    def public_name(label: str) -> str:
        """The name of the published checkpoint of a cited row."""
        return f"cited-{label}"

    def reranked_path(self, model: str, first_stage: str, split: str) -> Path:
        """Path of a first stage's run reranked by the checkpoint `model`, made or not; its name leaves out dev."""
        name = f"{model}.on.{first_stage}" + ("" if split == self.preset.dev_split else f".{split}")
        return self.folder / "reranked" / f"{name}.trec"

    def reranked(self, wanted: Checkpoint, first_stage: str, seed: int, split: str | None = None) -> Path:
        """The first stage's run over the dev queries, or another split's or further set's, reranked by a checkpoint."""
        model = self.trained(wanted, seed)
        return self._reranked(model, model.name, first_stage, split or self.preset.dev_split, wanted.name)

    def reranked_by_public(self, label: str, first_stage: str, split: str) -> Path:
        """The first stage's run over a split, reranked by the checkpoint that the preset names for a cited row."""
        model, name = checkpoint.locate(dict(self.preset.cited)[label]), self.public_name(label)
        return self._reranked(model, name, first_stage, split, name)

    def _reranked(self, model: Path, name: str, first_stage: str, split: str, tag: str) -> Path:
        run, path = self.first_stage(first_stage, split), self.reranked_path(name, first_stage, split)
        dataset_name, _, own_split = self.located(split)
        config = RerankConfig(
            checkpoint=str(model),
            dataset=dataset_name,
            split=own_split,
            run=str(run),
            output=str(path),
            depth=self.preset.depth,
            tag=tag,
        )
        watched = Watched([Path(run)])
        settings = {"model": checkpoint.identity(model), "run_sha256": file_sha256(run), "depth": config.depth}
        return self._made(path, settings, lambda: rerank(config), watched)

    def _retrieve(self, retriever: Retriever, split: str, depth: int) -> Run:
        _, dataset, name = self.located(split)
        return retriever.search(dataset, name, depth, threads=None, judged=split == TRAIN)  # training uses no other

    def _options(self, retriever: str, dataset: Dataset) -> dict[str, Any]:
        """The preset's options of a retriever; {} if it has none, for the retriever's own defaults."""
        preset = self.preset
        if retriever == "bm25":
            return dict(zip(("k1", "b"), self.bm25_parameters(), strict=True)) | {"language": preset.language}
        if retriever == "dense":
            # pyserini's index is of the preset's collection, and a further set may have another collection.
            own = dataset.collection_key == self.dataset.collection_key
            options = {"encoder": preset.encoder, "pooling": preset.pooling, "similarity": preset.similarity}
            return options | {"prebuilt": preset.prebuilt if own else None}
        return {}

    def _weights(self, setting: str, name: str) -> dict[str, str]:
        """Hashes of a model's weights and configuration as settings, if it is a folder, in which others may be put."""
        folder = Path(name)
        if not folder.is_dir():
            return {}
        if name not in self._hashed_models:
            config = EncoderConfig.from_huggingface(hub.read_config(folder), str(folder / "config.json"))
            self._hashed_models[name] = hub.weights_sha256(folder), config.key
        weights, key = self._hashed_models[name]
        return {f"{setting}_sha256": weights, f"{setting}_config": key}

    def _made(
        self, path: Path, settings: dict[str, Any], make: Callable[[], Any], watched: Watched | None = None
    ) -> Path:
        def making():
            maker = PHASE_OF.get(path.parent.name, self.phase)
            if self.phase not in (None, maker):
                raise UserError(f"{path}: has not been made, or not to its end; run --stage {maker} first")
            make_folder(path.parent)  # an output folder that cannot be made is found before the work
            make()
            if watched is not None:
                watched.check()  # the recorded hashes were taken before `make` read the files
            give_back()  # frees gigabytes before the next product needs its own

        make_once(path, settings, making, made.WHEN_ABSENT)
        return path


def _anserini(product: Path) -> dict[str, str]:
    """Anserini's version as a setting; where pyserini is not installed, the one that a finished product records."""
    try:
        return {"anserini": jvm.anserini_version()}
    except UserError:
        recorded = product_record(product)["settings"] if is_made(product) else {}
        return {name: recorded[name] for name in ("anserini",) if name in recorded}
