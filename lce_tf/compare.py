"""`python -m lce_tf.compare`: which runs beat which, by paired t-tests with Bonferroni's correction."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lce_tf.data.spared import spare_inputs
from lce_tf.errors import UserError
from lce_tf.evaluation import significance
from lce_tf.evaluation.inputs import Judged, aligned, judged_runs, level, run_files
from lce_tf.evaluation.measures import EXAMPLES, evaluate
from lce_tf.evaluation.significance import Comparison, letters, mean_interval, superscript
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.files import write_json
from lce_tf.foundation.settings import add_options, from_options, setting

_EXAMPLE = """python -m lce_tf.compare --qrels tests/files/dl19.qrels.txt.gz --measure nDCG@10 --alpha 0.05 \\
      tests/files/dl19.bm25.trec.gz tests/files/dl19.colbert.trec.gz

The files are the checkout's. Every judged query counts; one that a run lacks scores 0. Equal scores are ordered by the
run's ranks."""


@dataclass(frozen=True)
class CompareConfig(Judged):
    """Which runs are compared, by which measure, and at which significance level."""

    runs: tuple[str, ...] = run_files("two or more run files")
    measure: str = setting("MRR@10", f"such as {EXAMPLES}")
    alpha: float = level()
    json: str | None = setting(None, "also write the comparison here", metavar="FILE")

    def __post_init__(self):
        super().__post_init__()
        if len(self.runs) < 2:
            raise UserError(f"{self.runs[0]}: one run cannot be compared; give at least two")
        spare_inputs(self.json, (*self.runs, self.qrels), "--json")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    options = parser_for(
        "compare",
        "Tells which runs beat which, by paired t-tests with Bonferroni's correction.",
        _EXAMPLE,
    )
    add_options(options, CompareConfig, fill=True)
    return options


def compare(config: CompareConfig) -> Comparison:
    """Compares run files, and writes the comparison to `config.json` if that is given.

    Raises:
        UserError: a file, the measure or the judgments are at fault.
    """
    runs = judged_runs(config.runs, [config.measure], config)
    per_query = {name: evaluate(run, judged, [config.measure])[config.measure] for name, run, judged in runs}
    found = significance.compare(per_query, alpha=config.alpha)
    if config.json is not None:
        write_json(config.json, as_json(found, config.measure, per_query))
    return found


def report(comparison: Comparison, measure: str) -> str:
    """The comparison as text: the runs, the letters of the runs that they beat, then every p-value."""
    letter = letters(comparison.names)
    rows = [["", "run", measure]]
    for name in comparison.names:
        raised = superscript(comparison.beats[name], letter)
        rows.append([letter[name], name, f"{comparison.means[name]:.4f}" + (f"^{raised}" if raised else "")])
    tests = [["pair", "difference", "p", "corrected", ""]]
    for (a, b), p in comparison.p_values.items():
        corrected = comparison.corrected[a, b]
        verdict = "*" if corrected < comparison.alpha else ""
        difference = comparison.means[a] - comparison.means[b]
        tests.append([f"{letter[a]} - {letter[b]}", f"{difference:+.4f}", f"{p:.3g}", f"{corrected:.3g}", verdict])
    rule = f"^ names the runs beaten: two-sided paired t-test, p x {comparison.comparisons} < {comparison.alpha:g}"
    plural = "" if comparison.comparisons == 1 else "s"
    counts = f"{comparison.queries} judged queries, {comparison.comparisons} comparison{plural} (Bonferroni)"
    return "\n".join([aligned(rows), "", counts, rule, "", aligned(tests)])


def as_json(comparison: Comparison, measure: str, per_query: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The comparison as a JSON-ready value, with the 95% interval of each mean."""
    letter = letters(comparison.names)
    return {
        "measure": measure,
        "queries": comparison.queries,
        "alpha": comparison.alpha,
        "comparisons": comparison.comparisons,
        "test": "two-sided paired t-test, Bonferroni",
        "runs": [
            {
                "letter": letter[name],
                "name": name,
                "mean": comparison.means[name],
                "interval95": list(mean_interval(per_query[name])),
                "beats": comparison.beats[name],
            }
            for name in comparison.names
        ],
        "pairs": [
            {
                "a": a,
                "b": b,
                "difference": comparison.means[a] - comparison.means[b],
                "p": p,
                "corrected": comparison.corrected[a, b],
            }
            for (a, b), p in comparison.p_values.items()
        ],
    }


def _run(args: argparse.Namespace) -> None:
    config = from_options(CompareConfig, args)
    print(report(compare(config), config.measure))


main = command_main(parser, _run)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
