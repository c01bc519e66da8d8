"""The products that tables are made of, each made once and kept: first-stage runs, checkpoints, reranked runs."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lce_tf.data.datasets import Dataset, load_dataset
from lce_tf.data.qrels import Qrels, relevant
from lce_tf.data.runs import write_trec
from lce_tf.errors import UserError
from lce_tf.files import make_folder, read_json, sha256_of, write_json
from lce_tf.model import checkpoint
from lce_tf.ranking.rerank import RerankConfig, rerank
from lce_tf.replication.presets import TUNE, Preset
from lce_tf.replication.rows import Checkpoint
from lce_tf.replication.sample import write_sample
from lce_tf.retrieval import bm25, dense, heatmap, prebuilt, tuning
from lce_tf.training.config import TrainConfig, follow
from lce_tf.training.job import train

TRAIN = "train"

# Folder of products -> the stage that makes them, for jobs that each do one stage.
STAGE_OF = {"first_stage": "retrieve", "models": "train", "reranked": "rerank"}


class Products:
    """A folder of products under one preset.

    Each has a record `NAME.made.json` of the settings it was made with and the seconds that took. A product whose
    record agrees is used as it is; one that was made otherwise is refused, never overwritten. With a `stage`, what
    belongs to another stage must be there already.
    """

    def __init__(self, preset: Preset, folder: str | Path, stage: str | None = None):
        self.preset, self.folder, self.stage = preset, Path(folder), stage
        self._dataset: Dataset | None = None
        self._seconds: dict[Path, float] = {}

    @property
    def seconds(self) -> float:
        """What it took to make all products asked for so far, each counted once, by this call or an earlier one."""
        return sum(self._seconds.values())

    @property
    def dataset_name(self) -> str:
        """What the doors take as --dataset: the preset's own, or the folder of its sample."""
        return self.preset.dataset if self.preset.share == 1 else str(self.folder / "data")

    @property
    def dataset(self) -> Dataset:
        """The preset's data set, sampled if it asks for that."""
        if self._dataset is None:
            dataset = load_dataset(self.preset.dataset)
            if self.preset.share < 1:
                splits = [TRAIN, *filter(None, (self.preset.dev_split, self.preset.eval_split))]
                dataset = load_dataset(str(write_sample(dataset, splits, self.preset.share, self.folder / "data")))
            self._dataset = dataset
        return self._dataset

    def qrels(self) -> Qrels:
        """Judgments of the preset's dev queries: the first by id of those with a relevant passage."""
        qrels = self.dataset.qrels(self.preset.dev_split)
        judged = sorted(query_id for query_id, ids in relevant(qrels).items() if ids)
        return {query_id: qrels[query_id] for query_id in judged[: self.preset.queries]}

    def eval_queries(self) -> list[str]:
        """The ids of the preset's eval queries: the first by id, judged or not."""
        return sorted(self.dataset.queries(self.preset.eval_split))[: self.preset.queries]

    def first_stage_path(self, retriever: str, split: str) -> Path:
        """Where that run lies, or will."""
        return self.folder / "first_stage" / f"{retriever}.{split}.trec"

    def first_stage(self, retriever: str, split: str) -> Path:
        """The run of "bm25" or "dense" over a split's queries: to train on, or the dev or eval queries to rerank."""
        preset, training = self.preset, split == TRAIN
        depth = preset.training.negatives_depth if training else preset.candidates
        settings: dict[str, Any] = {"collection": self.dataset.collection_key, "split": split, "depth": depth}
        if retriever == "dense":
            settings |= {"encoder": preset.encoder, "pooling": preset.pooling, "similarity": preset.similarity}
            settings |= {"prebuilt": preset.prebuilt} if preset.prebuilt else {}
        elif (pair := self.bm25_parameters()) != (bm25.K1, bm25.B):
            settings |= dict(zip(("k1", "b"), pair, strict=True))
        if not training:
            settings["queries"] = preset.queries
        path = self.first_stage_path(retriever, split)

        def make():
            run = self._retrieve(retriever, split, depth)
            queries = None if training else self.eval_queries() if split == preset.eval_split else list(self.qrels())
            write_trec(run if queries is None else run.only(queries), path)

        return self._made(path, settings, make)

    def bm25_parameters(self) -> tuple[float, float]:
        """BM25's k1 and b: the preset's, or those tuned on the training queries, a product of its own."""
        if self.preset.bm25 != TUNE:
            return self.preset.bm25
        path, grid = self.folder / "first_stage" / "bm25.tuned.json", tuning.Grid()

        def make():
            found = tuning.tune(self.dataset, TRAIN, grid)
            write_json(path, read_json(found.path))
            print(heatmap.text(found), flush=True)

        self._made(path, {"collection": self.dataset.collection_key, "split": TRAIN, **asdict(grid)}, make)
        mean = read_json(path)["mean"]
        return mean["k1"], mean["b"]

    def train_config(self, wanted: Checkpoint, seed: int) -> TrainConfig:
        """The training run behind a checkpoint of the tables."""
        run = self.first_stage(wanted.negatives, TRAIN)
        dev_run = self.first_stage(wanted.negatives, self.preset.dev_split) if self._evaluates else None
        config = replace(
            self.preset.training,
            dataset=self.dataset_name,
            run=str(run),
            loss=wanted.loss,
            group=wanted.group,
            seed=seed,
            dev_split=self.preset.dev_split,
            dev_run=dev_run and str(dev_run),
        )
        return follow(config, config.recipe, self.preset.asked)

    def trained(self, wanted: Checkpoint, seed: int) -> Path:
        """The folder of a trained checkpoint."""
        config = self.train_config(wanted, seed)
        path = self.model_folder(wanted, seed)
        settings = {**asdict(config), "run_sha256": sha256_of(config.run)}
        return self._made(path, settings, lambda: train(config, path))

    def model_folder(self, wanted: Checkpoint, seed: int) -> Path:
        """Where that checkpoint lies."""
        return self.folder / "models" / _seeded(wanted.name, seed, self.preset)

    def reranked_path(self, wanted: Checkpoint, first_stage: str, seed: int, split: str | None = None) -> Path:
        """Where that run lies, or will; dev goes without saying."""
        name = f"{_seeded(wanted.name, seed, self.preset)}.on.{first_stage}"
        name += f".{split}" if split not in (None, self.preset.dev_split) else ""
        return self.folder / "reranked" / f"{name}.trec"

    def reranked(self, wanted: Checkpoint, first_stage: str, seed: int, split: str | None = None) -> Path:
        """The first stage's run over the dev queries, or another split's, reranked by a checkpoint."""
        split = split or self.preset.dev_split
        model, run = self.trained(wanted, seed), self.first_stage(first_stage, split)
        path = self.reranked_path(wanted, first_stage, seed, split)
        config = RerankConfig(
            checkpoint=str(model),
            dataset=self.dataset_name,
            split=split,
            run=str(run),
            output=str(path),
            depth=self.preset.depth,
            tag=wanted.name,
        )
        settings = {"model": checkpoint.identity(model), "run_sha256": sha256_of(run), "depth": config.depth}
        return self._made(path, settings, lambda: rerank(config))

    def _retrieve(self, retriever: str, split: str, depth: int):
        judged = split == TRAIN  # the others cannot be trained on
        if retriever == "bm25":
            return bm25.search(self.dataset, split, depth, *self.bm25_parameters(), judged=judged)
        from lce_tf.model.embedder import Embedder

        preset = self.preset
        embed = Embedder.load(preset.encoder, preset.pooling, preset.similarity)
        if preset.prebuilt:
            return prebuilt.search(preset.prebuilt, embed, self.dataset, split, depth, judged=judged)
        return dense.search(embed, self.dataset, split, depth, judged=judged)

    @property
    def _evaluates(self) -> bool:
        return self.preset.training.evaluate_every > 0

    def _made(self, path: Path, settings: dict[str, Any], make: Callable[[], Any]) -> Path:
        record = path.with_name(f"{path.name}.made.json")
        settings = json.loads(json.dumps(settings))
        if record.is_file() and path.exists():
            before = read_json(record)
            changed = sorted(
                k for k in {*settings, *before["settings"]} if settings.get(k) != before["settings"].get(k)
            )
            if changed:
                name = changed[0]
                raise UserError(
                    f"{path}: was made with {name} {before['settings'].get(name)!r}, not {settings.get(name)!r}; "
                    "choose another --output, or delete it to have it made again"
                )
            self._seconds[path] = before["seconds"]
            return path
        maker = STAGE_OF.get(path.parent.name, self.stage)
        if self.stage not in (None, maker):
            raise UserError(f"{path}: has not been made, or not to its end; run --stage {maker} first")
        make_folder(path.parent)  # an output that cannot be made is found before the work
        start = time.monotonic()
        make()
        seconds = round(time.monotonic() - start, 1)
        write_json(record, {"settings": settings, "seconds": seconds})
        self._seconds[path] = seconds
        print(f"{path}: {seconds} s", flush=True)
        return path


def _seeded(name: str, seed: int, preset: Preset) -> str:
    """The default seed goes without saying."""
    return name if seed == preset.training.seed else f"{name}-seed{seed}"
