"""Quality of several models on one dev run, with significance tests of the differences."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lce_tf.data.datasets import load_dataset
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate, mean
from lce_tf.evaluation.significance import compare
from lce_tf.foundation.steps import Steps
from lce_tf.multistage.scoring import ScoringConfig
from lce_tf.training.config import TrainConfig
from lce_tf.training.inputs import read_dev

MEASURES = ("MRR@10", "nDCG@10")
FIRST_STAGE = "first stage"


class Model(NamedTuple):
    """A model to measure: its name in the table, and its checkpoint."""

    name: str
    folder: Path


def check_dev(training: TrainConfig) -> None:
    """Reads the training's dev runs and their judgments, if it has any, to find faults in them before the work.

    Raises:
        UserError: one of them cannot be read, a run has no judged query, or too few queries are judged to test
            differences.
    """
    if training.dev_run is None:
        return
    for one in training.dev_sets:
        read_dev(one, training.format)
    if (count := len(load_dataset(training.dataset).qrels(training.dev_split))) < 2:
        raise UserError(f"--dev-split {training.dev_split}: has {count} judged queries; a paired test needs 2 or more")


def quality(
    steps: Steps,
    models: list[Model],
    training: TrainConfig,
    scoring: ScoringConfig,
    queries: Iterable[str] | None = None,
    base: str | None = None,
    part: str = "dev",
) -> dict[str, Any]:
    """Means of the first stage and of each model on the training's dev run, and tests of all others against `base`.

    The reranked runs are kept as products, `NAME.PART.trec`.

    Args:
        queries: ids of the queries that count; None: all judged queries of the split.
        base: name of a model, or `FIRST_STAGE`; None takes the first model.
        part: name of the dev run's queries, for file names.

    Returns:
        `rows`, for the first stage and each model: `model`, the `MEASURES`, `difference` from `base` in the first
        measure and its corrected `p` (None for `base`); `queries`, how many; `depth`.
    """
    runs = {model.name: scoring.rerank(steps, f"{model.name}.{part}.trec", model.folder, training) for model in models}
    qrels = load_dataset(training.dataset).qrels(training.dev_split)
    qrels = qrels if queries is None else {query: qrels[query] for query in queries}
    values = {FIRST_STAGE: evaluate(read_run(training.dev_run, training.format), qrels, list(MEASURES))}
    values |= {name: evaluate(read_run(file), qrels, list(MEASURES)) for name, file in runs.items()}
    base, first = base or models[0].name, MEASURES[0]
    tested = compare(
        {name: found[first] for name, found in values.items()}, pairs=[(base, name) for name in values if name != base]
    )
    rows = [
        {
            "model": name,
            **{measure: mean(found[measure]) for measure in MEASURES},
            "difference": None if name == base else tested.means[name] - tested.means[base],
            "p": None if name == base else tested.corrected[base, name],
        }
        for name, found in values.items()
    ]
    return {"rows": rows, "queries": len(qrels), "depth": scoring.depth}


def markdown(facts: dict[str, Any], extra: dict[str, dict[str, str]], about: str = "") -> str:
    """The rows of `quality` as a table in Markdown.

    Args:
        extra: heading of a further column -> model -> cell.
        about: a sentence to add to the one below the table.
    """
    base = next(row["model"] for row in facts["rows"] if row["difference"] is None)
    heads = ["model", *MEASURES, f"{MEASURES[0]} less {base}'s (p)", *extra]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "--:|" * (len(heads) - 1)]
    for row in facts["rows"]:
        difference = "" if row["difference"] is None else f"{row['difference']:+.4f} ({row['p']:.3f})"
        cells = [row["model"], *(f"{row[measure]:.4f}" for measure in MEASURES), difference]
        cells += [column.get(row["model"], "") for column in extra.values()]
        lines.append(f"| {' | '.join(cells)} |")
    tests = "two-sided paired t-tests, Bonferroni-corrected"
    below = f"{facts['queries']} queries, {facts['depth']} passages a query reranked; {tests}."
    return "\n".join(lines) + f"\n\n{below} {about}".rstrip() + "\n"
