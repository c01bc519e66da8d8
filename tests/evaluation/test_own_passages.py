"""On BEIR's sets a query does not find itself."""

from lce_tf.data.datasets import load_dataset
from lce_tf.data.runs import Run
from lce_tf.evaluation.own_passages import without_own_passages

RUN = Run.build(["a", "b", "d"], [0, 3, 4, 5], ["a", "b", "c", "c", "d"], [3, 2, 1, 1, 1])
QRELS = {"a": {"a": 0, "b": 1}, "d": {"c": 1}}


def test_a_query_does_not_find_itself_in_beir():
    kept = without_own_passages(RUN, "beir/arguana", None, QRELS)
    assert kept.passage_ids.tolist() == [b"b", b"c", b"c"] and kept.offsets.tolist() == [0, 2, 3, 3]


def test_another_set_keeps_such_passages():
    assert without_own_passages(RUN, "msmarco-passage", None, QRELS) is RUN
    others = Run.build(["a"], [0, 1], ["b"], [1])
    assert without_own_passages(others, "beir/arguana", None, QRELS) is others


def test_a_folder_in_beir_s_layout_is_one_of_its_sets(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"_id": "a", "text": "x"}\n')
    folder = str(tmp_path), load_dataset(str(tmp_path))
    kept = without_own_passages(RUN, *folder, QRELS)
    assert kept.passage_ids.tolist() == [b"b", b"c", b"c"]
    answers = {query: {query: 1} for query in "abd"}  # question 1 is answered by passage 1
    assert without_own_passages(RUN, *folder, answers) is RUN
    assert without_own_passages(RUN, "beir/fiqa", None, answers) is not RUN
