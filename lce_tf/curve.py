"""`python -m lce_tf.curve`: what each depth of reranking costs and gives, as a table and a figure."""

import argparse
import sys
from collections.abc import Sequence

from lce_tf.evaluation.inputs import aligned
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.files import write_json
from lce_tf.foundation.settings import add_options, from_options
from lce_tf.studies.curve import Curve, CurveConfig, curves
from lce_tf.studies.curve_figure import write_figure

EXAMPLE = """python -m lce_tf.curve --dataset pydocs --split dev --measure nDCG@10 --figure curve.svg \\
      small.dev.trec large.dev.trec cascade.dev.trec"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("curve", __doc__.partition(": ")[2], EXAMPLE)
    add_options(result, CurveConfig, fill=True)
    return result


def table(found: Sequence[Curve], measure: str) -> str:
    """The points as aligned text."""
    rows = [["run", "depth", "pairs", "pairs a query", "seconds", measure]]
    for one in found:
        for point in one.points:
            seconds = "-" if point.seconds is None else f"{point.seconds:.1f}"
            a_query = f"{point.pairs / one.queries:.1f}"
            rows.append([one.name, str(point.depth), str(point.pairs), a_query, seconds, f"{point.value:.4f}"])
    return aligned(rows)


def curve(config: CurveConfig) -> list[Curve]:
    """A curve for each run; also drawn to `config.figure` and written to `config.json` if these are given.

    Raises:
        UserError: bad input, in one line.
    """
    found = curves(config)
    if config.figure is not None:
        write_figure(found, config.measure, config.cost, config.figure)
    if config.json is not None:
        points = [{"run": one.name, **point._asdict()} for one in found for point in one.points]
        write_json(config.json, {"measure": config.measure, "points": points})
    return found


def _main(arguments: argparse.Namespace) -> None:
    config = from_options(CurveConfig, arguments)
    print(table(curve(config), config.measure))


main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
