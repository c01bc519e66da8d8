"""Everything that decides a training run, and how that differs from the paper's recipe."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from lce_tf.errors import UserError
from lce_tf.groups.pool import PoolConfig
from lce_tf.model.config import Lengths, Scoring
from lce_tf.model.precision import PRECISIONS
from lce_tf.training.recipes import RECIPES

LOSS_NAMES = ("ce", "hinge", "lce", "margin-mse", "ranknet")
# Losses that learn from a teacher's scores.
TAUGHT = ("margin-mse", "ranknet")
KEEP = ("last", "best")
STRATEGIES = ("mirrored", "one_device", "multi_worker_mirrored", "tpu")


@dataclass(frozen=True)
class TrainConfig:
    """A training run; the defaults are the paper's recipe (section 4.2).

    Attributes:
        dataset, split: where queries, judgments and passages are.
        run: file of the run whose top passages are the negatives.
        backbone: folder, "minilm", or Hugging Face id of the pretrained encoder, or of a trained cross-encoder, whose
            head is kept where the loss asks for one of its shape.
        loss: "lce", "hinge" or "ce"; or, with a teacher, "margin-mse" or "ranknet".
        teacher: run with a teacher's scores of the passages that groups are drawn from, see `lce_tf.score`.
        r_drop: weight of R-Drop (Liang et al. 2021): each pair is scored under two dropout masks, and how far the
            groups' shares lie apart, as in that paper's equation 4 halved, is added to the mean loss; 0 for none.
        group: passages a group, the positive included (n); cross entropy takes single pairs.
        batch: groups a step (cross entropy: pairs), over all replicas.
        steps: optimiser steps.
        warmup: share of the steps in which the learning rate climbs from 0.
        learning_rate: its peak; it falls linearly to 0 at the last step.
        query_length, sequence_length: see `Lengths`.
        negatives_depth, short_lists: see `PoolConfig`.
        recipe: "paper" or "released", see `lce_tf.training.recipes`; it says what the settings are compared with.
        decay: what the learning rate does after the warm-up, see `lce_tf.training.schedules`.
        head_rate: the head's learning rate is "scheduled" like the encoder's, or "constant" at its peak.
        sampling: a group's negatives are "distinct", or drawn with "replacement".
        positives: any "judged" relevant passage, or only those that the "run" retrieves.
        passage_length: a passage keeps at most this many wordpieces; None: what the sequence has left.
        stride, windows: of documents, see `Lengths`; None: half a window, and the first window alone.
        padding_segment: segment id of padding.
        head: "linear", or "dense" with a hidden layer and two logits of which scores are the last.
        ce_pairs: each of cross entropy's pairs of a query of its own ("independent"), or "alternating" positive and
            negative of the same query.
        score_dtype: "float16" rounds scores before sorting.
        seed: of groups, order, dropout and the head's initial weights.
        precision, strategy, devices, tpu: see `lce_tf.model.precision` and `lce_tf.training.strategies`.
        deterministic: only TensorFlow's deterministic kernels, which on a GPU give the same bits each time and cost
            speed; on a CPU the others do, too.
        xla: have XLA compile slices as well, one program for each width; packed layouts on a GPU are compiled anyway.
        layout: how pairs lie in a batch. "slices": padded to the longest of about the same length; "rows": several
            pairs share a row, in one static shape; "flat": one sequence without rows, by the fused kernels; "auto":
            flat or else rows on a GPU, rows on a TPU, slices on a CPU.
        peak_tflops: what the device can do, for the share of it that is logged; None: known for some cards.
        keep: "last" checkpoint, as in the paper, or the "best" on the dev sample.
        dev_split, dev_run, dev_queries, dev_depth, evaluate_every: MRR@10 on a sample of `dev_queries` queries of
            `dev_run`, its top `dev_depth` reranked, every so many steps; 0 never.
        micro_batch: wordpieces, padding included, that a replica computes at once; larger batches are computed twice,
            slice by slice, for the same gradient. 0: only what would not fit into the memory that is free.
        checkpoint_every, log_every: steps between checkpoints, and between lines of figures.
    """

    dataset: str
    run: str
    backbone: str = "google/electra-base-discriminator"
    split: str | None = "train"
    loss: str = "lce"
    teacher: str | None = None
    r_drop: float = 0.0
    group: int = 8
    batch: int = 16
    steps: int = 300_000
    warmup: float = 0.1
    learning_rate: float = 1e-5
    query_length: int = 50
    sequence_length: int = 256
    negatives_depth: int = 200
    short_lists: str = "skip"
    recipe: str = "paper"
    decay: str = "linear"
    head_rate: str = "scheduled"
    sampling: str = "distinct"
    positives: str = "judged"
    passage_length: int | None = None
    stride: int | None = None
    windows: int | None = None
    padding_segment: int = 0
    head: str = "linear"
    ce_pairs: str = "independent"
    score_dtype: str = "float32"
    seed: int = 42
    precision: str = "auto"
    strategy: str = "mirrored"
    devices: int = 0
    tpu: str | None = None
    micro_batch: int = 0
    deterministic: bool = False
    xla: bool = False
    layout: str = "auto"
    peak_tflops: float | None = None
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
        if self.tpu is not None and self.strategy != "tpu":
            raise UserError(f"--tpu {self.tpu}: --strategy {self.strategy} uses none; give --strategy tpu as well")
        if self.xla and self.strategy == "tpu":
            raise UserError("--xla: what runs on a TPU is compiled by XLA anyway; leave it out")
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
        if self.evaluate_every < 0 or self.devices < 0 or self.micro_batch < 0:
            raise UserError("--evaluate-every, --devices and --micro-batch: give 0 or more")
        if self.loss in ("hinge", *TAUGHT) and self.group < 2:
            raise UserError(f"--group {self.group}: --loss {self.loss} compares passages of a group; give 2 or more")
        if self.loss in TAUGHT and self.teacher is None:
            raise UserError(f"--loss {self.loss}: learns from a --teacher, a run that python -m lce_tf.score writes")
        if self.teacher is not None and self.loss not in TAUGHT:
            raise UserError(f"--teacher {self.teacher}: --loss {self.loss} asks none; give one of {', '.join(TAUGHT)}")
        if not 0 <= self.r_drop < 1000:
            raise UserError(f"--r-drop {self.r_drop}: give a weight of 0 or more, such as 1")
        if self.loss == "lce" and self.group < 2:
            raise UserError(f"--group {self.group}: LCE over one passage is 0 and trains nothing; give 2 or more")
        if (self.evaluate_every or self.keep == "best") and not self.dev_run:
            raise UserError("--evaluate-every and --keep best need a --dev-run to rerank")
        if self.keep == "best" and not self.evaluate_every:
            raise UserError("--keep best: needs --evaluate-every to know what is best")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                flag = name.replace("_", "-")
                raise UserError(f"--{flag} {getattr(self, name)!r}: known are {', '.join(map(str, known))}")
        self.lengths, self.pool, self.scoring  # noqa: B018  (checks their own values)

    @property
    def members(self) -> int:
        """Passages in one training example: the group size, 1 for cross entropy."""
        return 1 if self.loss == "ce" else self.group

    @property
    def lengths(self) -> Lengths:
        """How pairs are cut."""
        windows = 1 if self.windows is None else self.windows
        return Lengths(self.query_length, self.sequence_length, self.passage_length, self.stride, windows)

    @property
    def scoring(self) -> Scoring:
        """How scores are made; the dense head has two logits whatever the loss, and scores are the last."""
        dense = self.head == "dense"
        return Scoring(
            outputs=2 if dense or self.loss == "ce" else 1,
            head=self.head,
            padding_segment=self.padding_segment,
            rule="last" if dense else "difference",
            dtype=self.score_dtype,
        )

    @property
    def pool(self) -> PoolConfig:
        """How queries are admitted; cross entropy needs one negative a query to draw from."""
        group = 2 if self.loss == "ce" else self.group
        short_lists = "replace" if self.sampling == "replacement" else self.short_lists
        return PoolConfig(group, self.negatives_depth, short_lists, self.positives)

    def departures(self) -> dict[str, dict[str, Any]]:
        """Each setting that is not the recipe's: name -> {RECIPE: ..., "here": ...}."""
        here, own = asdict(self), recipe_settings(self.recipe, self.loss)
        return {name: {self.recipe: own[name], "here": here[name]} for name in RECIPE if here[name] != own[name]}


