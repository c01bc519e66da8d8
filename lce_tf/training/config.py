"""Everything that decides a training run, and how that differs from the paper's recipe."""

from dataclasses import asdict, dataclass
from typing import Any

from lce_tf.data.pool import PoolConfig
from lce_tf.errors import UserError
from lce_tf.model.config import Lengths
from lce_tf.model.precision import PRECISIONS

LOSS_NAMES = ("ce", "hinge", "lce")
KEEP = ("last", "best")
STRATEGIES = ("mirrored", "one_device", "multi_worker_mirrored", "tpu")


@dataclass(frozen=True)
class TrainConfig:
    """A training run; the defaults are the paper's recipe (section 4.2).

    Attributes:
        dataset, split: where queries, judgments and passages are.
        run: file of the run whose top passages are the negatives.
        backbone: folder, "minilm", or Hugging Face id of the pretrained encoder.
        loss: "lce", "hinge" or "ce".
        group: passages a group, the positive included (n); cross entropy takes single pairs.
        batch: groups a step (cross entropy: pairs), over all replicas.
        steps: optimiser steps.
        warmup: share of the steps in which the learning rate climbs from 0.
        learning_rate: its peak; it falls linearly to 0 at the last step.
        query_length, sequence_length: see `Lengths`.
        negatives_depth, short_lists: see `PoolConfig`.
        seed: of groups, order, dropout and the head's initial weights.
        precision, strategy, devices: see `lce_tf.model.precision` and `lce_tf.training.strategies`.
        keep: "last" checkpoint, as in the paper, or the "best" on the dev sample.
        dev_split, dev_run, dev_queries, dev_depth, evaluate_every: MRR@10 on a sample of `dev_queries` queries of
            `dev_run`, its top `dev_depth` reranked, every so many steps; 0 never.
        checkpoint_every, log_every: steps between checkpoints, and between lines of figures.
    """

    dataset: str
    run: str
    backbone: str = "google/electra-base-discriminator"
    split: str | None = "train"
    loss: str = "lce"
    group: int = 8
    batch: int = 16
    steps: int = 300_000
    warmup: float = 0.1
    learning_rate: float = 1e-5
    query_length: int = 50
    sequence_length: int = 256
    negatives_depth: int = 200
    short_lists: str = "skip"
    seed: int = 42
    precision: str = "auto"
    strategy: str = "mirrored"
    devices: int = 0
    keep: str = "last"
    dev_split: str | None = "dev"
    dev_run: str | None = None
    dev_queries: int = 100
    dev_depth: int = 50
    evaluate_every: int = 0
    checkpoint_every: int = 1000
    log_every: int = 20

    def __post_init__(self):
        if self.loss not in LOSS_NAMES:
            raise UserError(f"--loss {self.loss!r}: known are {', '.join(LOSS_NAMES)}")
        if self.strategy not in STRATEGIES:
            raise UserError(f"--strategy {self.strategy!r}: known are {', '.join(STRATEGIES)}")
        if self.keep not in KEEP:
            raise UserError(f"--keep {self.keep!r}: known are {', '.join(KEEP)}")
        if self.precision not in ("auto", *PRECISIONS):
            raise UserError(f"--precision {self.precision!r}: known are auto, {', '.join(PRECISIONS)}")
        for name in ("batch", "steps", "checkpoint_every", "log_every", "dev_queries", "dev_depth"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: give 1 or more")
        if not 0 <= self.warmup < 1:
            raise UserError(f"--warmup {self.warmup}: a share of the steps, at least 0 and below 1")
        if not 0 < self.learning_rate < 1:
            raise UserError(f"--learning-rate {self.learning_rate}: give a number between 0 and 1, such as 1e-5")
        if not 0 <= self.seed < 1 << 63:
            raise UserError(f"--seed {self.seed}: give a whole number from 0 to 2^63 - 1")
        if self.evaluate_every < 0 or self.devices < 0:
            raise UserError("--evaluate-every and --devices: give 0 or more")
        if self.loss == "hinge" and self.group < 2:
            raise UserError(f"--group {self.group}: the hinge loss needs a positive and a negative; give 2 or more")
        if self.loss == "lce" and self.group < 2:
            raise UserError(f"--group {self.group}: LCE over one passage is 0 and trains nothing; give 2 or more")
        if (self.evaluate_every or self.keep == "best") and not self.dev_run:
            raise UserError("--evaluate-every and --keep best need a --dev-run to rerank")
        if self.keep == "best" and not self.evaluate_every:
            raise UserError("--keep best: needs --evaluate-every to know what is best")
        self.lengths, self.pool  # noqa: B018  (checks their own values)

    @property
    def members(self) -> int:
        """Passages in one training example: the group size, 1 for cross entropy."""
        return 1 if self.loss == "ce" else self.group

    @property
    def lengths(self) -> Lengths:
        """How pairs are cut."""
        return Lengths(self.query_length, self.sequence_length)

    @property
    def pool(self) -> PoolConfig:
        """How queries are admitted; cross entropy needs one negative a query to draw from."""
        return PoolConfig(2 if self.loss == "ce" else self.group, self.negatives_depth, self.short_lists)

    def departures(self) -> dict[str, dict[str, Any]]:
        """Each setting of the recipe that is not the paper's: name -> {"paper": ..., "here": ...}."""
        here = asdict(self)
        paper = {name: TrainConfig.__dataclass_fields__[name].default for name in RECIPE}
        return {name: {"paper": paper[name], "here": here[name]} for name in RECIPE if here[name] != paper[name]}


# What the paper's section 4.2 fixes; the loss and the group size are what its tables vary.
RECIPE = (
    "backbone",
    "batch",
    "steps",
    "warmup",
    "learning_rate",
    "query_length",
    "sequence_length",
    "negatives_depth",
    "short_lists",
    "keep",
)
