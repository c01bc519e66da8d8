"""The paper's tables as records: what each row trains, what it reranks and what the paper got.

Source: Pradeep, Liu, Zhang, Li, Yates, Lin: "Squeezing Water from a Stone", ECIR 2022. Retrievers are roles: "dense"
is TCT-ColBERTv2 in the paper, and whatever stands in its place elsewhere.
"""

from dataclasses import dataclass

BASELINE, CITED, OURS = "baseline", "cited", "ours"

# Role of a retriever -> its name in the paper; name of a loss in our registry -> its name in the paper.
PAPER_RETRIEVERS = {"bm25": "BM25", "dense": "TCT-ColBERTv2"}
PAPER_LOSSES = {"ce": "CE", "hinge": "Hinge", "lce": "LCE"}
PAPER_MODEL = "monoELECTRA-Base"


@dataclass(frozen=True)
class Printed:
    """What the paper prints for a row: MRR@10, R@1K (None: a dash) and the labels of the rows in its superscript."""

    mrr: float
    recall: float | None = None
    above: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """The identity of a trained cross-encoder: rows and tables that agree in it share one training.

    Attributes:
        negatives: role of the retriever whose top passages are the negatives.
        loss: name in the registry of losses.
        group: passages a group, the positive included (n); 1 for cross entropy.
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
        label: as the paper prints it and names it in superscripts, without parentheses.
        kind: "baseline" (a first stage as it is), "cited" (figures from the literature) or "ours" (trained and
            measured).
        block: title of the block of rows that it stands in.
        model: name in the paper.
        paper: the paper's figures.
        first_stage: role of the retriever that is reranked, or that a baseline is.
        negatives: role of the retriever that gives the training negatives; None for baselines.
        loss, group: see `Checkpoint`; None for baselines.
        reference: number in the paper's list of references, for cited rows.
    """

    label: str
    kind: str
    block: str
    model: str
    paper: Printed
    first_stage: str
    negatives: str | None = None
    loss: str | None = None
    group: int | None = None
    reference: int | None = None

    def __post_init__(self):
        if self.kind not in (BASELINE, CITED, OURS):
            raise ValueError(f"row {self.label}: kind {self.kind!r} is none of baseline, cited, ours")
        for role in (self.first_stage, self.negatives):
            if role is not None and role not in PAPER_RETRIEVERS:
                raise ValueError(f"row {self.label}: {role!r} is no role; known are {', '.join(PAPER_RETRIEVERS)}")
        if self.kind != BASELINE and (self.negatives is None or self.loss not in PAPER_LOSSES or not self.group):
            raise ValueError(f"row {self.label}: a {self.kind} row needs negatives, a known loss and a group size")

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What has to be trained for this row; None where nothing has."""
        return Checkpoint(self.negatives, self.loss, self.group) if self.kind == OURS else None


@dataclass(frozen=True)
class Table:
    """A table of the paper: its number, what it shows (`title`), the paper's setting (`source`) and its rows."""

    number: int
    title: str
    source: str
    rows: tuple[Row, ...]

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

    def row(self, label: str) -> Row:
        """The row with this label; KeyError where there is none."""
        return {row.label: row for row in self.rows}[label]

    def baseline(self, role: str) -> Row | None:
        """The row that is the retriever `role` itself, where the table has one."""
        return next((row for row in self.rows if row.kind == BASELINE and row.first_stage == role), None)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """What has to be trained for the table, each once, in the order of the rows."""
        return tuple(dict.fromkeys(row.checkpoint for row in self.rows if row.checkpoint))


def _baseline(label: str, role: str, mrr: float, recall: float) -> Row:
    return Row(label, BASELINE, "Baselines", PAPER_RETRIEVERS[role], Printed(mrr, recall), role)


def _cited(label: str, model: str, reference: int, mrr: float) -> Row:
    block = "Prior cross-encoder work (cited)"
    return Row(label, CITED, block, model, Printed(mrr), "bm25", "bm25", "ce", 1, reference)


def _trained(label: str, role: str, loss: str, group: int, mrr: float, recall: float, above: str) -> Row:
    """A row of ours whose negatives come from its own first stage."""
    paper = Printed(mrr, recall, tuple(above))
    return Row(label, OURS, "Cross-encoders", PAPER_MODEL, paper, role, role, loss, group)


TABLE1 = Table(
    number=1,
    title="Loss functions and first-stage retrievers",
    source=(
        "Pradeep et al. (ECIR 2022), Table 1: MS MARCO passage, 6,980 dev queries, the top 1,000 reranked; "
        "ELECTRA base, 300,000 steps, batch 16, learning rate 1e-05"
    ),
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

TABLES = {table.name: table for table in (TABLE1,)}
