"""The records of the paper's tables against its printed figures, typed again here."""

import pytest

from lce_tf.losses import LOSSES
from lce_tf.paper.rows import (
    PAPER_LOSSES,
    PAPER_RETRIEVERS,
    TABLE1,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLES,
    Checkpoint,
    Printed,
    Row,
    Table,
)

BASELINES = """
a BM25 .187 .857
b TCT-ColBERTv2 .359 .969
"""
CITED = """
c monoBERT-Base  34 .347
d monoBERT-Base  36 .348
e monoBERT-Base  11 .353
f monoBERT-Base  18 .376
g monoBERT-Base  34 .365
h monoBERT-Large 18 .366
i monoBERT-Large 35 .372
j monoT5-Base    35 .381
"""
OURS = """
1 BM25          CE    1 .378 .857 a b
2 BM25          Hinge 2 .379 .857 a b 5
3 BM25          LCE   2 .378 .857 a b 5
4 BM25          LCE   8 .391 .857 a b 1 2 3 5 6
5 TCT-ColBERTv2 CE    1 .365 .969 a
6 TCT-ColBERTv2 Hinge 2 .375 .969 a b
7 TCT-ColBERTv2 LCE   2 .393 .969 a b 1 2 3 5 6
8 TCT-ColBERTv2 LCE   8 .401 .969 a b 1 2 3 4 5 6
"""


# Negatives, first stage, MRR@10, R@1K, superscript.
TABLE_2 = """
a BM25          BM25          .391 .8573
b TCT-ColBERTv2 BM25          .389 .8573
c BM25          TCT-ColBERTv2 .402 .9690 a b
d TCT-ColBERTv2 TCT-ColBERTv2 .401 .9690 a b
"""
# As the paper prints a line: per group size the figure with what is raised (row a) and lowered (row b).
TABLE_3 = {
    ("a", "TCT-ColBERTv2"): ".393 b2 | .400 b2 | .401 b2 | .408 b2,4 a2,4,8 | .414 b2,4,8,16 a2,4,8",
    ("b", "BM25"): ".381 | .397 b2 | .402 b2 | .403 b2 | .407 b2,4",
}
TABLE_4 = """
a .443 .428 10 coCondenser
b .443 .427 12 C-COIL + RoBERTa
c .439 .426 41 RocketQA + ERNIE
d .420 .419 -  DR-BERT
e .420 .408 40 expando-mono-duo-T5
f .420 .408 16 DeepCT + TF-Ranking Ensemble
"""


def printed(kind):
    return [row for row in TABLE1.rows if row.kind == kind]


def words(text):
    return [line.split() for line in text.strip().splitlines()]


def test_table1_baselines():
    found = [[r.label, r.model, r.paper.mrr, r.paper.recall, r.paper.above] for r in printed("baseline")]
    assert found == [[label, name, float(mrr), float(recall), ()] for label, name, mrr, recall in words(BASELINES)]
    assert all(row.checkpoint is None and PAPER_RETRIEVERS[row.first_stage] == row.model for row in printed("baseline"))


def test_table1_cited_rows():
    found = [[r.label, r.model, r.reference, r.paper.mrr] for r in printed("cited")]
    assert found == [[label, name, int(reference), float(mrr)] for label, name, reference, mrr in words(CITED)]
    for row in printed("cited"):
        assert (row.first_stage, row.loss, row.group, row.paper.recall) == ("bm25", "ce", 1, None)
        assert row.checkpoint is None


def test_table1_trained_rows():
    for row, (label, retriever, loss, group, mrr, recall, *above) in zip(printed("ours"), words(OURS), strict=True):
        assert row.label == label and row.model == "monoELECTRA-Base"
        assert PAPER_RETRIEVERS[row.negatives] == PAPER_RETRIEVERS[row.first_stage] == retriever
        assert (PAPER_LOSSES[row.loss], row.group) == (loss, int(group))
        assert row.paper == Printed(float(mrr), float(recall), tuple(above))


def test_rows_stand_in_the_papers_order():
    assert "".join(row.label for row in TABLE1.rows) == "abcdefghij12345678"
    assert TABLES == {"table1": TABLE1, "table2": TABLE2, "table3": TABLE3, "table4": TABLE4}


