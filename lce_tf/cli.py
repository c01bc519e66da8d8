"""`lce X …`: the same as `python -m lce_tf.X …`, for every command."""

import difflib
import importlib
import sys

import lce_tf
from lce_tf.errors import UserError
from lce_tf.foundation.exits import guarded

# name -> (module with `main(argv=None) -> int`, what it does), in the order in which they are usually run
COMMANDS = {
    "demo": ("lce_tf.demo", "train a small cross-encoder, rerank with it and show what changed, in minutes"),
    "import": ("lce_tf.import", "make a data set of training data as other tools have it"),
    "retrieve": ("lce_tf.retrieve", "write a first-stage run with BM25 or a dense encoder"),
    "holdout": ("lce_tf.holdout", "hold queries of a run out, to choose, calibrate and learn weights on"),
    "negatives": ("lce_tf.negatives", "make the list that training takes its negatives from"),
    "audit": ("lce_tf.audit", "count what a training run can give: groups, truncation, doubtful negatives"),
    "train": ("lce_tf.train", "train a cross-encoder; lce list losses prints its losses"),
    "rerank": ("lce_tf.rerank", "reorder a run with a trained cross-encoder"),
    "cascade": ("lce_tf.cascade", "reorder a run with several models, each to a smaller depth"),
    "serve": ("lce_tf.serve", "answer rerank requests over HTTP, in the shapes of Cohere, TEI and vLLM"),
    "score": ("lce_tf.score", "write a teacher's scores, for a student to learn from"),
    "mine": ("lce_tf.mine", "train in rounds, each with negatives that the model before mined"),
    "search": ("lce_tf.search", "try settings of training on queries held out of the training split"),
    "distil": ("lce_tf.distil", "make smaller models of a checkpoint, trained from its own scores"),
    "merge": ("lce_tf.merge", "join the shards of a run that several machines reranked"),
    "calibrate": ("lce_tf.calibrate", "fit probabilities of relevance to a checkpoint's scores"),
    "fuse": ("lce_tf.fuse", "make one run of several: reciprocal ranks, weighted sums, means of logits"),
    "soup": ("lce_tf.soup", "average the weights of several checkpoints into one"),
    "evaluate": ("lce_tf.evaluate", "measure runs against judgments"),
    "compare": ("lce_tf.compare", "test which differences between runs are significant"),
    "curve": ("lce_tf.curve", "show what each depth of reranking costs and gives"),
    "suite": ("lce_tf.suite", "measure rerankers on a list of data sets, in one table"),
    "report": ("lce_tf.report", "write a page about runs and trainings: measures, curves, wins and losses"),
    "repeat": ("lce_tf.repeat", "train or rerank again from a manifest, and compare the bytes"),
    "export": ("lce_tf.export", "write a trained cross-encoder for Hugging Face, TensorFlow Serving or OpenVINO"),
    "list": ("lce_tf.list", "print the losses, retrievers, engines and other pieces that options can name"),
    "tables": ("lce_tf.tables", "replicate the paper's tables, end to end"),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command that `argv` names first, with the other arguments; returns its exit status, 2 if unknown."""
    return guarded(_run, sys.argv[1:] if argv is None else argv)


def _run(argv: list[str]) -> int:
    name, rest = (argv[0], argv[1:]) if argv else ("", [])
    if name in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if name == "--version":
        print(f"lce_tf {lce_tf.__version__}")
        return 0
    if not name:
        print(_usage(), file=sys.stderr)
        return 2
    if name not in COMMANDS:
        raise UserError(_unknown(name))
    called_as, sys.argv[0] = sys.argv[0], f"lce {name}"  # argparse prints it in the command's usage line
    try:
        return importlib.import_module(COMMANDS[name][0]).main(rest)
    finally:
        sys.argv[0] = called_as


def _usage() -> str:
    commands = "\n".join(f"  {name:<10}{description}" for name, (_, description) in COMMANDS.items())
    return (
        "usage: lce COMMAND [options]\n\n"
        f"{commands}\n\n"
        "lce COMMAND --help shows a command's options and an example; lce --version the version.\n"
        "python -m lce_tf.COMMAND does the same."
    )


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    advice = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(COMMANDS)}"
    return f"no command {name!r}; {advice}"


if __name__ == "__main__":
    sys.exit(main())
