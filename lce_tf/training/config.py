"""Everything that decides a training run, and how that differs from the paper's recipe."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lce_tf.data.formats import CHOICES as FORMATS_SAID
from lce_tf.data.formats import FORMAT_HELP
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import measure_names
from lce_tf.foundation import settings
from lce_tf.foundation.settings import setting
from lce_tf.groups.pool import POSITIVES, SHORT_LISTS, PoolConfig
from lce_tf.losses import LOSSES
from lce_tf.losses.options import read_options, written
from lce_tf.model.config import Scoring
from lce_tf.model.precision import PRECISIONS
from lce_tf.tokens.lengths import Lengths
from lce_tf.training.checks import check_together
from lce_tf.training.dev_sets import DEV_MEASURE, DevSet, dev_sets
from lce_tf.training.recipes import NAMES, RECIPES, check_stage, known_recipe

MACHINES, MEASURING = "machines", "measuring while training, and what is kept"


@dataclass(frozen=True)
class TrainConfig:
    """A training run; the defaults are the paper's recipe (section 4.2). Each field states what it means.

    With `epochs`, `steps` are not used: they follow from the queries that are read, see `lce_tf.training.epochs`.
    """

    dataset: str = setting()
    run: str = setting()
    backbone: str = setting(
        "google/electra-base-discriminator",
        "folder, minilm, or Hugging Face ID or ID@REVISION of the pretrained encoder, or of a trained cross-encoder, "
        "whose head is kept if it is of the kind of --head and has no more logits than the loss needs",
        recipe=True,
        tables=True,
    )
    layers: int = setting(
        0,
        "keep only the backbone's first layers, this many, as in Sajjad et al. 2020: cost falls with them; 0: all",
        at_least=0,
        recipe=True,
        tables=True,
    )
    split: str | None = setting("train")
    format: str | None = setting(None, FORMAT_HELP, choices=FORMATS_SAID)
    loss: str = setting(
        "lce",
        "training loss: a name that lce list losses prints, or a class, package.module.Class",
        read=LOSSES.known,
        metavar="LOSS",
    )
    loss_options: str = setting(
        "", "options of the loss, NAME=VALUE,...; lce list losses prints those of each", metavar="NAME=VALUE"
    )
    teacher: str | None = setting(
        None, "with a loss that learns from a teacher: run with its scores, as lce score writes", metavar="RUN"
    )
    r_drop: float = setting(
        0.0,
        "weight of R-Drop (Liang et al. 2021), which adds half of its equation 4 to the mean loss: how far apart the "
        "scores of two dropout masks are; 0 for none",
        at_least=0,
        below=1000,
        give="give a weight of 0 or more, such as 1",
        metavar="WEIGHT",
        recipe=True,
    )
    ema: float = setting(
        0.0,
        "decay of a moving average of the weights over the steps, which is what is then evaluated and saved; 0: none",
        at_least=0,
        below=1,
        give="give a decay of at least 0 and below 1, such as 0.999",
        metavar="DECAY",
        recipe=True,
    )
    group: int = setting(8, "passages a group (n), the positive included; cross entropy takes single pairs")
    group_positives: int = setting(
        1,
        "positives a group at most, with a loss over grades; a query with fewer has more negatives",
        at_least=1,
        recipe=True,
    )
    hardest: int = setting(
        0,
        "negatives of a group that the loss counts, those with the highest scores at that step, as in SimLM; 0: all",
        at_least=0,
        recipe=True,
    )
    batch: int = setting(
        16, "groups a step over all replicas (cross entropy: pairs)", at_least=1, recipe=True, tables=True
    )
    steps: int = setting(300_000, "optimiser steps", at_least=1, recipe=True, tables=True)
    epochs: float | None = setting(
        None,
        "instead of --steps: passes over the usable queries, such as 2 or 0.5; an epoch takes each query once",
        above=0,
        give="give a number above 0, such as 2",
        instead_of="steps",
    )
    warmup: float = setting(
        0.1,
        "share of the steps in which the learning rate climbs from 0",
        at_least=0,
        below=1,
        give="a share of the steps, at least 0 and below 1",
        recipe=True,
    )
    learning_rate: float = setting(
        1e-5,
        "its peak; see --decay for what follows",
        above=0,
        below=1,
        give="give a number between 0 and 1, such as 1e-5",
        recipe=True,
        tables=True,
    )
    weight_decay: float = setting(
        0.0,
        "AdamW's: times the learning rate, what weights lose a step, but not biases and norms; 0 in the paper, and by "
        "default in sentence-transformers; 0.01 in PyTorch's AdamW",
        at_least=0,
        below=1,
        give="give 0 or more and less than 1, such as 0.01",
        recipe=True,
    )
    clip_norm: float = setting(
        0.0,
        "largest global norm of the gradients, to which they are scaled down; 0: any, as in the paper; 1 by default in "
        "sentence-transformers",
        at_least=0,
        below=1e9,
        give="give 0 or more, such as 1",
        recipe=True,
    )
    dropout: float | None = setting(
        None,
        "probability, of the encoder's hidden states and attention; None: the backbone's own; 0 is faster on a CPU",
        at_least=0,
        below=1,
        give="give a probability of at least 0 and below 1, such as 0.1",
        recipe=True,
        tables=True,
    )
    query_length: int = setting(50, "wordpieces that a query keeps at most", recipe=True)
    sequence_length: int = setting(256, "wordpieces of query, passage and special tokens at most", recipe=True)
    negatives_depth: int = setting(200, "negatives come from this many top passages", recipe=True)
    short_lists: str = setting(
        "skip",
        "queries with too few negatives: leave out, or draw with replacement",
        choices=SHORT_LISTS,
        recipe=True,
    )
    recipe: str = setting(
        "paper",
        "settings to follow where no flag says otherwise; lce list recipes says what they are, --plan prints one",
        choices=NAMES,
        metavar="NAME",
        tables=True,
    )
    stage: int = setting(
        1, "of a recipe with several stages, this one alone; left out, lce train takes all in turn", at_least=1
    )
    decay: str = setting(
        "linear",
        "learning rate after the warm-up: to 0 linearly, or the released code's 1 / (1 + 0.1 k)",
        choices=("linear", "inverse"),
        recipe=True,
    )
    head_rate: str = setting(
        "scheduled",
        "the head's learning rate: scheduled like the encoder's, or constant at its peak",
        choices=("scheduled", "constant"),
        recipe=True,
    )
    sampling: str = setting(
        "distinct",
        "a group's negatives: distinct, or drawn with replacement",
        choices=("distinct", "replacement"),
        recipe=True,
    )
    positives: str = setting(
        "judged",
        "any judged relevant passage, or only those in the run; none: groups of the run's top passages, judged or not, "
        "which a teacher has scored",
        choices=POSITIVES,
        recipe=True,
    )
    passage_length: int | None = setting(
        None,
        "wordpieces that a passage, or a window of a document, keeps at most, before packing; None: what fits",
        aliases=("--window",),
        metavar="N",
        recipe=True,
    )
    stride: int | None = setting(
        None,
        "wordpieces from where a window begins to where the next does; half a window if left out",
        metavar="N",
        recipe=True,
    )
    windows: int | None = setting(
        None,
        "windows of a document whose best is its score (MaxP); 1 is its first alone (FirstP)",
        metavar="N",
        recipe=True,
    )
    padding_segment: int = setting(0, "segment id of padding", choices=(0, 1), recipe=True)
    head: str = setting(
        "linear",
        "linear (eq. 1), the released code's dense one, or the one of the backbone's family in Hugging Face's layout: "
        "pooler (BERT, RoBERTa), dense (ELECTRA, DeBERTa), relu (DistilBERT), normed (ModernBERT)",
        choices=("linear", "dense", "pooler", "relu", "normed"),
        recipe=True,
    )
    ce_pairs: str = setting(
        "independent",
        "cross entropy's pairs: each of its own query, or by twos of the same, positive then negative",
        choices=("independent", "alternating"),
        recipe=True,
    )
    score_dtype: str = setting(
        "float32", "what scores are rounded to before sorting", choices=("float32", "float16"), recipe=True
    )
    seed: int = setting(
        42,
        "of groups, order, dropout and the head's initial weights",
        at_least=0,
        below=1 << 63,
        give="give a whole number from 0 to 2^63 - 1",
    )
    precision: str = setting(
        "auto",
        f"auto, {', '.join(PRECISIONS)}",
        choices=("auto", *PRECISIONS),
        metavar="NAME",
        part=MACHINES,
        tables=True,
    )
    strategy: str = setting(
        "mirrored",
        "tf.distribute strategy; multi_worker_mirrored: see docs/clusters.md",
        choices=("mirrored", "one_device", "multi_worker_mirrored", "tpu"),
        part=MACHINES,
        tables=True,
    )
    devices: int = setting(
        0,
        "GPUs, or logical CPU devices where there is none; 0 takes all GPUs",
        at_least=0,
        part=MACHINES,
        tables=True,
    )
    tpu: str | None = setting(
        None,
        "with --strategy tpu: its name or address, where this machine is not attached to it",
        metavar="NAME",
        part=MACHINES,
        tables=True,
        place=True,
    )
    micro_batch: int = setting(
        0,
        "wordpieces, padding included, computed at once on a replica; larger batches are computed slice by slice, with "
        "the same gradient; 0: what fits into memory",
        at_least=0,
        part=MACHINES,
    )
    deterministic: bool = setting(False, "the same bits each time on a GPU as well, for some speed", part=MACHINES)
    xla: bool = setting(
        False,
        "slices compiled by XLA as well, once for each width of pairs; rows and flat on a GPU are compiled anyway",
        part=MACHINES,
        tables=True,
    )
    layout: str = setting(
        "auto",
        "how pairs lie in a batch: slices, each padded to its longest; rows of several pairs in one static shape; "
        "flat, one sequence for the fused kernels; auto: the fastest on this device (docs/gpu.md)",
        choices=("auto", "slices", "rows", "flat"),
        part=MACHINES,
    )
    peak_tflops: float | None = setting(
        None,
        "peak rate of the device in TFLOP/s, for the share of it that is logged; known for some cards",
        above=0,
        give="give a number above 0",
        part=MACHINES,
        place=True,
    )
    keep: str = setting(
        "last",
        "which checkpoint is the result: the last, or the best on the dev sample",
        choices=("last", "best"),
        part=MEASURING,
        recipe=True,
    )
    dev_split: str | None = setting("dev", "split of the dev run's queries", part=MEASURING)
    dev_run: str | None = setting(
        None, "run whose sample is reranked while training; its own value is printed first", part=MEASURING
    )
    dev_also: str = setting(
        "",
        "further sets to rerank a sample of, DATASET:SPLIT:RUN,...; what is best is then so by the mean over the sets",
        metavar="SETS",
        part=MEASURING,
    )
    dev_measure: str = setting(
        DEV_MEASURE,
        "measured on each sample, such as nDCG@10, or several with commas between; the first decides what is best",
        metavar="MEASURE,...",
        part=MEASURING,
    )
    dev_queries: int = setting(100, "queries in a sample", at_least=1, part=MEASURING)
    dev_depth: int = setting(50, "passages a query reranked in it", at_least=1, part=MEASURING)
    evaluate_every: int = setting(
        0,
        "steps between evaluations of the --dev-run; 0: a tenth of all steps",
        at_least=0,
        part=MEASURING,
    )
    patience: int = setting(
        0,
        "evaluations in a row without a better value after which training ends early; 0: never",
        at_least=0,
        part=MEASURING,
    )
    checkpoint_every: int = setting(1000, "steps between checkpoints", at_least=1, part=MEASURING)
    log_every: int = setting(20, "steps between lines in metrics.jsonl and TensorBoard", at_least=1, part=MEASURING)

    def __post_init__(self):
        about = LOSSES.about(self.loss)
        settings.check(self)
        # One way to write the same options, so that the same training has the same record.
        options = written(read_options(self.loss, about, self.loss_options))
        object.__setattr__(self, "loss_options", options)
        object.__setattr__(self, "recipe", known_recipe(self.recipe))
        check_stage(self.recipe, self.stage)
        check_together(self)
        for derived in ("lengths", "pool", "scoring", "dev_sets"):
            getattr(self, derived)  # each checks its own values

    @property
    def members(self) -> int:
        """Passages in one training example: the group size, 1 for a loss over single pairs."""
        return 1 if LOSSES.about(self.loss).pairs else self.group

    @property
    def counted(self) -> int:
        """Members of a training example that the loss counts; see `hardest`."""
        return self.group_positives + self.hardest if self.hardest else self.members

    @property
    def pairs(self) -> int:
        """Pairs that the training sees, each as often as it comes."""
        return self.steps * self.batch * self.members

    @property
    def options_of_loss(self) -> dict[str, Any]:
        """The value of each option of the loss."""
        return asdict(read_options(self.loss, LOSSES.about(self.loss), self.loss_options))

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
            outputs=2 if dense else LOSSES.about(self.loss).outputs,
            head=self.head,
            padding_segment=self.padding_segment,
            rule="last" if dense else "difference",
            dtype=self.score_dtype,
        )

    @property
    def pool(self) -> PoolConfig:
        """How queries are admitted; single pairs need one negative a query to draw from."""
        group = 2 if LOSSES.about(self.loss).pairs else self.group
        short_lists = "replace" if self.sampling == "replacement" else self.short_lists
        return PoolConfig(group, self.negatives_depth, short_lists, self.positives)

    @property
    def dev_sets(self) -> list[DevSet]:
        """The sets of which a sample is reranked while training, the training's own first."""
        return dev_sets(self.dataset, self.dev_split, self.dev_run, self.dev_also)

    @property
    def dev_measures(self) -> tuple[str, ...]:
        """What is measured on the samples; the first decides which checkpoint is best."""
        return measure_names(self.dev_measure)

    @property
    def evaluates(self) -> bool:
        """Whether a setting asks for evaluations while training; with a `dev_run` there are some anyway."""
        return bool(self.evaluate_every or self.keep == "best" or self.patience)

    def departures(self) -> dict[str, dict[str, Any]]:
        """Each setting that is not the recipe's: name -> {RECIPE: ..., "here": ...}."""
        here, own = asdict(self), recipe_settings(self.recipe, self.loss, self.stage)
        return {name: {self.recipe: value, "here": here[name]} for name, value in own.items() if here[name] != value}


