"""Fusing files: values against another library, what is kept, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.fusion.fuse import FuseConfig, fuse
from lce_tf.reranking.outputs import write_reranked
from tests.fusion.conftest import A, B, run_of, write_rows

# What ranx 0.3.21 makes of A and B (weights 0.3 and 0.7); a passage that a run lacks counts as 0 there.
RANX = json.loads((Path(__file__).parents[1] / "files" / "fusion.ranx.json").read_text())
SUM = {"method": "sum", "weights": (0.3, 0.7), "missing": "zero"}
HOW = {
    "rrf": {},
    "rrf10": {"k": 10},
    **{name: {**SUM, "normalisation": name} for name in ("none", "min-max", "sum", "z-score")},
}


@pytest.mark.parametrize("name", RANX)
def test_as_ranx_has_it(two, name):
    run = fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", **HOW[name])).run
    values = np.load("out.trec.scores.npz")
    assert read_run("out.trec").passage_ids.tolist() == run.passage_ids.tolist()
    for number, query in enumerate(A):
        rows = slice(*run.offsets[number : number + 2])
        found = dict(zip((p.decode() for p in run.passage_ids[rows]), run.scores[rows].tolist(), strict=True))
        assert found == pytest.approx(RANX[name][query], abs=1e-12)
        np.testing.assert_allclose(values["scores"][rows], run.scores[rows], rtol=1e-6)
        for kept, source in (("from_1", A), ("from_2", B)):
            own = [source[query].get(passage, np.nan) for passage in found]
            np.testing.assert_array_equal(values[kept][rows], np.float32(own))


def test_the_lowest_value_for_what_a_run_lacks(two):
    """d6 is not in a.trec, d2 and d4 are not in b.trec: they have what the lists' last passages have."""
    run = fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", method="sum", normalisation="none")).run
    found = dict(zip(run.passage_ids[:5].tolist(), run.scores[:5].tolist(), strict=True))
    assert found == pytest.approx({b"d1": 12.2, b"d2": 9.1, b"d3": 7.9, b"d6": 0.6, b"d4": 0.6})
    assert run.passage_ids[:5].tolist()[-2:] == [b"d4", b"d6"]  # equal: as they came


def test_depth_tag_and_manifest(two):
    config = FuseConfig(("a.trec", "b.trec"), "out.trec", depth=2, tag="both")
    assert np.diff(fuse(config).run.offsets).tolist() == [2, 2]
    assert read_run("out.trec").tag == "both" and len(np.load("out.trec.scores.npz")["from_2"]) == 4
    manifest = json.loads(Path("out.trec.json").read_text())
    assert [one["sha256"] for one in manifest["inputs"]] == [read_run(f).sha256 for f in ("a.trec", "b.trec")]
    assert manifest["method"] == "rrf" and manifest["weights"] == [1, 1] and "output_sha256" in manifest
    before = Path("out.trec").read_bytes()
    fuse(config)
    assert Path("out.trec").read_bytes() == before


def test_weights_learnt_on_other_queries(two):
    """By b alone the positives come first; by a they do not."""
    write_rows(Path("a.held"), {"t1": {"n": 9.0, "p": 8.0}, "t2": {"m": 9.0, "n": 5.0, "p": 1.0}})
    write_rows(Path("b.held"), {"t1": {"p": 1.0, "n": 0.0}, "t2": {"p": 3.0, "n": 2.0}})
    Path("held.qrels").write_text("t1 0 p 1\nt2 0 p 1\n")
    learning = {"learn_runs": ("a.held", "b.held"), "learn_qrels": "held.qrels", "learn_measure": "MRR@10"}
    fused = fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", method="sum", **learning))
    assert fused.learnt.value == 1.0 and fused.weights == pytest.approx((0.45, 0.55))
    manifest = json.loads(Path("out.trec.json").read_text())
    assert manifest["weights"] == pytest.approx([0.45, 0.55]) and len(manifest["grid"]) == 21
    assert manifest["learnt_from"][0]["run"] == "a.held" and manifest["learnt_queries"] == 2
    given = fuse(FuseConfig(("a.trec", "b.trec"), "given.trec", method="sum", weights=fused.weights)).run
    assert given.scores.tolist() == fused.run.scores.tolist()


