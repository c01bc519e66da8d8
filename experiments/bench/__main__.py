"""Measures speed and memory, alone or against other tools, and writes tables and figures."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from experiments.bench.report import write_report
from experiments.bench.rows import rows
from experiments.bench.run import Bench
from experiments.bench.scales import FULL, QUICK, Scale
from experiments.bench.weights import SHAPES
from lce_tf.errors import UserError
from lce_tf.foundation.arguments import HelpFormatter, names
from lce_tf.foundation.exits import guarded


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m experiments.bench",
        description=__doc__,
        epilog="example:\n  python -m experiments.bench --only rerank_float32,rerank_best --rounds 5 "
        "--peers .venv-peers/bin/python\n",
        formatter_class=HelpFormatter,
    )
    found.add_argument("--output", type=Path, default=Path("runs/bench"), help="folder for results; run again to go on")
    found.add_argument("--peers", type=Path, help="interpreter of the other tools' environment (make bench PEERS=1)")
    found.add_argument(
        "--only",
        type=names,
        default=[],
        metavar="NAME,...",
        help="these rows, or those whose names begin so, such as family; the others stay as kept",
    )
    found.add_argument("--rounds", type=int, help=f"of each row (default: {FULL.rounds}, with --quick {QUICK.rounds})")
    found.add_argument("--pairs", type=int, help=f"to rerank in a round (default: {FULL.pairs})")
    found.add_argument("--model", help=f"backbone, or random weights: {', '.join(SHAPES)} (default: {FULL.model})")
    found.add_argument(
        "--quick", action="store_true", help="toy sizes, to see that everything works; into OUTPUT/quick"
    )
    found.add_argument("--report", action="store_true", help="measure nothing; write the report of what is kept")
    return found


def main(argv: list[str] | None = None) -> int:
    """Measures what the arguments select and prints the table."""
    return guarded(_main, parser().parse_args(argv))


def _main(arguments: argparse.Namespace) -> None:
    scale = _scale(arguments)
    if arguments.peers and not arguments.peers.is_file():
        raise UserError(f"--peers {arguments.peers}: no such file; make bench PEERS=1 builds the environment")
    output = arguments.output / "quick" if arguments.quick else arguments.output
    bench = Bench(output.absolute(), scale.rounds, arguments.peers and arguments.peers.absolute())
    groups = scale.groups * (2 + scale.steps)
    common = {"dataset": scale.dataset, "pairs": scale.pairs, "queries": max(64, groups)}
    common |= {"groups": groups, "members": scale.members}
    sizes = {"model": scale.model, **common}, {"model": scale.memory_model, **common}
    texts = {"dataset": scale.dataset, "pairs": scale.family_pairs}
    families = {name: str(bench.folder({"model": name, **texts})) for name in scale.families}
    every = rows(scale, *(str(bench.folder(size)) for size in sizes), str(bench.output), families)
    known = [row.name for row in every]
    chosen = [name for name in known if any(f"{name}_".startswith(f"{only}_") for only in arguments.only)]
    if unknown := [only for only in arguments.only if not any(f"{name}_".startswith(f"{only}_") for name in known)]:
        raise UserError(f"--only {','.join(unknown)}: rows are {', '.join(known)}")
    if not arguments.report:
        bench.measure([row for row in every if row.name in (chosen or known)])
    found = [result for row in every if (result := bench.reported(row)) is not None]
    if not found:
        raise UserError(f"{output}: holds no results; measure without --report first")
    print("\n" + write_report(output, found))
    print(f"\n{output}/report.md has the tables, figures and versions")


def _scale(arguments: argparse.Namespace) -> Scale:
    given = {name: getattr(arguments, name) for name in ("rounds", "pairs", "model")}
    for name in ("rounds", "pairs"):
        if given[name] is not None and given[name] < 1:
            raise UserError(f"--{name} {given[name]}: give 1 or more")
    scale = QUICK if arguments.quick else FULL
    return replace(scale, **{name: value for name, value in given.items() if value is not None})


if __name__ == "__main__":
    sys.exit(main())
