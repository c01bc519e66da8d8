"""`python -m lce_tf.evaluate`: a table of measures for runs, over every judged query."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lce_tf.data.spared import spare_inputs
from lce_tf.evaluation import measures
from lce_tf.evaluation.inputs import Judged, aligned, judged_runs, run_files
from lce_tf.evaluation.measures import EXAMPLES, mean, measure_names
from lce_tf.evaluation.ties import Ties, ties
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.files import write_json
from lce_tf.foundation.settings import add_options, from_options, setting

_EXAMPLE = """python -m lce_tf.evaluate --qrels tests/files/dl19.qrels.txt.gz --measures MRR@10 'AP(rel=2)' -- \\
      tests/files/dl19.bm25.trec.gz tests/files/dl19.colbert.trec.gz

The files are the checkout's. Every judged query counts; one that a run lacks scores 0. Equal scores are ordered by the
run's ranks; --ties shows what other orders would give."""


@dataclass(frozen=True)
class EvaluateConfig(Judged):
    """Which runs are evaluated, by which measures, and what is shown."""

    runs: tuple[str, ...] = run_files()
    measures: tuple[str, ...] = setting(("MRR@10", "R@1000", "nDCG@10"), f"such as {EXAMPLES}", many=True, metavar="M")
    ties: bool = setting(
        False, "show what equal scores leave open: the worst, expected and best value, and the share of tied pairs"
    )
    per_query: str | None = setting(None, "also write run -> measure -> query -> value here, as JSON", metavar="FILE")

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "measures", measure_names(*self.measures))  # as other commands take them, with commas
        spare_inputs(self.per_query, (*self.runs, self.qrels), "--per-query")


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        values: run -> measure -> query id -> value.
        ties: run -> the values under other orders of its equal scores; empty unless `EvaluateConfig.ties`.
    """

    values: Mapping[str, Mapping[str, Mapping[str, float]]]
    ties: Mapping[str, Ties]

    def text(self) -> str:
        """The table that the command prints."""
        first = next(iter(self.values.values()))
        shown = ties_table(self.values, self.ties) if self.ties else table(self.values, list(first))
        return f"{shown}\n{len(next(iter(first.values())))} judged queries"


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    options = parser_for("evaluate", "Prints a table of measures for runs, over every judged query.", _EXAMPLE)
    add_options(options, EvaluateConfig, fill=True)
    return options


def evaluate(config: EvaluateConfig) -> Evaluation:
    """Evaluates run files, and writes the values of each query to `config.per_query` if that is given.

    Raises:
        UserError: a file, a measure or the judgments are at fault.
    """
    values, found = {}, {}
    for name, run, judged in judged_runs(config.runs, config.measures, config):
        values[name] = measures.evaluate(run, judged, config.measures)
        if config.ties:
            found[name] = ties(run, judged, values[name])
    if config.per_query is not None:
        write_json(config.per_query, values)
    return Evaluation(values, found)


def table(values: Mapping[str, Mapping[str, Mapping[str, float]]], shown: Sequence[str]) -> str:
    """The means of `values` (run -> measure -> query id -> value) as aligned text, with four decimals."""
    rows = [["run", *shown]]
    for name, found in values.items():
        rows.append([name, *(f"{mean(found[measure]):.4f}" for measure in shown)])
    return aligned(rows)


def ties_table(values: Mapping[str, Mapping[str, Mapping[str, float]]], found: Mapping[str, Ties]) -> str:
    """A row per run and measure with the means to four decimals, then a line per run on how many pairs are tied."""
    rows = [["run", "measure", "value", "worst", "expected", "best"]]
    for name, left_open in found.items():
        for measure, value in values[name].items():
            four = (value, left_open.worst[measure], left_open.expected[measure], left_open.best[measure])
            rows.append([name, measure, *(f"{mean(per_query):.4f}" for per_query in four)])
    tied = (
        f"{name}: {part.tied_pairs} of {part.pairs} pairs of passages of one query tied ({part.share:.2%}), "
        f"in {part.queries} queries"
        for name, part in found.items()
    )
    return "\n".join([aligned(rows), *tied])


def _run(args: argparse.Namespace) -> None:
    print(evaluate(from_options(EvaluateConfig, args)).text())


main = command_main(parser, _run)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