def test_no_weights_are_learnt_on_the_queries_to_fuse(two):
    Path("qrels").write_text("q1 0 d3 1\n")
    config = FuseConfig(
        ("a.trec", "b.trec"), "out.trec", method="sum", learn_runs=("a.trec", "b.trec"), learn_qrels="qrels"
    )
    with pytest.raises(UserError, match=r"query q1 is also in the runs to fuse \(1 are\); learn the weights on other"):
        fuse(config)
    assert not list(two.glob("out*"))


def test_no_weights_are_learnt_on_other_scores_than_those_to_fuse(two):
    """Logits were kept beside the run to learn on, not beside the run to fuse."""
    write_rows(Path("a.held"), {"t1": {"n": 9.0, "p": 8.0}})
    write_reranked(run_of({"t1": {"p": 0.9, "n": 0.1}}), {"scores": np.float32([5, -3])}, "b.held", {})
    Path("held.qrels").write_text("t1 0 p 1\n")
    learning = {"learn_runs": ("a.held", "b.held"), "learn_qrels": "held.qrels"}
    with pytest.raises(UserError, match=r"^b.trec: has no b.trec.scores.npz, but b.held, of the same ranker, has one"):
        fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", method="sum", **learning))
    assert fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", method="sum", scores="file", **learning)).learnt.value == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"runs": ("a.trec",)}, "a.trec: give two runs or more to fuse"),
        ({"runs": ("a.trec", "a.trec")}, "a.trec: is given twice"),
        ({"runs": ("a.trec", "./x/../a.trec")}, "./x/../a.trec: is given twice; name each run once"),
        ({"output": "b.trec"}, "--output b.trec: would overwrite b.trec"),
        ({"k": 0}, "--k 0: give a number above 0"),
        ({"k": 1e6}, "--k 1000000.0: give a number above 0 and below 1000000"),
        ({"method": "max"}, "--method 'max': known are rrf, sum, mean-logits"),
        ({"weights": (1.0,)}, "--weights: 1 for 2 runs; give one for each"),
        ({"weights": (0.0, 0.0)}, "not all 0"),
        ({"weights": (float("nan"), 1.0)}, "--weights nan: give a finite number"),
        ({"weights": (-1.0, 1.0)}, "give numbers of 0 or more"),
        ({"tag": "my tag"}, "--tag 'my tag'"),
        ({"method": "mean-logits", "weights": (1.0, 1.0)}, "--weights: has no meaning with --method mean-logits"),
        ({"learn_qrels": "qrels"}, "say what to learn from with --learn-runs"),
        ({"learn_runs": ("x",), "learn_qrels": "q"}, "--learn-runs: 1 for 2 runs"),
        ({"learn_runs": ("x", "y")}, "need --learn-qrels or --learn-dataset"),
        ({"learn_runs": ("x", "y"), "learn_qrels": "q", "learn_step": 0.3}, "1 is no multiple of it"),
        ({"learn_runs": ("x", "y"), "learn_qrels": "q", "learn_measure": "no"}, "measure 'no'"),
    ],
)
def test_settings_that_cannot_be_meant(two, settings, said):
    with pytest.raises(UserError) as refused:
        FuseConfig(**{"runs": ("a.trec", "b.trec"), "output": "out.trec", **settings})
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("more", [{}, {"method": "sum", "normalisation": "none"}])
def test_values_that_32_bits_do_not_hold_are_refused(two, more):
    with pytest.raises(
        UserError, match=r"^--weights 1e\+308,1e\+308: query q1, passage .*: fused values must lie within"
    ):
        fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", weights=(1e308, 1e308), **more))
    Path("b.trec").write_text("q1 Q0 d1 1 1e39 t\n")
    with pytest.raises(
        UserError, match=r"^b.trec: query q1, passage d1: 1e\+39: scores of a run to fuse must lie within"
    ):
        fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", **more))
    assert not list(two.glob("out*"))


def test_logits_are_asked_for_where_there_are_none(two):
    with pytest.raises(UserError, match=r"a.trec: has no a.trec.scores.npz; give a run that lce rerank wrote"):
        fuse(FuseConfig(("a.trec", "b.trec"), "out.trec", method="mean-logits"))
