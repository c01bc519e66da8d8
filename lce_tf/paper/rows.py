"""The paper's tables as records: what each row trains and reranks, and the paper's figures.

Source: Pradeep, Liu, Zhang, Li, Yates, Lin: "Squeezing Water from a Stone", ECIR 2022. Retrievers are roles: "dense" is
TCT-ColBERTv2 in the paper, and may be another retriever elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

# PUBLIC is a cited row that is measured after all, with a checkpoint that its authors have published.
BASELINE, CITED, OURS, PUBLIC = KINDS = ("baseline", "cited", "ours", "public")

# The layout of a table: one line per row; one cell per row, with negatives down and group sizes across; dev beside
# eval.
ROWS, GRID, LEADERBOARD = "rows", "grid", "leaderboard"

# Role of a retriever -> its name in the paper; name of a loss in the registry -> its name in the paper.
PAPER_RETRIEVERS = {"bm25": "BM25", "dense": "TCT-ColBERTv2"}
PAPER_LOSSES = {"ce": "CE", "hinge": "Hinge", "lce": "LCE"}
PAPER_MODEL = "monoELECTRA-Base"


@dataclass(frozen=True)
class Printed:
    """The paper's figures: MRR@10, R@1K (None: a dash), labels of the rows it is above, and MRR@10 on eval (or
    None)."""

    mrr: float
    recall: float | None = None
    above: tuple[str, ...] = ()
    eval: float | None = None


@dataclass(frozen=True)
class Checkpoint:
    """The identity of a trained cross-encoder; rows with equal checkpoints share one training.

    Attributes:
        negatives: role of the retriever whose top passages are the negatives.
        loss: name in the registry of losses.
        group: passages per group, including the positive (n); 1 for cross entropy.
    """

    negatives: str
    loss: str
    group: int

    @property
    def name(self) -> str:
        """A file name for it, such as `lce-n8-bm25`."""
        return f"{self.loss}-n{self.group}-{self.negatives}"


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        label: as in superscripts, without parentheses; in a grid its series and group size, such as "a16".
        kind: "baseline" (an unchanged first stage), "cited" (figures from the literature), "ours" (trained and
            measured) or "public" (measured with a published checkpoint; see `Table.measuring`).
        block: title of its block of rows.
        model: name in the paper.
        paper: the paper's figures.
        first_stage: role of the retriever that is reranked, or of the baseline itself; None for other cited systems.
        negatives: role of the retriever of the training negatives; None for baselines and other cited systems.
        loss, group: see `Checkpoint`; None without negatives.
        reference: number in the paper's list of references, for cited rows.
    """

    label: str
    kind: str
    block: str
    model: str
    paper: Printed
    first_stage: str | None = None
    negatives: str | None = None
    loss: str | None = None
    group: int | None = None
    reference: int | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"row {self.label}: kind {self.kind!r} is none of {', '.join(KINDS)}")
        for role in (self.first_stage, self.negatives):
            if role is not None and role not in PAPER_RETRIEVERS:
                raise ValueError(f"row {self.label}: {role!r} is no role; known are {', '.join(PAPER_RETRIEVERS)}")
        other_make = self.kind == CITED and (self.first_stage, self.negatives, self.loss, self.group) == (None,) * 4
        trained = self.first_stage and self.negatives and self.loss in PAPER_LOSSES and self.group
        if self.kind != BASELINE and not trained and not other_make:
            raise ValueError(f"row {self.label}: a {self.kind} row needs negatives, a known loss and a group size")

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint to train for this row; None if there is none."""
        return Checkpoint(self.negatives, self.loss, self.group) if self.kind == OURS else None

    @property
    def submitted(self) -> bool:
        """Whether it is our entry of a leaderboard, whose ranking of the eval queries is to be submitted."""
        return self.checkpoint is not None and self.paper.eval is not None

    @property
    def series(self) -> str:
        """The letter of the grid's line to which the row belongs: "a" of "a16"."""
        return self.label.rstrip("0123456789")


