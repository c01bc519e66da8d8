"""Settings that make no sense, and inputs that do not fit each other: for training, reranking and evaluating."""

import contextlib
import io
import json
import os
from unittest import mock

from lce_tf import audit, compare, distil, mine, negatives, retrieve, train
from tests.bad_input.case import QRELS, Case, evaluated, quietly
from tests.bad_input.checkpoints import FILES, SHAPE, reranked
from tests.bad_input.run_files import RUN
from tests.bad_input.texts import TOKENIZER

# Four passages for two training queries; p4 copies p1, which is relevant to both.
TRAINING = {
    "collection.tsv": b"p1\train\np2\tsnow\np3\tdog\np4\train\n",
    "queries.train.tsv": b"q1\tdog\nq2\tsnow\n",
    "qrels.train.txt": b"q1 0 p1 1\nq2 0 p1 1\n",
    "run.trec": b"".join(b"q%d Q0 p%d %d %d t\n" % (q, p, p, 9 - p) for q in (1, 2) for p in (1, 2, 3, 4)),
    "model/config.json": json.dumps(SHAPE).encode(),
    "model/model.safetensors": b"not read by the audit",
    **{name.replace("tokenizer/", "model/"): data for name, data in TOKENIZER.items()},
}


def audited(wanted: str, *arguments: str) -> int | str:
    """The exit status of `lce audit`, or the line that begins with `wanted` if the status is 0."""
    base = "--dataset . --run run.trec --backbone model --group 3 --query-length 4 --sequence-length 12 --steps 1"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        status = audit.main([*base.split(), *arguments])
    lines = (" ".join(line.split()) for line in printed.getvalue().splitlines())
    return status or next(line for line in lines if line.startswith(wanted))


def training(given, change, arguments="", value=None, **outcome):
    wanted = (value or "").rstrip("0123456789)(q,p. ")
    files = {**TRAINING, **change}
    return Case("Training data", given, lambda: audited(wanted, *arguments.split()), files, value=value, **outcome)


def trained(arguments, refused, **change):
    call = ["--dataset", ".", "--run", "run.trec", "--output", "out", *arguments.split()]

    def status():
        try:
            return quietly(train.main, *call)
        except SystemExit as refusal:  # argparse's, of options that it cannot read
            return refusal.code

    return Case("Settings", f"`lce train {arguments}`", status, TRAINING | change, refused=refused)


def rerank_with(arguments, refused, **change):
    return Case(
        "Settings", f"`lce rerank {arguments}`", lambda: reranked(*arguments.split()), FILES | change, refused=refused
    )


def evaluate_with(arguments, refused, shown=None):
    call = ["--qrels", "qrels.txt", "run.trec", *arguments.split()]
    files = {"qrels.txt": QRELS, "run.trec": RUN, "folder/file": b""}
    return Case("Settings", f"`lce evaluate {shown or arguments}`", lambda: evaluated(*call), files, refused=refused)


def negatives_with(arguments, refused, **change):
    call = ["--dataset", ".", "--run", "run.trec", "--output", "out.trec", *arguments.split()]
    shown = f"`lce negatives {arguments}`"
    return Case("Negatives", shown, lambda: quietly(negatives.main, *call), TRAINING | change, refused=refused)


def staged(program, arguments, refused):
    base = {"mine": "--backbone model", "distil": "--checkpoint model"}[program.__name__.rpartition(".")[2]]
    call = f"--dataset . --run run.trec {base} --output out {arguments}".split()
    shown = f"`lce {program.__name__.rpartition('.')[2]} {arguments}`"
    files = {**TRAINING, "other/notes.txt": b""}
    return Case("Negatives", shown, lambda: quietly(program.main, *call), files, refused=refused)


def compare_with(arguments, refused):
    call = ["--qrels", "qrels.txt", *arguments.split()]
    files = {"qrels.txt": QRELS, "run.trec": RUN, "other.trec": RUN}
    return Case("Settings", f"`lce compare {arguments}`", lambda: quietly(compare.main, *call), files, refused=refused)


