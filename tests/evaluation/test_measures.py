"""Measures compared with hand calculation, trec_eval's printed figures, and ir_measures."""

import math
from pathlib import Path

import ir_measures
import numpy as np
import pytest

from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import Run, read_run, write_trec
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import coverage, evaluate, figure_name, mean, measure_names, parse_measure

FILES = Path(__file__).parents[1] / "files"

# What trec_eval prints for eight queries of TREC DL 2019, each run cut to its top 100 (files/dl19.*), by
#   trec_eval -c -l REL -m MEASURE dl19.qrels.txt RUN        and, for RR@10,   trec_eval -c -l REL -M 10 -m recip_rank …
# The binary is the linux-amd64 one in Anserini 1.7.1's fat jar; --version calls itself 9.0.4. The BM25 run has no ties.
# Of the eight queries, four have no passage of grade 3: for `rel=3` trec_eval still divides by eight.
BM25 = {
    "RR@10": 0.7104, "RR": 0.7104, "AP": 0.3659, "AP@10": 0.2011, "P@10": 0.4250, "R@100": 0.6687, "Success@1": 0.6250,
    "Rprec": 0.3644, "Bpref": 0.3843, "SetP": 0.2288, "SetR": 0.6687, "SetAP": 0.1596, "nDCG": 0.5312,
    "nDCG@10": 0.4140, "RR(rel=2)@10": 0.4656, "RR(rel=2)": 0.4656, "AP(rel=2)": 0.2686, "AP(rel=2)@10": 0.1565,
    "P(rel=2)@10": 0.2500, "R(rel=2)@100": 0.6824, "Success(rel=2)@1": 0.3750, "Rprec(rel=2)": 0.2535,
    "Bpref(rel=2)": 0.2243, "RR(rel=3)@10": 0.1688, "RR(rel=3)": 0.1750, "AP(rel=3)": 0.0966, "AP(rel=3)@10": 0.0788,
    "R(rel=3)@100": 0.3625, "Rprec(rel=3)": 0.0750, "Bpref(rel=3)": 0.0678,
}  # fmt: skip
# The same after queries 1124210 and 962179 were taken out of the run, not out of the judgments.
BM25_WITHOUT_TWO = {
    "RR@10": 0.5729, "AP": 0.2751, "P@10": 0.2875, "R@100": 0.5356, "nDCG@10": 0.3144, "RR(rel=2)@10": 0.3281,
    "AP(rel=3)": 0.0893,
}  # fmt: skip
# The ColBERT run has ties. As it stands trec_eval breaks them by passage id, descending; the second column is what it
# prints once the scores are made strictly decreasing in our order (score, then the file's rank).
COLBERT = {
    "RR@10": (0.8375, 0.8167), "RR(rel=2)@10": (0.6813, 0.6604), "AP(rel=2)": (0.4886, 0.4879), "AP": (0.5404, 0.5402),
    "nDCG@10": (0.6466, 0.6446), "nDCG": (0.7060, 0.7054), "Bpref(rel=2)": (0.4460, 0.4457),
    "R(rel=2)@100": (0.8206, 0.8206), "P@10": (0.6250, 0.6250), "AP(rel=3)": (0.2473, 0.2471),
}  # fmt: skip


@pytest.fixture(scope="module")
def dl19():
    return read_qrels(FILES / "dl19.qrels.txt.gz")


def ranked(rankings, scores=None):
    """A Run of query id -> passage ids, best first."""
    ids = [pid for ranking in rankings.values() for pid in ranking]
    lengths = [len(ranking) for ranking in rankings.values()]
    falling = [float(-rank) for length in lengths for rank in range(length)]
    return Run(
        query_ids=np.array([query_id.encode() for query_id in rankings], dtype="S"),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        passage_ids=np.array([pid.encode() for pid in ids], dtype="S"),
        scores=np.array(falling if scores is None else scores, dtype=np.float64),
    )


def means(run, qrels, names):
    return {name: mean(values) for name, values in evaluate(run, qrels, list(names)).items()}


def test_measures_by_hand():
    run = ranked({"q": ["a", "b", "c"]})
    qrels = {"q": {"a": 0, "b": 1, "c": 2, "elsewhere": 1}}
    expected = {
        "MRR@10": 1 / 2,
        "RR@1": 0,
        "RR(rel=2)@10": 1 / 3,
        "P@2": 1 / 2,
        "P@5": 2 / 5,
        "R@3": 2 / 3,
        "R@1K": 2 / 3,
        "R(rel=2)@3": 1,
        "AP": (1 / 2 + 2 / 3) / 3,
        "MAP": (1 / 2 + 2 / 3) / 3,
        "AP(rel=2)": 1 / 3,
        "AP@2": (1 / 2) / 3,
        "Success@1": 0,
        "Success@2": 1,
        "nDCG@3": (1 / math.log2(3) + 2 / math.log2(4)) / (2 + 1 / math.log2(3) + 1 / math.log2(4)),
    }
    assert means(run, qrels, expected) == pytest.approx(expected, abs=1e-12)