@dataclass(frozen=True)
class Table:
    """A table of the paper: its number, what it shows (`title`), the setting (`source`), its rows and layout."""

    number: int
    title: str
    source: str
    rows: tuple[Row, ...]
    layout: str = ROWS

    def __post_init__(self):
        labels = [row.label for row in self.rows]
        if twice := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"{self.name}: labels {sorted(twice)} stand twice")
        for row in self.rows:
            if unknown := set(row.paper.above) - set(labels):
                raise ValueError(f"{self.name}: row {row.label} is above {sorted(unknown)}, which are no rows")

    @property
    def name(self) -> str:
        """The name of the table, and of its files: `table1`."""
        return f"table{self.number}"

    @property
    def has_eval(self) -> bool:
        """Whether the table also reports the leaderboard's eval queries."""
        return any(row.paper.eval is not None for row in self.rows)

    def row(self, label: str) -> Row:
        """The row with this label; KeyError if there is none."""
        return {row.label: row for row in self.rows}[label]

    @property
    def rerankable(self) -> tuple[str, ...]:
        """Labels of the cited rows that a published checkpoint can measure: those that rerank a first stage."""
        return tuple(row.label for row in self.rows if row.kind == CITED and row.first_stage)

    def measuring(self, labels: Iterable[str]) -> "Table":
        """The table with the kind "public" for rows with these labels; labels not in `rerankable` are ignored."""
        chosen = set(labels) & set(self.rerankable)
        return replace(self, rows=tuple(replace(r, kind=PUBLIC) if r.label in chosen else r for r in self.rows))

    @property
    def measured_rows(self) -> tuple[Row, ...]:
        """The rows that are measured, which is all but the cited ones."""
        return tuple(row for row in self.rows if row.kind != CITED)

    def baseline(self, role: str) -> Row | None:
        """The row of the retriever `role` without reranking; None if the table has none."""
        return next((row for row in self.rows if row.kind == BASELINE and row.first_stage == role), None)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The checkpoints to train for the table, each once, in the order of the rows."""
        return tuple(dict.fromkeys(row.checkpoint for row in self.rows if row.checkpoint))


def _baseline(label: str, role: str, mrr: float, recall: float) -> Row:
    return Row(label, BASELINE, "Baselines", PAPER_RETRIEVERS[role], Printed(mrr, recall), role)


def _cited(label: str, model: str, reference: int, mrr: float) -> Row:
    block = "Prior cross-encoder work (cited)"
    return Row(label, CITED, block, model, Printed(mrr), "bm25", "bm25", "ce", 1, reference)


def _trained(label: str, role: str, loss: str, group: int, mrr: float, recall: float, above: str) -> Row:
    """One of our rows whose negatives come from its own first stage."""
    paper = Printed(mrr, recall, tuple(above))
    return Row(label, OURS, "Cross-encoders", PAPER_MODEL, paper, role, role, loss, group)


def _crossed(label: str, negatives: str, first_stage: str, mrr: float, recall: float, above: str = "") -> Row:
    """A row of LCE with n = 8; its negatives may come from another retriever than its first stage."""
    paper = Printed(mrr, recall, tuple(above))
    return Row(label, OURS, "LCE, n = 8", PAPER_MODEL, paper, first_stage, negatives, "lce", 8)


def _cell(label: str, negatives: str, mrr: float, above: str) -> Row:
    """A cell of the grid; the label ends in its group size, `above` names cells."""
    paper, group = Printed(mrr, above=tuple(above.split())), int(label[1:])
    return Row(label, OURS, "LCE", PAPER_MODEL, paper, "dense", negatives, "lce", group)


def _listed(label: str, model: str, reference: int | None, mrr: float, on_eval: float) -> Row:
    return Row(label, CITED, "Leaderboard (cited)", model, Printed(mrr, eval=on_eval), reference=reference)


_PAPER = "Pradeep et al. (ECIR 2022)"
_TRAINING = "ELECTRA base, 300,000 steps, batch 16, learning rate 1e-05"
_DEV = "MS MARCO passage, 6,980 dev queries, the top 1,000 reranked"

TABLE1 = Table(
    number=1,
    title="Loss functions and first-stage retrievers",
    source=f"{_PAPER}, Table 1: {_DEV}; {_TRAINING}",
    rows=(
        _baseline("a", "bm25", 0.187, 0.857),
        _baseline("b", "dense", 0.359, 0.969),
        _cited("c", "monoBERT-Base", 34, 0.347),
        _cited("d", "monoBERT-Base", 36, 0.348),
        _cited("e", "monoBERT-Base", 11, 0.353),
        _cited("f", "monoBERT-Base", 18, 0.376),
        _cited("g", "monoBERT-Base", 34, 0.365),
        _cited("h", "monoBERT-Large", 18, 0.366),
        _cited("i", "monoBERT-Large", 35, 0.372),
        _cited("j", "monoT5-Base", 35, 0.381),
        _trained("1", "bm25", "ce", 1, 0.378, 0.857, "ab"),
        _trained("2", "bm25", "hinge", 2, 0.379, 0.857, "ab5"),
        _trained("3", "bm25", "lce", 2, 0.378, 0.857, "ab5"),
        _trained("4", "bm25", "lce", 8, 0.391, 0.857, "ab12356"),
        _trained("5", "dense", "ce", 1, 0.365, 0.969, "a"),
        _trained("6", "dense", "hinge", 2, 0.375, 0.969, "ab"),
        _trained("7", "dense", "lce", 2, 0.393, 0.969, "ab12356"),
        _trained("8", "dense", "lce", 8, 0.401, 0.969, "ab123456"),
    ),
)

TABLE2 = Table(
    number=2,
    title="Hard negatives and first-stage retrievers",
    source=f"{_PAPER}, Table 2: {_DEV}; {_TRAINING}, LCE with n = 8; rows a and d are Table 1's 4 and 8",
    rows=(
        _crossed("a", "bm25", "bm25", 0.391, 0.8573),
        _crossed("b", "dense", "bm25", 0.389, 0.8573),
        _crossed("c", "bm25", "dense", 0.402, 0.9690, "ab"),
        _crossed("d", "dense", "dense", 0.401, 0.9690, "ab"),
    ),
)

TABLE3 = Table(
    number=3,
    title="Group size and hard negatives",
    source=f"{_PAPER}, Table 3: {_DEV}; {_TRAINING}, LCE; first stage TCT-ColBERTv2, R@1K .9690",
    layout=GRID,
    rows=(
        _cell("a2", "dense", 0.393, "b2"),
        _cell("a4", "dense", 0.400, "b2"),
        _cell("a8", "dense", 0.401, "b2"),
        _cell("a16", "dense", 0.408, "a2 a4 a8 b2 b4"),
        _cell("a32", "dense", 0.414, "a2 a4 a8 b2 b4 b8 b16"),
        _cell("b2", "bm25", 0.381, ""),
        _cell("b4", "bm25", 0.397, "b2"),
        _cell("b8", "bm25", 0.402, "b2"),
        _cell("b16", "bm25", 0.403, "b2"),
        _cell("b32", "bm25", 0.407, "b2 b4"),
    ),
)

TABLE4 = Table(
    number=4,
    title="The passage leaderboard",
    source=f"{_PAPER}, Table 4: the official MS MARCO passage leaderboard; row g is Table 3's cell a, n = 32",
    layout=LEADERBOARD,
    rows=(
        _listed("a", "coCondenser", 10, 0.443, 0.428),
        _listed("b", "C-COIL + RoBERTa", 12, 0.443, 0.427),
        _listed("c", "RocketQA + ERNIE", 41, 0.439, 0.426),
        _listed("d", "DR-BERT", None, 0.420, 0.419),
        _listed("e", "expando-mono-duo-T5", 40, 0.420, 0.408),
        _listed("f", "DeepCT + TF-Ranking Ensemble", 16, 0.420, 0.408),
        Row("g", OURS, "Ours", PAPER_MODEL, Printed(0.414, eval=0.404), "dense", "dense", "lce", 32),
    ),
)

TABLES = {table.name: table for table in (TABLE1, TABLE2, TABLE3, TABLE4)}
