"""Presets: data, backbone and settings under which the paper's tables are run, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lce_tf.errors import UserError
from lce_tf.training.config import TrainConfig


@dataclass(frozen=True)
class Preset:
    """Everything a table needs beyond its rows.

    Attributes:
        name: the key in `PRESETS`.
        dataset: whatever `load_dataset` takes.
        share: part of the collection to keep, 1 for all of it; see `write_sample`.
        encoder, pooling, similarity: of the dense retriever.
        training: settings of every row; data set, run, loss and group are filled in for each.
        dev_split: what the tables are measured on.
        queries: how many of its judged queries, the first by id; None takes all.
        depth: passages a query that are reranked.
        candidates: passages a query that the first stage retrieves for the dev queries (R@1K needs 1,000).
        backbone, retrievers: display names of what is really used, for the tables.
    """

    name: str
    dataset: str
    encoder: str
    training: TrainConfig
    backbone: str
    share: float = 1.0
    pooling: str = "mean"
    similarity: str = "cosine"
    dev_split: str = "dev"
    queries: int | None = None
    depth: int = 1000
    candidates: int = 1000
    retrievers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if self.queries is not None and self.queries < 2:
            raise UserError(f"--queries {self.queries}: a paired t-test needs 2 or more")
        if not 1 <= self.depth <= self.candidates:
            raise UserError(f"--depth {self.depth}: give 1 to {self.candidates}, what the first stage retrieves")

    def override(self, **flags) -> "Preset":
        """This preset with the flags that are not None, of its own or of its training settings."""
        given = {name: value for name, value in flags.items() if value is not None}
        own = {name: given.pop(name) for name in list(given) if name in ("dataset", "queries", "depth")}
        if "backbone" in given:
            own["backbone"] = given["backbone"]
        return replace(self, **own, training=replace(self.training, **given))


_MINILM = "MiniLM-L6-H384"

PYDOCS = Preset(
    name="pydocs",
    dataset="pydocs",
    encoder="minilm",
    backbone=_MINILM,
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

PRESETS = {preset.name: preset for preset in (PYDOCS, SMOKE)}