def cache_in_a_file() -> int:
    """`lce evaluate` of a data set that has to be tokenised, where the cache cannot be a folder."""
    with mock.patch.dict(os.environ, {"LCE_CACHE": "collection.tsv"}):
        return audited("")


CASES = [
    training(
        "a relevant passage among the negatives",
        {},
        handled="kept out of them",
        value="relevant passages kept out of the negatives 2",
    ),
    training(
        "a negative that copies the positive's text",
        {},
        handled="counted; it stays",
        value="negatives that copy a positive's text 2",
    ),
    training(
        "two queries with the same text",
        {"queries.train.tsv": b"q1\tdog\nq2\tdog\n"},
        handled="counted; both stay",
        value="queries that share their text 2",
    ),
    training(
        "a judged query that the run lacks",
        {"qrels.train.txt": b"q1 0 p1 1\nq9 0 p1 1\n"},
        handled="left out and named",
        value="not in the run 1 (q9)",
    ),
    training(
        "a query without text",
        {"queries.train.tsv": b"q1\tdog\n"},
        handled="left out and named",
        value="without text in the split 1 (q2)",
    ),
    training(
        "a positive that the collection lacks",
        {"qrels.train.txt": b"q1 0 p1 1\nq2 0 gone 1\n"},
        handled="its query is left out and named",
        value="without a positive in the collection 1 (q2)",
    ),
    training(
        "passages of the run that the collection lacks",
        {"run.trec": TRAINING["run.trec"] + b"q1 Q0 gone 5 1 t\n"},
        handled="no negatives; counted and named",
        value="passages of the run not in the collection 1 (gone)",
    ),
    training(
        "lists shorter than the group",
        {"run.trec": TRAINING["run.trec"][:-30]},
        handled="their queries are left out and named",
        value="with too few negatives 1 (q2)",
    ),
    training(
        "all lists shorter than the group",
        {},
        "--group 5",
        refused="no training query is usable: 2 judged queries, 2 with too few negatives (such as q1)",
    ),
    training(
        "the same, with `--short-lists replace`",
        {},
        "--group 5 --short-lists replace",
        handled="negatives are drawn with replacement",
        value="usable 2",
    ),
    training(
        "judgments without a relevant passage",
        {"qrels.train.txt": b"q1 0 p1 0\n"},
        refused="the judgments name no relevant passage; training needs some with a grade of 1 or more",
    ),
    training(
        "a run of other queries",
        {"run.trec": b"q8 Q0 p1 1 1 t\n"},
        refused="no training query is usable: 2 judged queries, 2 not in the run (such as q1)",
    ),
    training(
        "a vocabulary smaller than the tokenizer's",
        {"model/config.json": json.dumps({**SHAPE, "vocab_size": 9}).encode()},
        refused="model: its tokenizer has 15 wordpieces, its config.json 9; they do not belong together",
    ),
    training(
        "more wordpieces than the model has positions",
        {},
        "--sequence-length 600",
        refused="--sequence-length 600: model has 512 positions only",
    ),
    training(
        "far more windows than the longest passage has",
        {"collection.tsv": TRAINING["collection.tsv"].replace(b"dog", b"dog rain snow dog")},
        "--window 2 --stride 1 --windows 1000000",
        refused="--windows 1000000: the longest passage of . has 4 wordpieces, 3 windows of 2; give at most 3",
    ),
    Case(
        "Settings",
        "`LCE_CACHE` that names a file",
        cache_in_a_file,
        TRAINING,
        refused="collection.tsv…: cannot be made a folder (…); set LCE_CACHE to a folder that can be written",
    ),
    trained("--group 1", "--group 1: --loss lce compares passages of a group; give 2 or more"),
    trained("--loss hinge --group 1", "--group 1: --loss hinge compares passages of a group; give 2 or more"),
    trained("--loss ranknet", "--loss ranknet: learns from a --teacher, a run that python -m lce_tf.score writes"),
    trained("--backbone minilm@v1", "minilm@v1: minilm comes with the installation, in one version; leave out @v1"),
    trained("--teacher run.trec", "--teacher run.trec: --loss lce asks none; give one of adr-mse, kl, …"),
    trained(
        "--loss lce --loss-options temprature=0.5",
        "--loss-options temprature=0.5: --loss lce has temperature; lce list losses prints the options of each loss",
    ),
    trained("--loss-options temperature=0", "--loss-options temperature 0.0: give 0.001 or more, such as 0.5"),
    trained("--loss-options temperature", "--loss-options 'temperature': give NAME=VALUE, several of them with …"),
    trained(
        "--positives none",
        "--positives none: such groups have no label but a teacher's scores; give a --loss that learns from a "
        "--teacher, and that",
    ),
    trained(
        "--group-positives 2",
        "--group-positives 2: --loss lce takes one positive; give one of adr-mse, binary, …",
    ),
    trained(
        "--loss multi-lce --group 2 --group-positives 2",
        "--group-positives 2: leaves no negative in a group of 2; lower it or raise --group",
    ),
    trained(
        "--group 4 --hardest 4",
        "--hardest 4: a group of 4 has 3 negatives; lower it or raise --group",
    ),
    trained("--loss ce --hardest 1", "--hardest 1: --loss ce takes single pairs; leave it out"),
    trained("--r-drop -1", "--r-drop -1.0: give a weight of 0 or more, such as 1"),
    trained(
        "--group 9 --negatives-depth 5",
        "--group 9: needs 8 distinct negatives, but only the top 5 are drawn from; lower it or raise --negatives-depth",
    ),
    trained("--steps 0", "--steps 0: give 1 or more"),
    trained("--batch -4", "--batch -4: give 1 or more"),
    trained("--warmup 1", "--warmup 1.0: a share of the steps, at least 0 and below 1"),
    trained("--learning-rate nan", "--learning-rate nan: give a number between 0 and 1, such as 1e-5"),
    trained("--seed -1", "--seed -1: give a whole number from 0 to 2^63 - 1"),
    trained("--precision float8", "--precision 'float8': known are auto, …"),
    trained(
        "--query-length 60 --sequence-length 63",
        "--query-length 60 and --sequence-length 63: a sequence holds the query, three special tokens and "
        "at least one wordpiece of the passage; raise --sequence-length",
    ),
    trained("--epochs 0", "--epochs 0.0: give a number above 0, such as 2"),
    trained("--steps 5 --epochs 1", "argument --epochs: not allowed with argument --steps; … --help shows the options"),
    trained("--keep best", "--evaluate-every, --keep best, --patience and --dev-also need a --dev-run to rerank"),
    trained("--patience 3", "--evaluate-every, --keep best, --patience and --dev-also need a --dev-run to rerank"),
    trained(
        "--dev-run run.trec --dev-measure MRR@10,MRR@10",
        "--dev-measure MRR@10,MRR@10: names a measure twice; give each once",
    ),
    trained(
        "@absent.args", "@absent.args: no such file; name a file of options after the @; … --help shows the options"
    ),
    trained(
        "@open.args",
        "open.args:2: has an open quotation or ends with a backslash; a line holds whole options; … --help shows the "
        "options",
        **{"open.args": b"--seed 7\n--loss 'lce\n"},
    ),
    rerank_with("--depth 0", "--depth 0: give 1 or more; evaluate the run itself to see it unreranked"),
    rerank_with("--output model", "--output model: is a folder; name a file"),
    Case(
        "Settings",
        "`lce rerank --tag 'my tag'`",
        lambda: reranked("--tag", "my tag"),
        FILES,
        refused="--tag 'my tag': is empty or holds white space; give one word",
    ),
    rerank_with(
        "--dataset nowhere/at-all",
        "'nowhere/at-all': is neither a folder nor an ir_datasets id; https://ir-datasets.com lists the ids",
    ),
    Case(
        "Settings",
        "a run with queries that the data set lacks, to rerank",
        reranked,
        FILES | {"model/model.safetensors": b"", "run.trec": b"q9 Q0 p1 1 1 t\n"},
        refused="run.trec: query q9 is not among the queries of . (1 of 1 are not); name the run's own --dataset and "
        "--split",
    ),
    Case(
        "Settings",
        "a run with passages that the collection lacks, to rerank",
        reranked,
        FILES | {"model/model.safetensors": b"", "run.trec": b"q1 Q0 gone 1 1 t\n"},
        refused="run.trec: passage gone is not in the collection of . (1 of 1 rows are not); name the run's own "
        "--dataset",
    ),
    Case(
        "Settings",
        "`lce retrieve bm25 --language german`",
        lambda: quietly(retrieve.main, *"bm25 --dataset . --output out.trec --language german".split()),
        FILES,
        refused="--language 'german': known are ar, bn, da, de, en, …",
    ),
    evaluate_with("--measures Foo@10", "measure 'Foo@10': not a measure that ir_measures knows; use one like …"),
    evaluate_with("--measures ERR@20", "measure 'ERR@20': not computed by trec_eval in this form; use one like …"),
    evaluate_with("--measures RR@0", "measure 'RR@0': the cut-off is 0; it must be a whole number of at least 1"),
    evaluate_with(
        "--measures __import__('os').getcwd()",
        "measure \"__import__('os').getcwd()\": not a measure that ir_measures knows; use one like …",
    ),
    evaluate_with("--per-query folder", "folder: is a folder; name a file to write"),
    evaluate_with("--per-query run.trec/values.json", "run.trec: cannot be made a folder (…); choose another output"),
    compare_with("run.trec", "run.trec: one run cannot be compared; give at least two"),
    compare_with("run.trec other.trec", "a paired test needs at least two queries; there are 1"),
    compare_with("run.trec other.trec --alpha 2", "--alpha 2.0: must lie above 0 and below 1, as 0.01 does"),
    negatives_with("--shares 1,2", "--shares: 2 for 1 runs; give one for each --run"),
    negatives_with("--first-rank 9 --last-rank 3", "--last-rank 3: lies before --first-rank 9; give more"),
    negatives_with("--near-duplicates 50", "--near-duplicates 50.0: give at most 1"),
    negatives_with(
        "--teacher-margin 1", "--teacher-margin and --teacher-share need a --teacher, a run that lce score writes"
    ),
    negatives_with(
        "--teacher run.trec --teacher-share 0.9 --teacher-scale raw",
        "--teacher-share 0.9: a positive has the score -8, of which a share is no bound; give --teacher-margin, or "
        "--teacher-scale logit",
        **{"run.trec": b"q1 Q0 p1 1 -8 t\nq1 Q0 p2 2 -9 t\n"},
    ),
    negatives_with("--output run.trec", "--output run.trec: would overwrite run.trec, which is read; …"),
    negatives_with(
        "--teacher other.trec --teacher-margin 1",
        "--teacher other.trec: has no score of a passage judged relevant to one of the queries; write it with python "
        "-m lce_tf.score, from the --run",
        **{"other.trec": b"q1 Q0 p2 1 1 t\n"},
    ),
    negatives_with(
        "--last-rank 1",
        "no negative is left of 2 candidates: 2 judged passages, 0 not in the collection, 0 near-duplicates of a "
        "positive",
    ),
    staged(mine, "--rounds 0", "--rounds 0: give 1 or more"),
    staged(mine, "--output other", "--output other: holds other files than those of lce mine; choose another folder"),
    staged(
        distil,
        "--layers 1",
        "model: is a backbone without a trained head; train it first with python -m lce_tf.train",
    ),
]
