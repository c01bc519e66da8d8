"""`python -m experiments.tricks`: trains with one trick at a time, over several seeds, and prints what each changes."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.tricks.make import Bench, make_runs
from experiments.tricks.rows import BASE, ROWS
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate
from lce_tf.evaluation.significance import compare
from lce_tf.foundation.arguments import HelpFormatter, command_main, count, names, numbers
from lce_tf.foundation.at_once import JOBS_HELP, jobs_here
from lce_tf.foundation.files import written
from lce_tf.paper.outcome import averaged
from lce_tf.replication.presets import PRESETS, Preset
from lce_tf.replication.products import Products

MEASURE = "MRR@10"
FIRST = "BM25"
# Half the steps of Table 1's rows in the preset pydocs.
STEPS = 800


def table(preset: Preset, values: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """The table in Markdown.

    Args:
        values: row -> for each of its runs, query id -> value; `FIRST` among the rows.
    """
    mean_of = {name: averaged(list(found)) for name, found in values.items()}
    tested = compare(mean_of, pairs=[(BASE, name) for name in values if name != BASE])
    lines = ["| | What differs | MRR@10 | Range over seeds | Less the base (p) |", "|---|---|--:|--:|--:|"]
    for name, found in values.items():
        row = ROWS.get(name)
        about = "the first stage, not reranked" if row is None else ": ".join(filter(None, (row.part, row.about)))
        means = [np.mean(list(one.values())) for one in found]
        spread = f"{min(means):.4f} – {max(means):.4f}" if len(means) > 1 else ""
        change = tested.means[name] - tested.means[BASE]
        shown = "" if name == BASE else f"{change:+.4f} ({tested.corrected[BASE, name]:.2g})"
        lines.append(f"| {name} | {about} | {tested.means[name]:.4f} | {spread} | {shown} |")
    training = preset.training
    below = (
        f"{preset.dataset}, {tested.queries:,} dev queries, BM25's top {preset.depth} reranked; {training.steps:,} "
        f"steps of {training.batch} groups, peak learning rate {training.learning_rate:g}. A query's value is its mean "
        f"over the seeds; two-sided paired t-tests, p times {tested.comparisons} (Bonferroni)."
    )
    return "\n".join(lines) + f"\n\n{below}\n"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m experiments.tricks", description=__doc__.partition(": ")[2], formatter_class=HelpFormatter
    )
    add = result.add_argument
    add("--preset", choices=PRESETS, default="pydocs", help="data, backbone and settings")
    add("--tables", help="folder of lce tables whose first stages are used (default: runs/PRESET)")
    add("--output", help="folder of all that is made here (default: runs/tricks)")
    add("--seeds", type=numbers, default=(1, 2, 3), metavar="N,N,...", help="of every training")
    add("--rows", type=names, metavar="ROW,ROW,...", help=f"besides the base (default: all): {', '.join(ROWS)}")
    add("--steps", type=count, default=STEPS, help="of every training")
    add("--batch", type=count, help="groups a step of every training (default: the preset's)")
    add("--depth", type=count, help="passages a query to rerank (default: the preset's)")
    add("--jobs", type=count, metavar="N", help=JOBS_HELP)
    return result


def _main(arguments: argparse.Namespace) -> None:
    if len(set(arguments.seeds)) < 2:
        raise UserError("--seeds: give two or more different whole numbers, such as 1,2,3")
    asked = arguments.rows or list(ROWS)
    if unknown := [name for name in asked if name not in ROWS]:
        raise UserError(f"--rows {unknown[0]}: known are {', '.join(ROWS)}")
    changes = {name: getattr(arguments, name) for name in ("steps", "batch", "depth")}
    preset = PRESETS[arguments.preset].override(**changes)
    folder = Path(arguments.output or "runs/tricks")
    bench = Bench(preset, Path(arguments.tables or f"runs/{preset.name}"), folder)
    rows = [name for name in ROWS if name == BASE or name in asked]
    print(tricks(bench, arguments.seeds, arguments.jobs or jobs_here(), rows))
    print(f"written: {folder / 'tricks.md'}")


def tricks(bench: Bench, seeds: Sequence[int], jobs: int, rows: Sequence[str] = tuple(ROWS)) -> str:
    """Makes all runs and returns the table, which is written to `tricks.md` as well.

    Args:
        rows: names of the table's rows, `BASE` among them.
    """
    runs = {FIRST: [bench.first_stage("bm25")], **make_runs(bench, seeds, jobs, rows)}
    qrels = Products(bench.preset, bench.tables).qrels()
    values = {
        name: [evaluate(read_run(path), qrels, [MEASURE])[MEASURE] for path in paths] for name, paths in runs.items()
    }
    text = table(bench.preset, values)
    with written(bench.folder / "tricks.md") as file:
        file.write(text)
    return text


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