def test_table2():
    for row, (label, negatives, first_stage, mrr, recall, *above) in zip(TABLE2.rows, words(TABLE_2), strict=True):
        assert (row.label, row.kind, row.loss, row.group) == (label, "ours", "lce", 8)
        assert (PAPER_RETRIEVERS[row.negatives], PAPER_RETRIEVERS[row.first_stage]) == (negatives, first_stage)
        assert row.paper == Printed(float(mrr), float(recall), tuple(above))


def test_table3():
    cells = iter(TABLE3.rows)
    for (series, negatives), line in TABLE_3.items():
        for group, cell in zip((2, 4, 8, 16, 32), line.split(" | "), strict=True):
            mrr, *marks = cell.split()
            above = {mark[0] + size for mark in marks for size in mark[1:].split(",")}
            row = next(cells)
            assert (row.label, row.series, row.group) == (f"{series}{group}", series, group)
            assert (PAPER_RETRIEVERS[row.negatives], row.first_stage, row.loss) == (negatives, "dense", "lce")
            assert row.paper.mrr == float(mrr) and set(row.paper.above) == above
    assert next(cells, None) is None


def test_table4():
    *cited, ours = TABLE4.rows
    for row, line in zip(cited, TABLE_4.strip().splitlines(), strict=True):
        label, dev, on_eval, reference, model = line.split(maxsplit=4)
        assert (row.label, row.kind, row.model) == (label, "cited", model)
        assert (row.paper.mrr, row.paper.eval, row.paper.recall) == (float(dev), float(on_eval), None)
        assert row.reference == (None if reference == "-" else int(reference))
        assert row.checkpoint is row.first_stage is None
    assert (ours.label, ours.kind, ours.paper) == ("g", "ours", Printed(0.414, eval=0.404))
    assert TABLE4.has_eval and not TABLE3.has_eval


def test_nothing_is_trained_twice():
    """Table 1's eight serve Table 2 whole and three of Table 3's cells; Table 4's is Table 3's a32."""
    found = [checkpoint for table in TABLES.values() for checkpoint in table.checkpoints()]
    assert len(found) == 8 + 2 + 10 + 1 and len(set(found)) == 8 + 10 - 4
    one = {row.checkpoint for row in TABLE1.rows if row.checkpoint}
    assert {row.checkpoint for row in TABLE2.rows} == {TABLE1.row("4").checkpoint, TABLE1.row("8").checkpoint}
    shared = [row.label for row in TABLE3.rows if row.checkpoint in one]
    assert shared == ["a2", "a8", "b2", "b8"]
    assert TABLE4.row("g").checkpoint == TABLE3.row("a32").checkpoint


def test_losses_are_those_that_can_be_trained():
    assert set(PAPER_LOSSES) < set(LOSSES)


def test_checkpoints_are_shared_between_rows_that_train_the_same():
    assert len(TABLE1.checkpoints()) == 8
    assert TABLE1.row("4").checkpoint == Checkpoint("bm25", "lce", 8)
    assert TABLE1.row("4").checkpoint.name == "lce-n8-bm25"
    swapped = Row("c", "ours", "", "m", Printed(0.402), "dense", "bm25", "lce", 8)
    assert swapped.checkpoint == TABLE1.row("4").checkpoint
    assert len(Table(2, "t", "s", (swapped, TABLE1.row("a"), TABLE1.row("b"))).checkpoints()) == 1


def test_baseline_of_a_retriever():
    assert TABLE1.baseline("dense").label == "b"
    assert Table(9, "t", "s", ()).baseline("dense") is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"kind": "other"}, "kind 'other'"),
        ({"first_stage": "sparse"}, "'sparse' is no role"),
        ({"negatives": "sparse"}, "'sparse' is no role"),
        ({"loss": "triplet"}, "needs negatives, a known loss"),
        ({"group": None}, "needs negatives, a known loss"),
    ],
)
def test_rows_are_checked(change, fault):
    row = dict(kind="ours", block="", model="m", paper=Printed(0.1), first_stage="bm25")
    row |= dict(negatives="bm25", loss="lce", group=8) | change
    with pytest.raises(ValueError, match=fault):
        Row("1", **row)


def test_tables_are_checked():
    row = TABLE1.row("a")
    with pytest.raises(ValueError, match="stand twice"):
        Table(9, "t", "s", (row, row))
    with pytest.raises(ValueError, match=r"row 1 is above \['b'\]"):
        Table(9, "t", "s", (row, TABLE1.row("1")))
