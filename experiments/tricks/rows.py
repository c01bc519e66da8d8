"""The rows of the table: a base, and what differs from it in each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BASE = "base"
# Runs that negatives are taken from.
BM25, CLEANED, MIXED = "bm25", "cleaned", "mixed"


@dataclass(frozen=True)
class Trained:
    """A row with a training of its own for each seed.

    Attributes:
        part: what kind of trick it is.
        about: what differs from the base, in words.
        negatives: the run that negatives come from.
        changes: settings of the training that are not the base's.
        taught: whether the loss learns from the dense retriever's scores.
    """

    part: str
    about: str
    negatives: str = BM25
    changes: Mapping[str, Any] = field(default_factory=dict)
    taught: bool = False


@dataclass(frozen=True)
class Combined:
    """A row made of the base's checkpoints or runs, without a training.

    Attributes:
        of_seeds: whether all seeds are combined into one; else each seed's run is combined with a first stage's.
        how: `soup`, a method of `lce fuse`, or the first stage that each run is fused with by reciprocal ranks.
    """

    part: str
    about: str
    of_seeds: bool
    how: str


ROWS: dict[str, Trained | Combined] = {
    BASE: Trained("", "LCE, n = 8, negatives from BM25's top 200"),
    "cleaned": Trained(
        "negatives",
        "those left out that the dense retriever scores above .95 of the positive, and near-duplicates of it",
        CLEANED,
    ),
    "mixed": Trained("negatives", "half from BM25's run, half from the dense retriever's", MIXED),
    "hinge": Trained("loss", "hinge", changes={"loss": "hinge"}),
    "binary": Trained("loss", "binary cross entropy, passage by passage", changes={"loss": "binary"}),
    "lambda": Trained("loss", "LambdaLoss, NDCG weights", changes={"loss": "lambda"}),
    "teacher": Trained("teacher", "KL to the dense retriever's scores alone", changes={"loss": "kl"}, taught=True),
    "r-drop": Trained("regularisation", "R-Drop, weight 1, dropout .1", changes={"r_drop": 1.0, "dropout": 0.1}),
    "fused with BM25": Combined("fusion", "reciprocal ranks of the base and BM25", False, "bm25"),
    "fused with dense": Combined("fusion", "reciprocal ranks of the base and the dense retriever", False, "dense"),
    "ensemble": Combined("fusion", "mean logits of the base's seeds", True, "mean-logits"),
    "soup": Combined("soup", "mean weights of the base's seeds", True, "soup"),
}
