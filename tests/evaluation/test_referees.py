"""Four evaluators on real runs: ours, ir_measures, the MS MARCO rule and trec_eval's own program."""

import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import ir_measures
import pytest
import pytrec_eval

from lce_tf.data.qrels import read_qrels, write_qrels
from lce_tf.data.runs import read_run, write_msmarco, write_trec
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate, mean
from lce_tf.retrieval.jvm import anserini_jar

FILES = Path(__file__).parents[1] / "files"
# Our name -> what trec_eval is called with.
TREC_EVAL = {
    "RR@10": "-l 1 -M 10 -m recip_rank",
    "RR(rel=2)@10": "-l 2 -M 10 -m recip_rank",
    "nDCG@10": "-m ndcg_cut.10",
    "AP": "-l 1 -m map",
    "AP(rel=2)": "-l 2 -m map",
    "P@10": "-l 1 -m P.10",
    "R(rel=2)@100": "-l 2 -m recall.100",
}
ROUND = 5e-5  # trec_eval prints four digits


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The two runs, unchanged and as we write them, in both layouts, and their judgments."""
    path = tmp_path_factory.mktemp("referees")
    write_qrels(read_qrels(FILES / "dl19.qrels.txt.gz"), path / "qrels.txt")
    for name in ("bm25", "colbert"):
        run = read_run(FILES / f"dl19.{name}.trec.gz")
        write_trec(run, path / f"{name}.trec")
        write_msmarco(run, path / f"{name}.tsv")
    return path


@pytest.fixture(scope="module")
def qrels(folder):
    return read_qrels(folder / "qrels.txt")


@pytest.fixture(scope="module")
def trec_eval(folder):
    """trec_eval's program, from the jar that pyserini carries: (file of the run, measure) -> the mean it prints."""
    name = f"trec_eval-{sys.platform}-{ {'x86_64': 'amd64'}.get(platform.machine(), platform.machine()) }"
    try:
        with zipfile.ZipFile(anserini_jar()) as jar:
            (folder / "trec_eval").write_bytes(jar.read(f"trec_eval/{name}"))
    except (KeyError, UserError) as error:
        pytest.skip(f"no trec_eval program for this machine ({error})")
    (folder / "trec_eval").chmod(0o755)

    def called(run, measure):
        command = [folder / "trec_eval", "-c", *TREC_EVAL[measure].split(), folder / "qrels.txt", run]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])

    return called


def by_ir_measures(run, qrels, measures):
    parsed = {name: ir_measures.parse_measure(name) for name in measures}
    judged = [ir_measures.Qrel(q, p, grade) for q, found in qrels.items() for p, grade in found.items()]
    values = ir_measures.calc_aggregate(list(parsed.values()), judged, list(ir_measures.read_trec_run(str(run))))
    return {name: values[measure] for name, measure in parsed.items()}


def by_msmarco_rule(rows, qrels, rel):
    """MRR@10 as on MS MARCO's leaderboard: by the rank column only, over all judged queries."""
    total = 0.0
    for query_id, judged in qrels.items():
        ranks = [rank for query, passage, rank in rows if query == query_id and judged.get(passage, 0) >= rel]
        best = min(ranks, default=11)
        total += 1 / best if best <= 10 else 0
    return total / len(qrels)


def rows_of(path, query=0, passage=1, rank=2):
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(row[query], row[passage], int(row[rank])) for row in lines]


@pytest.mark.parametrize("name", ["bm25", "colbert"])
def test_on_what_we_write_every_referee_gives_our_figure(folder, qrels, trec_eval, name):
    run = read_run(FILES / f"dl19.{name}.trec.gz")
    ours = {measure: mean(values) for measure, values in evaluate(run, qrels, list(TREC_EVAL)).items()}
    assert by_ir_measures(folder / f"{name}.trec", qrels, TREC_EVAL) == pytest.approx(ours, abs=1e-6)
    for rel, measure in ((1, "RR@10"), (2, "RR(rel=2)@10")):
        assert by_msmarco_rule(rows_of(folder / f"{name}.tsv"), qrels, rel) == pytest.approx(ours[measure], abs=1e-6)
        in_trec = rows_of(folder / f"{name}.trec", 0, 2, 3)
        assert by_msmarco_rule(in_trec, qrels, rel) == pytest.approx(ours[measure], abs=1e-6)
    printed = {measure: trec_eval(folder / f"{name}.trec", measure) for measure in TREC_EVAL}
    assert printed == pytest.approx(ours, abs=ROUND)


# A ColBERT run with 301 of 39,600 pairs tied, as its authors wrote it. docs/evaluation.md shows each evaluator's
# figures: none is wrong, each breaks ties by its own rule.
FOREIGN = {
    "ours": {"RR@10": 0.8167, "RR(rel=2)@10": 0.6604, "nDCG@10": 0.6446, "AP(rel=2)": 0.4879},
    "trec_eval": {"RR@10": 0.8375, "RR(rel=2)@10": 0.6813, "nDCG@10": 0.6466, "AP(rel=2)": 0.4886},
    # Its RR@10 is computed by the MS MARCO provider, ties by passage id ascending; the others by pytrec_eval.
    "ir_measures": {"RR@10": 0.8167, "RR(rel=2)@10": 0.6604, "nDCG@10": 0.6466, "AP(rel=2)": 0.4886},
    "MS MARCO rule": {"RR@10": 0.8167, "RR(rel=2)@10": 0.6604},
}


def test_on_a_foreign_run_with_ties_each_referee_has_its_own(folder, qrels, trec_eval):
    run = read_run(FILES / "dl19.colbert.trec.gz")
    raw = folder / "as_it_stands.trec"
    rows, given = [], {}
    for query_id, scores in run.as_dict().items():
        rows += [f"{query_id} Q0 {p} {rank} {s!r} ColBERT\n" for rank, (p, s) in enumerate(scores.items(), 1)]
        given[query_id] = scores
    raw.write_text("".join(rows))
    measures = list(FOREIGN["ours"])
    found = {
        "ours": {measure: mean(values) for measure, values in evaluate(run, qrels, measures).items()},
        "trec_eval": {measure: trec_eval(raw, measure) for measure in measures},
        "ir_measures": by_ir_measures(raw, qrels, measures),
        "MS MARCO rule": {
            "RR@10": by_msmarco_rule(rows_of(raw, 0, 2, 3), qrels, 1),
            "RR(rel=2)@10": by_msmarco_rule(rows_of(raw, 0, 2, 3), qrels, 2),
        },
    }
    assert {name: pytest.approx(values, abs=ROUND) for name, values in found.items()} == FOREIGN
    # pytrec_eval is trec_eval's code: called directly, it gives trec_eval's figures.
    direct = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(given)
    assert mean({q: values["ndcg_cut_10"] for q, values in direct.items()}) == pytest.approx(0.6466, abs=ROUND)


def test_the_page_has_these_figures():
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for name, values in FOREIGN.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {name} "))
        assert [cell.strip() for cell in row.strip("|").split("|")[1:5]] == [
            f"{values[measure]:.4f}" if measure in values else "–" for measure in FOREIGN["ours"]
        ]
