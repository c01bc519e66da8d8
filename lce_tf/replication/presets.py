"""Presets: data, backbone and settings under which the paper's tables are run, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lce_tf.errors import UserError
from lce_tf.retrieval import bm25
from lce_tf.training.config import TrainConfig

TUNE = "tune"
TRAIN = "train"  # the split that rows are trained on, in every data set
_OWN = ("dataset", "queries", "depth", "encoder", "pooling", "similarity", "prebuilt", "bm25", "also")


@dataclass(frozen=True)
class Preset:
    """Everything a table needs beyond its rows.

    Attributes:
        name: the key in `PRESETS`.
        dataset: whatever `load_dataset` takes.
        share: part of the collection to keep, 1 for all of it; see `write_sample`.
        encoder, pooling, similarity: of the dense retriever.
        prebuilt: index of pyserini's to search with that encoder; None encodes the collection here.
        bm25: (k1, b), or "tune" for the paper's grid search on the training queries; on MS MARCO that led to the
            default, 0.82 and 0.68.
        training: settings of every row; data set, run, loss and group are filled in for each.
        dev_split: what the tables are measured on.
        eval_split: what stands for the leaderboard's eval queries, for the submission file; None writes none.
        eval_judged: whether its judgments are known, which MS MARCO's are not; then it is measured too.
        also: further sets to measure the rows on, see `further_sets`; of these every judged query counts.
        also_asked: whether a flag named them: then one that cannot be had is an error instead of a note.
        queries: how many of the dev split's judged queries, and of the eval split's, the first by id; None takes all.
        depth: passages a query that are reranked.
        candidates: passages a query that the first stage retrieves for the dev queries (R@1K needs 1,000).
        backbone, retrievers: display names of what is really used, for the tables.
        asked: training settings that flags set; they win over the recipe's.
    """

    name: str
    dataset: str
    encoder: str
    training: TrainConfig
    backbone: str
    share: float = 1.0
    pooling: str = "mean"
    similarity: str = "cosine"
    prebuilt: str | None = None
    bm25: tuple[float, float] | str = (bm25.K1, bm25.B)
    dev_split: str = "dev"
    eval_split: str | None = None
    eval_judged: bool = False
    also: tuple[str, ...] = ()
    also_asked: bool = False
    queries: int | None = None
    depth: int = 1000
    candidates: int = 1000
    retrievers: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if self.queries is not None and self.queries < 2:
            raise UserError(f"--queries {self.queries}: a paired t-test needs 2 or more")
        if not 1 <= self.depth <= self.candidates:
            raise UserError(f"--depth {self.depth}: give 1 to {self.candidates}, what the first stage retrieves")

        if self.bm25 != TUNE:
            bm25.check_parameters(*self.bm25)

    def override(self, **flags) -> "Preset":
        """This preset with the flags that are not None, of its own or of its training settings."""
        given = {name: value for name, value in flags.items() if value is not None}
        own = {name: given.pop(name) for name in list(given) if name in _OWN}
        if "encoder" in own:
            own["retrievers"] = {**self.retrievers, "dense": own["encoder"]}
        if "backbone" in given:
            own["backbone"] = given["backbone"]
        if "also" in own:
            own["also_asked"] = True
        asked = {**self.asked, **given}
        return replace(self, **own, asked=asked, training=replace(self.training, **given))


_MINILM = "MiniLM-L6-H384"

PYDOCS = Preset(
    name="pydocs",
    dataset="pydocs",
    encoder="minilm",
    backbone=_MINILM,
    eval_split="test",
    eval_judged=True,
    # All 1,719 dev queries: the paired tests need them more than they need depth (R@30 is .66 of R@1K .87).
    depth=30,
    retrievers={"bm25": "BM25", "dense": "MiniLM (dense)"},
    training=TrainConfig(
        dataset="pydocs",
        run="",
        backbone="minilm",
        batch=8,
        steps=400,
        # Ten times the paper's, for a thousandth of its steps.
        learning_rate=1e-4,
        checkpoint_every=100,
    ),
)

SMOKE = replace(
    PYDOCS,
    name="smoke",
    share=0.06,
    queries=40,
    depth=10,
    training=replace(PYDOCS.training, batch=4, steps=4, checkpoint_every=4, log_every=2),
)

# The paper's own setting, nothing changed. Retrieval for the 502,939 judged training queries, eight trainings of
# 300,000 steps and the reranking of 6,980 x 1,000 passages by each: days on one large GPU.
MSMARCO = Preset(
    name="msmarco",
    dataset="msmarco-passage",
    encoder="castorini/tct_colbert-v2-hnp-msmarco",
    pooling="tct",
    similarity="dot",
    bm25=TUNE,
    eval_split="eval",
    also=("dl19", "dl20"),
    backbone="google/electra-base-discriminator",
    retrievers={"bm25": "BM25", "dense": "TCT-ColBERTv2"},
    training=TrainConfig(dataset="msmarco-passage", run=""),
)

PRESETS = {preset.name: preset for preset in (PYDOCS, SMOKE, MSMARCO)}