# Default of each setting that has one. A setting that an older record does not name had its default.
DEFAULTS = settings.defaults(TrainConfig)
# What the paper's section 4.2 fixes; the loss and the group size are what its tables vary.
RECIPE = settings.having(TrainConfig, "recipe")


def recipe_settings(recipe: str, loss: str, stage: int = 1) -> dict[str, Any]:
    """What a recipe's stage says of each setting in `RECIPE`, and of the others that it fixes, for this loss.

    Raises:
        UserError: no such recipe.
    """
    stages = RECIPES[known_recipe(recipe)].stages
    values = {name: DEFAULTS[name] for name in RECIPE}
    own = {name: value for name, value in stages[stage - 1].items() if name != "run"}
    ce_batch = own.pop("ce_batch", values["batch"])
    if stage > 1:
        del values["backbone"]  # it is what the stage before has trained
    return values | own | ({"batch": ce_batch} if LOSSES.about(loss).pairs else {})


def follow(config: TrainConfig, recipe: str, overrides: Mapping[str, Any]) -> TrainConfig:
    """The configuration under another recipe.

    Args:
        config: values in it that differ from the paper's are kept: a preset has chosen them, such as fewer steps.
        overrides: settings that were asked for one by one; they win over the recipe.

    Raises:
        UserError: the recipe fixes the loss too, which is for `lce_tf.training.stages`.
    """
    recipe = known_recipe(recipe)
    if RECIPES[recipe].whole:
        raise UserError(
            f"--recipe {recipe}: fixes the loss and the group, which presets and tables vary; give it to lce train "
            "with --dataset and --run"
        )
    paper, own = recipe_settings("paper", config.loss), recipe_settings(recipe, config.loss)
    kept = {name for name in RECIPE if getattr(config, name) != paper[name]}
    taken = {name: value for name, value in own.items() if name not in kept}
    return replace(config, **{**taken, **overrides, "recipe": recipe})