def test_reciprocal_rank_stops_at_its_cutoff():
    run = ranked({"q": [f"p{rank}" for rank in range(1, 21)]})
    found = means(run, {"q": {"p11": 1}}, ["MRR@10", "RR@11", "RR"])
    assert found == pytest.approx({"MRR@10": 0, "RR@11": 1 / 11, "RR": 1 / 11})


def test_every_judged_query_counts_and_no_other():
    run = ranked({"found": ["a"], "unjudged": ["a"], "none relevant": ["a"], "no judgments left": ["a"]})
    qrels = {"lost": {"a": 1}, "found": {"a": 1}, "none relevant": {"a": 0}, "no judgments left": {}}
    values = evaluate(run, qrels, ["MRR@10", "nDCG@10", "R@10", "AP", "Bpref", "Rprec"])
    for found in values.values():
        assert found == {"lost": 0.0, "found": 1.0, "none relevant": 0.0, "no judgments left": 0.0}
        assert all(type(value) is float for value in found.values())
        assert mean(found) == 0.25


@pytest.mark.parametrize("grades", [{"b": -1}, {"a": -2, "b": -1}, {"a": 0}])
def test_grades_below_1_alone_score_0(grades):
    """pytrec_eval crashes on the first two, or never ends."""
    names = ["RR@10", "AP", "nDCG", "nDCG@10", "Bpref", "Rprec", "SetP", "P@1", "R@10", "Success@1"]
    found = evaluate(ranked({"q": ["a", "b"], "r": ["a"]}), {"q": grades, "r": {"a": 1}}, names)
    assert {name: values["q"] for name, values in found.items()} == dict.fromkeys(names, 0.0)
    assert {values["r"] for values in found.values()} == {1.0}


def test_a_query_without_passages_in_the_run_scores_0():
    run = ranked({"empty": [], "full": ["a"]})
    qrels = {"empty": {"a": 1}, "full": {"a": 1}}
    assert evaluate(run, qrels, ["RR@10"]) == {"RR@10": {"empty": 0.0, "full": 1.0}}
    assert coverage(run, qrels).missing == ("empty",)


@pytest.mark.parametrize("scores", [[1.0, 1.0], [1.000000001, 1.0], [1e300, 1e-300], [0.0, -0.0]])
def test_the_order_decides_where_scores_tie(scores):
    qrels = {"q": {"a": 1}}
    assert means(ranked({"q": ["a", "z"]}, scores), qrels, ["RR@10"]) == {"RR@10": 1.0}
    assert means(ranked({"q": ["z", "a"]}, scores), qrels, ["RR@10"]) == {"RR@10": 0.5}


def test_many_queries_and_long_lists():
    """1,203 queries, the relevant passage of query i at rank i % 20 + 1 of 30."""
    names = [f"p{rank:02}" for rank in range(30)]
    rankings = {f"q{i}": names for i in range(1203)}
    qrels = {f"q{i}": {names[i % 20]: 1} for i in range(1203)}
    expected = sum(1 / (i % 20 + 1) for i in range(1203) if i % 20 < 10) / 1203
    found = evaluate(ranked(rankings), qrels, ["MRR@10", "R@1000"])
    assert mean(found["MRR@10"]) == pytest.approx(expected, abs=1e-15)
    assert mean(found["R@1000"]) == 1
    assert list(found["MRR@10"]) == list(qrels)


def test_ids_that_are_not_ascii():
    run = ranked({"früh": ["naïve", "東京"]})
    assert evaluate(run, {"früh": {"東京": 1}}, ["RR@10"]) == {"RR@10": {"früh": 0.5}}


def test_agrees_with_trec_eval(dl19):
    found = means(read_run(FILES / "dl19.bm25.trec.gz"), dl19, BM25)
    assert found == pytest.approx(BM25, abs=5e-5)


def test_agrees_with_trec_eval_where_the_run_lacks_queries(dl19):
    run = read_run(FILES / "dl19.bm25.trec.gz")
    kept = [query_id for query_id in dl19 if query_id not in ("1124210", "962179")]
    part = run.only(kept)
    assert means(part, dl19, BM25_WITHOUT_TWO) == pytest.approx(BM25_WITHOUT_TWO, abs=5e-5)
    met = coverage(part, dl19)
    assert (met.judged, set(met.missing), met.unjudged) == (8, {"1124210", "962179"}, ())


def test_a_run_with_ties_agrees_with_trec_eval_once_its_order_is_made_strict(dl19):
    found = means(read_run(FILES / "dl19.colbert.trec.gz"), dl19, COLBERT)
    assert found == pytest.approx({name: strict for name, (_, strict) in COLBERT.items()}, abs=5e-5)


