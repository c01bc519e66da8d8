"""A table's rows over BEIR's sets: a query that is a passage of the collection does not find itself."""

from types import SimpleNamespace

from lce_tf.data.runs import Run, write_trec
from lce_tf.paper.rows import TABLE1
from lce_tf.replication.replicate import _values


def test_a_query_does_not_count_itself(tmp_path):
    run = tmp_path / "bm25.trec"
    write_trec(Run.build(["a"], [0, 3], ["a", "b", "c"], [3, 2, 1]), run)

    def of(dataset):
        products = SimpleNamespace(
            source=lambda key: (dataset, None), first_stage_path=lambda role, split: run, first_stage=print
        )
        return _values(TABLE1.row("a"), products, (1,), "also", {"a": {"b": 1}}, ("nDCG@10",))["nDCG@10"][0]["a"]

    assert of("beir/arguana") == 1.0
    assert round(of("msmarco-passage"), 4) == 0.6309  # 1 / log2(3)
