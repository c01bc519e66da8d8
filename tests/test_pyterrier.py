"""The reranker in PyTerrier's own pipelines, cut-offs, experiments and inspection; Java is never started."""

import numpy as np
import pytest

from lce_tf import Reranker
from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate, mean
from tests.training.conftest import make_backbone, make_data, make_run

pt = pytest.importorskip("pyterrier", reason="PyTerrier is not installed")
COLUMNS = ["qid", "query", "docno", "text", "score", "rank"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a data set, its run and a checkpoint of random weights."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import Scoring
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.tokens.lengths import Lengths

    folder = tmp_path_factory.mktemp("place")
    make_data(folder / "data")
    make_run(folder / "dev.trec", "dev")
    backbone = make_backbone(folder / "backbone")
    model = checkpoint.from_backbone(str(backbone), Scoring(1), PRECISIONS["float32"], seed=1)
    checkpoint.save(model, folder / "model", backbone, Lengths(8, 40), {"loss": "test"})
    return folder


@pytest.fixture(scope="module")
def queries(place):
    import pandas as pd

    return pd.read_csv(place / "data" / "queries.dev.tsv", sep="\t", names=["qid", "query"])


@pytest.fixture(scope="module")
def first_stage(place, queries):
    """Our run as PyTerrier reads it, with the texts of its queries and passages."""
    import pandas as pd

    passages = pd.read_csv(place / "data" / "collection.tsv", sep="\t", names=["docno", "text"])
    run = pt.io.read_results(str(place / "dev.trec")).merge(queries, on="qid").merge(passages, on="docno")
    return pt.Transformer.from_df(run[COLUMNS])


@pytest.fixture(scope="module")
def reranker(place):
    from lce_tf.pyterrier import LceReranker

    return LceReranker(place / "model")


def test_scores_and_ranks_are_those_of_the_reranker(place, queries, first_stage, reranker):
    before, after = first_stage(queries), (first_stage >> reranker)(queries)
    assert list(after.columns) == COLUMNS and len(after) == len(before) == 240
    same = Reranker.load(place / "model")
    pairs = list(zip(before["query"], before["text"], strict=True))
    assert after["score"].tolist() == pytest.approx(same.score(pairs).tolist(), abs=1e-5)
    assert after[["qid", "docno"]].equals(before[["qid", "docno"]])
    for _, rows in after.groupby("qid"):
        texts = rows["text"].tolist()
        expected = [texts[ranked.index] for ranked in same.rank(rows["query"].iloc[0], texts)]
        assert rows.sort_values("rank")["text"].tolist() == expected
        assert sorted(rows["rank"]) == list(range(20))
    assert before["score"].iloc[0] == 99  # what came in is as it was


def test_a_saturated_sigmoid_changes_no_rank(first_stage, queries, reranker, monkeypatch):
    from lce_tf.reranker import Scored

    before = first_stage(queries).iloc[:3]
    logits = np.array([42, 41, 57], np.float32)
    same = reranker._reranker
    monkeypatch.setattr(same, "scored", lambda pairs: Scored(logits, np.ones(3, np.int64), np.zeros(3, bool)))
    monkeypatch.setattr(same, "shown", "sigmoid")
    after = reranker(before)
    assert after["score"].tolist() == [1.0, 1.0, 1.0] and after["rank"].tolist() == [1, 2, 0]
    assert [hit.index for hit in same.rank("q", ["a", "b", "c"])] == [2, 0, 1]


def test_cut_offs_before_and_after(queries, first_stage, reranker):
    top = (first_stage % 5 >> reranker % 2)(queries)
    assert len(top) == 2 * 12 and set(top["rank"]) == {0, 1}
    entered = set(map(tuple, (first_stage % 5)(queries)[["qid", "docno"]].values))
    assert {tuple(row) for row in top[["qid", "docno"]].values} <= entered


def test_another_text_field_by_name_or_by_renaming(place, queries, first_stage, reranker):
    from lce_tf.pyterrier import LceReranker

    expected = (first_stage >> reranker)(queries)["score"].tolist()
    body = first_stage >> pt.apply.rename({"text": "body"})
    named = LceReranker(Reranker.load(place / "model"), text_field="body")
    assert (body >> named)(queries)["score"].tolist() == pytest.approx(expected, abs=1e-5)
    renamed = body >> pt.apply.rename({"body": "text"}) >> reranker
    assert renamed(queries)["score"].tolist() == pytest.approx(expected, abs=1e-5)


def test_an_experiment_gives_our_figures(place, queries, first_stage, reranker, tmp_path):
    import pandas as pd

    judged = read_qrels(place / "data" / "qrels.dev.txt")
    rows = [(query_id, docno, grade) for query_id, found in judged.items() for docno, grade in found.items()]
    qrels = pd.DataFrame(rows, columns=["qid", "docno", "label"])
    pipeline = first_stage >> reranker
    table = pt.Experiment([first_stage, pipeline], queries, qrels, ["recip_rank", "ndcg_cut_10"], names=["a", "b"])
    pt.io.write_results(pipeline(queries), str(tmp_path / "new.trec"))
    for row, path in ((0, place / "dev.trec"), (1, tmp_path / "new.trec")):
        ours = evaluate(read_run(path), judged, ["RR", "nDCG@10"])
        assert table["recip_rank"][row] == pytest.approx(mean(ours["RR"]), abs=1e-6)
        assert table["ndcg_cut_10"][row] == pytest.approx(mean(ours["nDCG@10"]), abs=1e-6)
    assert table["recip_rank"][0] != table["recip_rank"][1]


def test_missing_columns_are_refused_as_elsewhere_in_pyterrier(queries, first_stage, reranker):
    frame = first_stage(queries)
    for column in ("qid", "query", "docno", "text"):
        with pytest.raises(pt.validate.InputValidationError, match=column):
            reranker(frame.drop(columns=column))
    with pytest.raises(TypeError, match="two strings"):
        reranker(frame.assign(text=None))
    name = "query {qid}, passage {docno}".format(**frame.iloc[3])
    with pytest.raises(UserError, match=f"{name}, passage, holds half of a surrogate pair"):
        reranker(frame.assign(text=frame["text"].astype(object).where(frame.index != frame.index[3], "\ud800")))


def test_an_empty_frame_has_its_columns(queries, first_stage, reranker):
    found = reranker(first_stage(queries).iloc[:0])
    assert list(found.columns) == COLUMNS and len(found) == 0


def test_inspection(place, first_stage, reranker):
    assert pt.inspect.transformer_inputs(reranker) == [["qid", "docno", "query", "text"]]
    assert pt.inspect.transformer_outputs(reranker, ["qid", "query", "docno", "text"]) == COLUMNS
    values = {attribute.name: attribute.value for attribute in pt.inspect.transformer_attributes(reranker)}
    assert values == {"checkpoint": place / "model", "text_field": "text"}
    assert pt.inspect.transformer_apply_attributes(reranker, text_field="body").text_field == "body"


def test_java_was_not_started(queries, first_stage, reranker):
    (first_stage >> reranker % 1)(queries)
    assert not pt.java.started()
