"""`python -m lce_tf.tables`: replicates a table of the paper, from the first stage to the printed table."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import command_main, count, numbers, parser_for, wants
from lce_tf.foundation.array_jobs import array_index
from lce_tf.foundation.at_once import JOBS_HELP
from lce_tf.foundation.footprint import Footprint
from lce_tf.foundation.settings import add_options, having
from lce_tf.paper.rows import TABLES
from lce_tf.replication.items import PHASES, items_of, jobs_for, listing, make_products, run_items
from lce_tf.replication.official import OFFICIAL, official_folder
from lce_tf.replication.plan import Plan, make_plan
from lce_tf.replication.presets import PRESETS, Preset
from lce_tf.replication.replicate import replicate
from lce_tf.replication.timing import measured_rates
from lce_tf.training.config import TrainConfig

ALL = "all"

EXAMPLE = """python -m lce_tf.tables table1 --preset smoke
  python -m lce_tf.tables all --plan --pairs-per-second 60,300"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("tables", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("table", choices=[*TABLES, ALL], help="which table, or all of them: what they share is made once")
    add("--preset", choices=PRESETS, default="pydocs", help="data, backbone and settings")
    add("--output", help="folder of all products and of the table (default: runs/PRESET)")
    add("--seeds", type=numbers, metavar="N,N,...", help="train every row with each seed: mean and spread")
    add("--plan", action="store_true", help="print what this would download, make and take, and stop")
    add("--jobs", type=count, metavar="N", help=JOBS_HELP)
    add("--pairs-per-second", type=_rates, metavar="TRAIN,RERANK", help="for --plan (default: a short timing here)")
    part = result.add_argument_group("one part of the work, for clusters")
    part.add_argument("--stage", choices=PHASES, help="do this stage only; those before it must be done")
    part.add_argument("--index", type=int, help="item of --stage (default: the array's index on Slurm or Kubernetes)")
    part.add_argument("--list-stage", choices=PHASES, help="print the items of a stage, one line an index, and stop")
    flags = result.add_argument_group("instead of the preset's")
    flags.add_argument("--data-dir", metavar="DIR", help=f"folder with MS MARCO's own files: {', '.join(OFFICIAL)}")
    add_options(flags, Preset, having(Preset, "tables"), show_default="")
    add_options(flags, TrainConfig, having(TrainConfig, "tables"), show_default="")
    return result


@wants("two numbers from 0.001 to 10^9, such as 60,300")
def _rates(text: str) -> tuple[float, float]:
    train, rerank = map(float, text.split(","))
    if not (1e-3 <= train < 1e9 and 1e-3 <= rerank < 1e9):
        raise ValueError(text)
    return train, rerank


def _main(arguments: argparse.Namespace) -> None:
    flags = vars(arguments).copy()
    if (data_dir := flags.pop("data_dir")) is not None:
        # --list-stage does not need the data: it is also used on machines without them, to submit jobs.
        flags["dataset"] = data_dir if flags["list_stage"] else official_folder(data_dir)
    name, preset = flags.pop("table"), PRESETS[flags.pop("preset")]
    tables = list(TABLES.values()) if name == ALL else [TABLES[name]]
    output, seeds = flags.pop("output") or f"runs/{preset.name}", flags.pop("seeds")
    if seeds is not None and (not seeds or len(set(seeds)) != len(seeds)):
        raise UserError("--seeds: give one or more different whole numbers, such as 1,2,3")
    for seed in seeds or ():
        replace(preset.training, seed=seed)  # refuses an invalid seed
    stage, listed, index = (flags.pop(name) for name in ("stage", "list_stage", "index"))
    planned, rates, jobs = (flags.pop(name) for name in ("plan", "pairs_per_second", "jobs"))
    if sum((planned, stage is not None, listed is not None)) > 1:
        raise UserError("--plan, --stage, --list-stage: ask for different things; give one of them")
    if jobs and (planned or stage or listed):
        raise UserError(
            f"--jobs {jobs}: is for making whole tables; leave it out with --plan, --stage and --list-stage"
        )
    if rates and not planned:
        raise UserError("--pairs-per-second: is what --plan reckons with; give that as well")
    if index is not None and stage is None:
        raise UserError(f"--index {index}: is the item of a --stage; name that as well")
    preset = preset.override(**flags)
    if stage or listed:
        items = items_of(tables, preset, seeds)[listed or stage]
        print(listing(items) if listed else run_items(items, output, array_index() if index is None else index))
        return
    if planned:
        print(_text(make_plan(tables, preset, output, seeds), preset, rates))
        return
    footprint = Footprint()
    if (jobs := jobs or jobs_for(preset)) > 1:
        make_products(tables, preset, seeds, output, jobs, footprint)
    for table in tables:
        report = replicate(table, preset, output, seeds)
        print(report.markdown())
        print(f"written: {Path(output) / table.name}.md, .tex, .json, .png, .svg")
        if report.setting.submission:
            print(f"to submit: {Path(output) / report.setting.submission}")
    print(footprint)


def _text(plan: Plan, preset: Preset, rates: tuple[float, float] | None) -> str:
    origin = "given"
    if rates is None:
        rates = measured_rates(preset)
        origin = "timed here just now" if rates else f"the backbone {preset.training.backbone} is not here to be timed"
    return plan.text(rates, origin)


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