# Of each setting that has one; what a record of an earlier version does not name was so.
DEFAULTS = {field.name: field.default for field in fields(TrainConfig) if field.default is not MISSING}


def recipe_settings(recipe: str, loss: str) -> dict[str, Any]:
    """What a recipe says of each setting in `RECIPE`, for a training with this loss.

    Raises:
        UserError: no such recipe.
    """
    if recipe not in RECIPES:
        raise UserError(f"--recipe {recipe!r}: known are {', '.join(RECIPES)}")
    values = {name: DEFAULTS[name] for name in RECIPE}
    own = dict(RECIPES[recipe])
    ce_batch = own.pop("ce_batch", values["batch"])
    return values | own | ({"batch": ce_batch} if loss == "ce" else {})


def follow(config: TrainConfig, recipe: str, overrides: Mapping[str, Any]) -> TrainConfig:
    """The configuration under another recipe.

    Args:
        config: settings that are not the paper's in it stay: those are what a preset owns, such as its few steps.
        overrides: settings that were asked for one by one; they win over the recipe.
    """
    paper, own = recipe_settings("paper", config.loss), recipe_settings(recipe, config.loss)
    kept = {name for name in RECIPE if getattr(config, name) != paper[name]}
    taken = {name: value for name, value in own.items() if name not in kept}
    return replace(config, recipe=recipe, **{**taken, **overrides})


# Settings with a fixed set of values; those of other parts are checked there.
CHOICES = {
    "recipe": tuple(RECIPES),
    "layout": ("auto", "slices", "rows", "flat"),
    "decay": ("linear", "inverse"),
    "head_rate": ("scheduled", "constant"),
    "sampling": ("distinct", "replacement"),
    "ce_pairs": ("independent", "alternating"),
}


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
    "decay",
    "head_rate",
    "sampling",
    "positives",
    "passage_length",
    "stride",
    "windows",
    "padding_segment",
    "head",
    "ce_pairs",
    "score_dtype",
)
