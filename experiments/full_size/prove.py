"""`python -m experiments.full_size.prove`: runs the full-scale path over generated files, step by step, and reports."""

import argparse
import subprocess
import sys
from pathlib import Path

from experiments.full_size.generate import PLAN
from experiments.full_size.place import Place
from experiments.full_size.report import LIMIT, report
from experiments.full_size.steps import STEPS
from lce_tf.errors import UserError
from lce_tf.foundation.arguments import HelpFormatter, command_main
from lce_tf.foundation.files import make_folder, read_json, written

ROOT = Path(__file__).parents[2]
# Up to this scale the dev run is also reranked in one piece, to be compared with the merged shards.
_COMPARED = 0.01


def prove(folder: str | Path) -> Path:
    """Runs the steps that have no record yet, each in a process of its own; returns the report's file.

    Everything is written to FOLDER/proof: records, report, models, runs, and a separate cache, so that first reads are
    really uncached. Delete that folder to measure everything anew.

    Raises:
        UserError: the folder was not made by `generate`, or a step failed.
    """
    place = Place(Path(folder).resolve())
    plan = _plan(place)
    names = [name for name in STEPS if name != "unsharded" or plan["scale"] <= _COMPARED]
    make_folder(place.proof)
    for number, name in enumerate(names, 1):
        if not _record(place, name).is_file():
            print(f"[{number}/{len(names)}] {name}", flush=True)
            command = [sys.executable, "-m", "experiments.full_size.steps", name, str(place.data)]
            if status := subprocess.run(command, cwd=ROOT).returncode:
                raise UserError(f"{name}: failed with exit status {status}; what it printed is above")
    records = {name: read_json(_record(place, name)) for name in names}
    text = report(plan["scale"], records)
    with written(place.proof / "report.md") as file:
        file.write(text)
    print(text)
    if (peak := max(record["peak_bytes"] for record in records.values())) > LIMIT:
        raise UserError(f"{folder}: a step needed {peak / 1e9:.1f} GB of memory, more than {LIMIT / 1e9:.0f} GB")
    return place.proof / "report.md"


def _plan(place: Place) -> dict:
    if not (place.data / PLAN).is_file():
        raise UserError(f"{place.data}: has no {PLAN}; write the files with python -m experiments.full_size.generate")
    plan = read_json(place.data / PLAN)
    if missing := [name for name in plan["rows"] if not (place.data / name).is_file()]:
        raise UserError(f"{place.data}: lacks {missing[0]}; run python -m experiments.full_size.generate again")
    return plan


def _record(place: Place, name: str) -> Path:
    return place.proof / f"{name}.json"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m experiments.full_size.prove",
        description=__doc__.partition(": ")[2],
        formatter_class=HelpFormatter,
    )
    result.add_argument("folder", help="what python -m experiments.full_size.generate wrote")
    return result


def _main(arguments: argparse.Namespace) -> None:
    prove(arguments.folder)


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
