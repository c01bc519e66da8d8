"""Presets: data, backbone and settings under which the paper's tables are run, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import names, wants
from lce_tf.foundation.settings import check, having, setting
from lce_tf.paper.rows import TABLE1, Checkpoint, Table
from lce_tf.retrieval import bm25
from lce_tf.training.config import TrainConfig, follow

TUNE = "tune"
TO_BE_MADE = "to be made"  # in the place of a run
TRAIN = "train"  # the split that rows are trained on, in every data set


@wants("names with commas between, or none")
def _sets(text: str) -> tuple[str, ...]:
    if not (found := tuple(names(text))):
        raise ValueError(text)
    return () if found == ("none",) else found


@wants(f"k1 and b, such as 0.82,0.68, or {TUNE}")
def _bm25(text: str) -> tuple[float, float] | str:
    if text == TUNE:
        return text
    k1, b = map(float, text.split(","))
    return k1, b


@wants("rows and checkpoints, such as j=castorini/monot5-base-msmarco, or none")
def _cited(text: str) -> tuple[tuple[str, str], ...]:
    if text == "none":
        return ()
    pairs = [part.strip().partition("=") for part in text.split(",")]
    if not all(label and model for label, _, model in pairs):
        raise ValueError(text)
    return tuple((label, model) for label, _, model in pairs)


@dataclass(frozen=True)
class Preset:
    """Everything a table needs beyond its rows; a setting marked `tables` is a flag of `lce tables`.

    Attributes:
        name: the key in `PRESETS`.
        dataset: whatever `load_dataset` takes.
        share: part of the collection to keep, 1 for all of it; see `write_sample`.
        bm25: k1 and b, or "tune"; the default is what tuning on MS MARCO gave.
        training: settings of every row; data set, run, loss and group are filled in for each.
        dev_split: what the tables are measured on.
        eval_split: what stands for the leaderboard's eval queries, for the submission file; None writes none.
        eval_judged: whether its judgments are known, which MS MARCO's are not; then it is measured too.
        also: see `further_sets`; of these every judged query counts.
        also_asked: whether a flag named them: then one that cannot be had is an error instead of a note.
        queries: None takes all; of the eval split as many.
        candidates: passages a query that the first stage retrieves for the dev queries (R@1K needs 1,000).
        backbone, retrievers: display names of what is really used, for the tables.
        asked: training settings that flags set; they win over the recipe's.
    """

    name: str
    dataset: str
    training: TrainConfig
    backbone: str
    encoder: str = setting(help="folder, minilm, or Hugging Face id of the dense retriever's encoder", tables=True)
    share: float = 1.0
    pooling: str | None = setting(
        None,
        "of the encoder's tokens (default: the preset's; with --encoder, as its files say, else mean)",
        choices=("mean", "cls", "tct"),
        tables=True,
    )
    similarity: str | None = setting(
        None,
        "of the encoder's vectors (default: the preset's; with --encoder, as its files say, else cosine)",
        choices=("cosine", "dot"),
        tables=True,
    )
    prebuilt: str | None = setting(None, "index of pyserini's to search with that encoder", metavar="NAME", tables=True)
    bm25: tuple[float, float] | str = setting(
        (bm25.K1, bm25.B),
        f"BM25's parameters, or {TUNE}: by the paper's grid on the training queries",
        read=_bm25,
        metavar="K1,B",
        tables=True,
    )
    language: str = setting("en", "of the texts, as for lce retrieve bm25", metavar="CODE", tables=True)
    dev_split: str = "dev"
    eval_split: str | None = None
    eval_judged: bool = False
    also: tuple[str, ...] = setting(
        (),
        "measure the rows on these as well: splits of the data set, ir_datasets ids, FOLDER:SPLIT; or none",
        read=_sets,
        metavar="SET,SET...",
        tables=True,
    )
    also_asked: bool = False
    cited: tuple[tuple[str, str], ...] = setting(
        (),
        "rows of Table 1 that it cites, to be measured with a checkpoint, folder or Hugging Face id; or none",
        read=_cited,
        metavar="ROW=CHECKPOINT,...",
        tables=True,
    )
    queries: int | None = setting(
        None, "dev queries, the first by id", at_least=2, give="a paired t-test needs 2 or more", tables=True
    )
    step_pairs: int = setting(
        0, "pairs a step at least: rows with small groups take more of them than --batch says", at_least=0, tables=True
    )
    depth: int = setting(1000, "passages a query to rerank", tables=True)
    candidates: int = 1000
    retrievers: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        check(self)
        if not 1 <= self.depth <= self.candidates:
            raise UserError(f"--depth {self.depth}: give 1 to {self.candidates}, what the first stage retrieves")
        labels = [label for label, _ in self.cited]
        if wrong := next((one for one in labels if one not in TABLE1.rerankable or labels.count(one) > 1), None):
            known = ", ".join(TABLE1.rerankable)
            raise UserError(f"--cited {wrong}: give each row once, of those that Table 1 cites: {known}")
        if self.bm25 != TUNE:
            bm25.check_parameters(*self.bm25)
        bm25.check_language(self.language)

    def measuring(self, table: Table) -> Table:
        """The table with the cited rows that this preset measures."""
        return table.measuring(label for label, _ in self.cited)

    def retrieved(self, split: str) -> int:
        """Passages a query that the first stage retrieves for a split or further set."""
        return self.training.negatives_depth if split == TRAIN else self.candidates

    def training_of(self, wanted: Checkpoint, **filled) -> TrainConfig:
        """The training behind a checkpoint of the tables.

        Args:
            filled: what only its maker knows, such as the run.
        """
        config = replace(self.training, loss=wanted.loss, group=wanted.group, **filled)
        config = follow(config, config.recipe, self.asked)
        return replace(config, batch=max(config.batch, self.step_pairs // config.members))

    def override(self, **flags) -> "Preset":
        """This preset with the flags that are not None, of its own or of its training settings."""
        given = {name: value for name, value in flags.items() if value is not None}
        own = {name: given.pop(name) for name in list(given) if name in ("dataset", *having(Preset, "tables"))}
        if "encoder" in own:
            own = {"pooling": None, "similarity": None, "prebuilt": None, **own}  # the preset's are of its own encoder
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
    pooling="mean",
    similarity="cosine",
    backbone=_MINILM,
    eval_split="test",
    eval_judged=True,
    # All 1,719 dev queries: the paired tests need them more than they need depth.
    depth=20,
    step_pairs=8,
    retrievers={"bm25": "BM25", "dense": "MiniLM (dense)"},
    training=TrainConfig(
        dataset="pydocs",
        run="",
        backbone="minilm",
        # Rows with negatives take the same number of groups a step whatever their n, as in the paper; CE takes as many
        # pairs as n = 2. The rate is ten times the paper's for a two-hundredth of its steps. For the same number of
        # pairs, many small steps gave a higher MRR than few large ones, on training queries held out. Dropout has
        # nothing to prevent where no query comes twice, and costs a third of the time on a CPU.
        batch=4,
        steps=1600,
        learning_rate=1e-4,
        dropout=0.0,
        checkpoint_every=400,
    ),
)

SMOKE = replace(
    PYDOCS,
    name="smoke",
    share=0.06,
    queries=40,
    depth=10,
    training=replace(PYDOCS.training, steps=4, checkpoint_every=4, log_every=2),
)

# One row, LCE with n = 8 on BM25's negatives, in minutes.
DEMO = replace(
    PYDOCS,
    name="demo",
    share=0.5,
    training=replace(PYDOCS.training, batch=2, steps=500, checkpoint_every=250),
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
    cited=(("j", "castorini/monot5-base-msmarco"),),
    training=TrainConfig(dataset="msmarco-passage", run=""),
)

PRESETS = {preset.name: preset for preset in (PYDOCS, SMOKE, DEMO, MSMARCO)}
