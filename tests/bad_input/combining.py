"""Runs and models that cannot be combined, calibrated or measured together."""

from lce_tf import calibrate, cascade, compare, curve, evaluate, fuse, report, soup, suite
from tests.bad_input.case import QRELS, Case, quietly
from tests.bad_input.checkpoints import FILES
from tests.bad_input.run_files import RUN

OTHER = RUN.replace(b"bm25", b"other")
RUNS = {"qrels.txt": QRELS, "run.trec": RUN, "other.trec": OTHER}


def case(program, arguments, refused, files=RUNS):
    name = program.__name__.rpartition(".")[2]
    call = lambda: quietly(program.main, *arguments.split())  # noqa: E731
    return Case("Combining runs and models", f"`lce {name} {arguments}`", call, files, refused=refused)


CASES = [
    case(fuse, "run.trec --output out.trec", "run.trec: give two runs or more to fuse"),
    case(fuse, "run.trec run.trec --output out.trec", "run.trec: is given twice; name each run once"),
    case(fuse, "run.trec ./run.trec --output out.trec", "./run.trec: is given twice; name each run once"),
    case(
        fuse,
        "run.trec other.trec --output run.trec",
        "--output run.trec: would overwrite run.trec, which is read; name another file",
    ),
    case(
        evaluate,
        "run.trec --qrels qrels.txt --per-query run.trec",
        "--per-query run.trec: would overwrite run.trec, which is read; name another file",
    ),
    case(
        evaluate,
        "run.trec --qrels qrels.txt --per-query qrels.txt",
        "--per-query qrels.txt: would overwrite qrels.txt, which is read; name another file",
    ),
    case(
        evaluate,
        "run.trec --qrels qrels.txt --measures MRR@99999999999",
        "measure 'MRR@99999999999': the cut-off is 99999999999; it must be less than 2^31",
    ),
    case(
        compare,
        "run.trec other.trec --qrels qrels.txt --json other.trec",
        "--json other.trec: would overwrite other.trec, which is read; name another file",
    ),
    case(
        curve,
        "run.trec --qrels qrels.txt --json run.trec.json",
        "--json run.trec.json: would overwrite run.trec.json, which is read; name another file",
        RUNS | {"run.trec.json": b"{}"},
    ),
    case(
        report,
        "run.trec --qrels qrels.txt --first-stage other.trec --output other.trec",
        "--output other.trec: would overwrite other.trec, which is read; name another file",
    ),
    case(fuse, "run.trec other.trec --k inf --output out.trec", "--k inf: give a finite number"),
    case(fuse, "run.trec other.trec --output new/", "new/: is a folder; name a file to write"),
    case(fuse, "run.trec absent.trec --output out.trec", "absent.trec: no such file; …"),
    case(
        fuse,
        "run.trec other.trec --k 0 --output out.trec",
        "--k 0.0: give a number above 0 and below 1000000, such as 60",
    ),
    case(
        fuse,
        "run.trec other.trec --k 1e30 --output out.trec",
        "--k 1e+30: give a number above 0 and below 1000000, such as 60",
    ),
    case(
        fuse,
        "run.trec huge.trec --output out.trec",
        "huge.trec: query q1, passage p1: 1e+300: scores of a run to fuse must lie within ±3.4e+38; give smaller ones",
        RUNS | {"huge.trec": b"q1 Q0 p1 1 1e300 t\n"},
    ),
    case(
        fuse,
        "run.trec other.trec --weights 1e41,1 --output out.trec",
        "--weights 1e+41,1: query q1, passage p2: 1.63934e+39: fused values must lie within …; give smaller ones",
    ),
    case(
        fuse,
        "run.trec other.trec --weights 1 --output out.trec",
        "--weights: 1 for 2 runs; give one for each",
    ),
    case(
        fuse,
        "run.trec other.trec --method mean-logits --output out.trec",
        "run.trec: has no run.trec.scores.npz; give a run that lce rerank wrote",
    ),
    case(
        fuse,
        "run.trec other.trec --learn-qrels qrels.txt --output out.trec --learn-runs run.trec other.trec --method sum",
        "run.trec: query q1 is also in the runs to fuse (1 are); learn the weights on other queries, such as held-out "
        "training queries",
    ),
    case(
        fuse,
        "run.trec other.trec --learn-qrels qrels.txt --output out.trec",
        "--learn-qrels, --learn-dataset: say what to learn from with --learn-runs",
    ),
    case(
        soup,
        "model --output out",
        "model: give two checkpoints or more to average",
        FILES,
    ),
    case(
        soup,
        "model absent --output out",
        "model: is a backbone without a trained head; train it first with python -m lce_tf.train",
        FILES | {"model/config.json": b'{"model_type": "electra"}'},
    ),
    case(
        soup,
        "model other --output model",
        "--output model: exists already; choose another, or delete it first",
        FILES,
    ),
    case(
        calibrate,
        "--checkpoint absent --run run.trec --qrels qrels.txt",
        "absent: no such folder; name the --output of a finished training",
    ),
    case(
        cascade,
        "--stages small:10 large:20 --dataset . --run run.trec --output out.trec",
        "--stages large:20: is deeper than 10, that of the stage before, which has not scored what lies below; give a "
        "smaller depth",
    ),
    case(
        cascade,
        "--stages small:10 --dataset . --run run.trec --output out.trec",
        "--stages: give two or more, the cheapest first; one model alone is lce rerank's",
    ),
    case(
        curve,
        "run.trec --qrels qrels.txt",
        "run.trec: has no manifest run.trec.json; write the run again with lce rerank",
    ),
    case(
        curve,
        "run.trec --qrels qrels.txt --figure curve.pdf",
        "--figure curve.pdf: name a file that ends in .svg or .png",
    ),
    case(
        suite,
        "--sets dl19: --checkpoints model --output out",
        "--sets dl19:: give dl19, … or [NAME=]DATASET[:SPLIT], such as pets=./mine:dev",
    ),
    case(
        suite,
        "--sets dl19 dl19 --checkpoints model --output out",
        "--sets: two sets are called dl19; name one otherwise, such as other=dl19",
    ),
    case(
        suite,
        "--sets dl19 --output out",
        "--checkpoints, --runs: name at least one",
    ),
    case(
        suite,
        "--sets dl19 dl20 --checkpoints model --first-stage run.trec --output out",
        "run.trec: is one file for several sets; put {set} where the set's name stands",
    ),
]
