"""Makes the runs behind the table: each is made once, several at the same time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.tricks.rows import BASE, BM25, CLEANED, MIXED, ROWS, Combined, Trained
from lce_tf.data.hashes import file_sha256
from lce_tf.data.runs import Run, read_run, write_trec
from lce_tf.foundation.at_once import Task, run_at_once
from lce_tf.foundation.steps import Steps
from lce_tf.fusion.fuse import FuseConfig, fuse
from lce_tf.fusion.soup import SoupConfig, soup
from lce_tf.hard_negatives.config import NegativesConfig
from lce_tf.hard_negatives.make import negatives
from lce_tf.model import checkpoint
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication.made import WHEN_ABSENT
from lce_tf.replication.presets import TRAIN, Preset
from lce_tf.replication.products import Products
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.training.config import TrainConfig
from lce_tf.training.job import train

GROUP = 8
# The dense retriever was trained on its cosines divided by this, so that is the scale of logits.
TEMPERATURE = 0.05
# A negative that scores above this share of the positive's score is left out as a false negative.
SHARE = 0.95


@dataclass(frozen=True)
class Bench:
    """A preset, the folder of its first stages, and the folder of what is made here."""

    preset: Preset
    tables: Path
    folder: Path

    @property
    def steps(self) -> Steps:
        """The folder's products."""
        return Steps(self.folder, "tricks", WHEN_ABSENT)

    def first_stage(self, retriever: str, split: str | None = None) -> Path:
        """A run of the preset's tables, made if need be."""
        return Products(self.preset, self.tables).first_stage(retriever, split or self.preset.dev_split)

    def negatives(self, name: str) -> Path:
        """The run that negatives are taken from."""
        bm25, dense = (self.first_stage(retriever, TRAIN) for retriever in ("bm25", "dense"))
        if name == BM25:
            return bm25
        changes = {
            CLEANED: {"runs": (str(bm25),), "teacher": (str(dense),), "teacher_share": SHARE, "teacher_scale": "raw"},
            MIXED: {"runs": (str(bm25), str(dense)), "per_query": self.preset.training.negatives_depth},
        }[name]
        settings = {**changes, "bm25": file_sha256(bm25), "dense": file_sha256(dense)}
        dataset = Products(self.preset, self.tables).dataset_name

        def make(path: Path) -> None:
            negatives(NegativesConfig(dataset=dataset, output=str(path), split=TRAIN, **changes))

        return self.steps.make(f"{name}.train.trec", settings, make)

    def teacher(self) -> Path:
        """The dense retriever's scores of the training queries, on the scale of logits."""
        dense = self.first_stage("dense", TRAIN)

        def make(path: Path) -> None:
            run = read_run(dense)
            scores = run.scores / TEMPERATURE
            write_trec(Run.build(run.query_ids, run.offsets, run.passage_ids, scores, "teacher"), path)

        settings = {"run_sha256": file_sha256(dense), "temperature": TEMPERATURE}
        return self.steps.make("teacher.train.trec", settings, make)

    def training(self, row: Trained, seed: int) -> TrainConfig:
        """The training of a row with a seed."""
        dataset = Products(self.preset, self.tables).dataset_name
        run = self.teacher() if row.taught else self.negatives(row.negatives)
        base = self.preset.training_of(
            Checkpoint("bm25", "lce", GROUP), dataset=dataset, run=str(run), seed=seed, dev_split=None
        )
        taught = {"teacher": str(run), "positives": "none"} if row.taught else {}
        return replace(base, **row.changes, **taught)

    def model(self, name: str, seed: int) -> Path:
        """The checkpoint of a row with a seed."""
        config = self.training(ROWS[name], seed)
        settings = {**vars(config), "run_sha256": file_sha256(config.run)}
        return self.steps.make(f"models/{name}-{seed}", settings, lambda path: train(config, path))

    def reranked(self, name: str, model: Path) -> Path:
        """BM25's dev run, reranked by a model."""
        run = self.first_stage("bm25")
        settings = {"model": checkpoint.identity(model), "run_sha256": file_sha256(run), "depth": self.preset.depth}

        def make(path: Path) -> None:
            products = Products(self.preset, self.tables)
            rerank(
                RerankConfig(
                    checkpoint=str(model),
                    dataset=products.dataset_name,
                    split=self.preset.dev_split,
                    run=str(run),
                    output=str(path),
                    depth=self.preset.depth,
                    tag="tricks",
                )
            )

        return self.steps.make(f"runs/{name}.trec", settings, make)

    def combined(self, name: str, row: Combined, seeds: Sequence[int]) -> list[Path]:
        """The runs of a row that combines the base's runs or checkpoints."""
        own = [self.trained(BASE, seed) for seed in seeds]
        if row.how == "soup":
            models = tuple(str(self.model(BASE, seed)) for seed in seeds)
            settings = {"models": [checkpoint.identity(Path(model)) for model in models]}
            path = self.steps.make("models/soup", settings, lambda path: soup(SoupConfig(models, str(path))))
            return [self.reranked(name, path)]
        if row.of_seeds:
            return [self._fused(name, own, row.how)]
        first = self.first_stage(row.how)
        return [self._fused(f"{name}-{seed}", [first, run], "rrf") for seed, run in zip(seeds, own, strict=True)]

    def trained(self, name: str, seed: int) -> Path:
        """The reranked run of a row with a seed."""
        return self.reranked(f"{name}-{seed}", self.model(name, seed))

    def _fused(self, name: str, runs: Sequence[Path], method: str) -> Path:
        settings = {"runs": [file_sha256(run) for run in runs], "method": method}

        def make(path: Path) -> None:
            fuse(FuseConfig(tuple(map(str, runs)), str(path), method=method))

        return self.steps.make(f"runs/{name}.trec", settings, make)


def make_runs(bench: Bench, seeds: Sequence[int], jobs: int, rows: Sequence[str]) -> Mapping[str, list[Path]]:
    """Row -> its runs: one for each seed, or one of all seeds together. What is there is not made again."""
    bench.folder.mkdir(parents=True, exist_ok=True)
    with bench.steps.opened() as steps:
        (steps.folder / "models").mkdir(exist_ok=True)
        (steps.folder / "runs").mkdir(exist_ok=True)
        trained = [name for name in rows if isinstance(ROWS[name], Trained)]
        for name in trained:
            bench.training(ROWS[name], seeds[0])  # makes what several trainings share before they start
        for retriever in ("bm25", "dense"):
            bench.first_stage(retriever)
        left = [(name, seed) for seed in seeds for name in trained if not steps.there(f"runs/{name}-{seed}.trec")]
        tasks = [Task(f"{name}-{seed}", _trained, (bench, name, seed)) for name, seed in left]
        run_at_once(tasks, jobs)
        return {
            name: [bench.trained(name, seed) for seed in seeds]
            if isinstance(row := ROWS[name], Trained)
            else bench.combined(name, row, seeds)
            for name in rows
        }


def _trained(bench: Bench, name: str, seed: int) -> None:
    bench.trained(name, seed)
