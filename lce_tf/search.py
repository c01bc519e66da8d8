"""`python -m lce_tf.search`: tries settings of training on queries held out of the training split."""

import argparse
import sys

from lce_tf.data.formats import add_format_option
from lce_tf.foundation import settings
from lce_tf.foundation.arguments import callable_module, command_main, count, parser_for
from lce_tf.foundation.at_once import JOBS_HELP, jobs_here
from lce_tf.multistage.scoring import ScoringConfig
from lce_tf.multistage.search import SearchConfig, search
from lce_tf.training.options import add_training_options, training_of

EXAMPLE = """python -m lce_tf.search --dataset pydocs --run bm25.train.trec --backbone minilm --loss lce --group 8 \\
      --grid learning-rate=5e-5,1e-4 batch=2,8 --pairs 12800 --held-out 770 --depth 30 --output search

Each of the four trainings sees 12,800 pairs of the queries that are not held out, and reranks the run of the others.
search/table.md compares them, and the last line printed has the flags of the best. The same command goes on where an
interrupted one stopped, and with further values tries only those."""
# Training settings without a flag here: the command has its own flag for them, or the search fills them in. Trials are
# measured by MRR@10 on the queries held out, so none of the settings of a dev run has an effect.
FILLED = ("dataset", "run", "split", "format", "dev_split", "dev_run", "dev_also", "evaluate_every", "patience", "keep")
FILLED += ("dev_measure", "dev_queries", "dev_depth")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("search", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--dataset", default="pydocs", help="queries, passages and judgments: ir_datasets id, folder or pydocs")
    add("--split", default="train", help="the data set's training split, on whose queries all is done")
    add("--run", required=True, help="run of that split: negatives of the training, and what is reranked to measure")
    add("--output", required=True, help="folder for the trials and the table")
    add("--jobs", type=count, metavar="N", help=JOBS_HELP)
    add_format_option(result)
    settings.add_options(result, SearchConfig, fill=True)
    settings.add_options(result, ScoringConfig, fill=True)
    add_training_options(result, FILLED)
    return result


def _main(arguments: argparse.Namespace) -> None:
    scoring = settings.from_options(ScoringConfig, arguments)
    own = {name: getattr(arguments, name) for name in ("output", "pairs", "held_out")}
    found = search(
        SearchConfig(training_of(vars(arguments)), grid=tuple(arguments.grid), scoring=scoring, **own),
        arguments.jobs or jobs_here(),
    )
    print(f"\n{found.table}\nbest: {found.flags}")


__all__ = ["main", "parser", "search"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