def test_ties_in_trec_evals_order_give_trec_evals_figures_for_the_run_as_it_stands(dl19):
    rankings = read_run(FILES / "dl19.colbert.trec.gz").as_dict()
    descending = {
        query_id: sorted(scores, key=lambda passage_id: (scores[passage_id], passage_id), reverse=True)
        for query_id, scores in rankings.items()
    }
    found = means(ranked(descending), dl19, COLBERT)
    assert found == pytest.approx({name: as_it_stands for name, (as_it_stands, _) in COLBERT.items()}, abs=5e-5)


def test_a_run_written_by_us_gives_every_referee_our_figure(dl19, tmp_path):
    run = read_run(FILES / "dl19.colbert.trec.gz")
    write_trec(run, tmp_path / "colbert.trec")
    names = [*COLBERT, "Success@1", "R@1000", "Rprec"]
    referee = ir_measures.calc_aggregate(
        [ir_measures.parse_measure(name) for name in names],
        [ir_measures.Qrel(q, p, grade) for q, judged in dl19.items() for p, grade in judged.items()],
        list(ir_measures.read_trec_run(str(tmp_path / "colbert.trec"))),
    )
    referee = {name: referee[ir_measures.parse_measure(name)] for name in names}
    assert means(run, dl19, names) == pytest.approx(referee, abs=1e-6)
    assert means(read_run(tmp_path / "colbert.trec"), dl19, names) == means(run, dl19, names)


@pytest.mark.parametrize(
    ("name", "trec_name", "rel", "cutoff"),
    [
        ("MRR@10", "recip_rank", 1, 10),
        ("RR", "recip_rank", 1, None),
        ("MAP", "map", 1, None),
        ("AP@100", "map_cut.100", 1, 100),
        ("R@1K", "recall.1000", 1, 1000),
        ("R@1k", "recall.1000", 1, 1000),
        ("Recall@1000", "recall.1000", 1, 1000),
        ("RR(rel=2)@10", "recip_rank", 2, 10),
        ("P(rel=3,cutoff=5)", "P.5", 3, 5),
        ("NDCG@20", "ndcg_cut.20", 1, 20),
    ],
)
def test_names_of_measures(name, trec_name, rel, cutoff):
    measure = parse_measure(name)
    assert (measure.name, measure.trec_name, measure.rel, measure.cutoff) == (name, trec_name, rel, cutoff)


@pytest.mark.parametrize(
    "name",
    [
        "", "Foo@10", "R", "P", "P@0", "RR@-1", "RR@x", "RR@10.5", "RR@True", "RR@@10", "ERR@20", "RBP(p=0.8)",
        "Judged@10", "RR(rel=0)", "RR(rel='2')", "nDCG(dcg='exp-log2')@10", "RR(judged_only=True)@10", "RR(10)",
        "run.trec",
        "__import__('os').getcwd()", "MRR@10 MAP", "RR(nonsense=1)", "a\0b", "10@RR", "R@1M", "NumQ", "RR(**{'a':1})",
    ],
)  # fmt: skip
def test_measures_that_cannot_be_had(name):
    with pytest.raises(UserError, match="(?s)^measure .*MRR@10|at least 1") as caught:
        parse_measure(name)
    assert "\n" not in str(caught.value)


def test_refuses_no_judgments_and_double_passages():
    with pytest.raises(UserError, match="no judgments"):
        evaluate(ranked({"q": ["a"]}), {}, ["RR@10"])
    with pytest.raises(UserError, match="query q: .*twice"):
        evaluate(ranked({"q": ["a", "a"]}), {"q": {"a": 1}}, ["RR@10"])


def test_mean_does_not_depend_on_order():
    values = [0.1] * 10 + [1e-17, 1.0, 1 / 3]
    assert mean(values) == mean(values[::-1]) == mean(dict(enumerate(values)))
    with pytest.raises(UserError):
        mean({})


def test_coverage_counts_and_names():
    qrels = {f"q{i}": {"a": 1} for i in range(8)}
    met = coverage(ranked({"q0": ["a"], "x": ["a"], "y": ["b"]}), qrels)
    assert met.judged == 8
    assert met.missing == tuple(f"q{i}" for i in range(1, 8))
    assert met.unjudged == ("x", "y")
    first, second = met.notes()
    assert first == "7 of 8 judged queries not in the run, scored 0: q1, q2, q3, q4, q5, …"
    assert second == "2 of the run's queries without judgments, left out"
    assert coverage(ranked({query_id: ["a"] for query_id in qrels}), qrels).notes() == []


def test_lists_of_names_and_their_keys_in_a_training_s_figures():
    assert measure_names("MRR@10, nDCG@10") == ("MRR@10", "nDCG@10") and measure_names("AP") == ("AP",)
    assert measure_names("RR(rel=2,cutoff=10),AP") == ("RR(rel=2,cutoff=10)", "AP")
    assert measure_names("MRR@10,AP", "P@1") == ("MRR@10", "AP", "P@1")
    assert figure_name("RR(rel=2)@10", "held") == "dev_rr_rel_2_10:held"
    assert figure_name("MRR@10", first_stage=True) == "dev_first_stage_mrr_10"
