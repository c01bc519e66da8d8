"""`python -m lce_tf.train`: trains a cross-encoder on groups of one positive and n - 1 hard negatives."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from lce_tf.arguments import parser_for, quiet_tensorflow
from lce_tf.errors import UserError, guarded
from lce_tf.groups.pool import POSITIVES, SHORT_LISTS
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication.presets import PRESETS, Preset
from lce_tf.replication.products import Products
from lce_tf.training.config import CHOICES, KEEP, LOSS_NAMES, STRATEGIES, TrainConfig, follow
from lce_tf.training.job import train
from lce_tf.training.recipes import RECIPES

EXAMPLE = """python -m lce_tf.train --loss lce --group 8
  python -m lce_tf.train --dataset my-folder --run bm25.train.trec --loss lce --group 8 \\
      --backbone minilm --steps 1000 --batch 16 --learning-rate 5e-5 --output runs/mine

Without --dataset the settings left out are the preset's (pydocs by default); with it, the paper's.
The same command goes on where an interrupted training stopped."""


def parser() -> argparse.ArgumentParser:
    """The door's command line; a setting not given stays None and falls to the preset or the paper."""
    result = parser_for("train", __doc__.partition(": ")[2], EXAMPLE)
    result.set_defaults(split=None)
    add = result.add_argument
    add("--preset", choices=PRESETS, help="settings for whatever is not given (default: pydocs without --dataset)")
    add("--dataset", help="ir_datasets id, folder in MS MARCO's layout, or pydocs (default: the preset's)")
    add("--split", help="the data set's training split (default: train)")
    add("--run", help="run whose top passages are the negatives (default: the preset's BM25, made if need be)")
    add("--negatives", choices=("bm25", "dense"), default="bm25", help="without --run: the preset's retriever")
    add("--output", help="folder for the result (default: runs/PRESET/models/LOSS-nGROUP-NEGATIVES)")
    group = result.add_argument_group("training")
    group.add_argument("--loss", choices=LOSS_NAMES, default="lce", help="training loss")
    group.add_argument("--group", type=int, default=8, help="passages a group (n); cross entropy takes single pairs")
    kinds = {"batch": int, "steps": int, "warmup": float, "learning_rate": float, "seed": int}
    kinds |= {"query_length": int, "sequence_length": int, "negatives_depth": int, "devices": int, "micro_batch": int}
    kinds |= {"dev_queries": int, "dev_depth": int, "evaluate_every": int, "checkpoint_every": int, "log_every": int}
    group.add_argument("--recipe", choices=RECIPES, help="settings to follow where no flag says otherwise")
    group.add_argument("--backbone", help=_HELP["backbone"])
    group.add_argument("--teacher", metavar="RUN", help=_HELP["teacher"])
    group.add_argument("--r-drop", type=float, metavar="WEIGHT", help=_HELP["r_drop"])
    group.add_argument("--dev-split", help=_HELP["dev_split"])
    group.add_argument("--dev-run", help=_HELP["dev_run"])
    for name, kind in kinds.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, help=_HELP[name])
    group.add_argument("--precision", help=_HELP["precision"])
    group.add_argument("--deterministic", action="store_true", default=None, help=_HELP["deterministic"])
    group.add_argument("--xla", action="store_true", default=None, help=_HELP["xla"])
    group.add_argument("--layout", choices=CHOICES["layout"], help=_HELP["layout"])
    group.add_argument("--peak-tflops", type=float, metavar="N", help=_HELP["peak_tflops"])
    group.add_argument("--tpu", metavar="NAME", help=_HELP["tpu"])
    choices = {"strategy": STRATEGIES, "keep": KEEP, "short_lists": SHORT_LISTS, "positives": POSITIVES}
    choices |= {name: values for name, values in CHOICES.items() if name != "recipe"}
    for name, values in choices.items():
        group.add_argument(f"--{name.replace('_', '-')}", choices=values, help=_HELP[name])
    group.add_argument("--head", choices=("linear", "dense"), help=_HELP["head"])
    group.add_argument("--padding-segment", type=int, choices=(0, 1), help=_HELP["padding_segment"])
    group.add_argument("--passage-length", "--window", type=int, metavar="N", help=_HELP["passage_length"])
    group.add_argument("--windows", type=int, metavar="N", help=_HELP["windows"])
    group.add_argument("--stride", type=int, metavar="N", help=_HELP["stride"])
    group.add_argument("--score-dtype", choices=("float32", "float16"), help=_HELP["score_dtype"])
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, 130 after Ctrl-C, or after one line about what is wrong 2, or 75 for a lost worker."""
    quiet_tensorflow()
    return guarded(_main, parser().parse_args(argv))


def _main(arguments: argparse.Namespace) -> None:
    flags = {name: value for name, value in vars(arguments).items() if value is not None}
    name, negatives, output = flags.pop("preset", None), flags.pop("negatives"), flags.pop("output", None)
    if "dataset" in flags and name is None:
        if "run" not in flags:
            raise UserError("--dataset needs --run: write one with python -m lce_tf.retrieve bm25 --split train")
        given = {name: value for name, value in flags.items() if name != "recipe"}
        config = follow(TrainConfig(**given), flags.get("recipe", "paper"), given)
        output = output or _default_output(None, flags, Path(flags["run"]).stem)
    else:
        preset = PRESETS[name or "pydocs"]
        config = _from_preset(preset, flags, negatives)
        output = output or _default_output(preset, flags, negatives)
    print(f"trained: {train(config, output)}")


def _from_preset(preset: Preset, flags: dict, negatives: str) -> TrainConfig:
    if "run" in flags or flags.get("dataset", preset.dataset) != preset.dataset:
        if "run" not in flags:
            raise UserError("--dataset needs --run: write one with python -m lce_tf.retrieve bm25 --split train")
        config = replace(preset.training, **{"dataset": preset.dataset, **flags})
        return follow(config, config.recipe, flags)
    own = {name: value for name, value in flags.items() if name not in ("loss", "group", "seed", "dataset")}
    # The dev run is the preset's own where none is named; its place is taken until it has been made.
    training = replace(preset.training, **{"dev_run": "to be made", "loss": flags["loss"], **own})
    replace(training, **flags)  # impossible settings are refused before anything is retrieved
    # Fewer negatives than the preset's list holds are the head of that list.
    depth = max(training.negatives_depth, preset.training.negatives_depth)
    wanted_preset = replace(preset, training=replace(training, negatives_depth=depth), asked=own)
    products = Products(wanted_preset, f"runs/{preset.name}")
    wanted = Checkpoint(negatives, flags["loss"], 1 if flags["loss"] == "ce" else flags["group"])
    return replace(products.train_config(wanted, flags.get("seed", preset.training.seed)), **own)


def _default_output(preset: Preset | None, flags: dict, negatives: str) -> Path:
    name = f"{flags['loss']}-n{1 if flags['loss'] == 'ce' else flags['group']}-{negatives}"
    if preset and flags.get("seed", preset.training.seed) != preset.training.seed:
        name += f"-seed{flags['seed']}"  # as the tables call it
    return Path("runs") / (preset.name if preset else Path(flags["dataset"]).name) / "models" / name


def _help() -> dict[str, str]:
    """What each setting means and what the paper has, from the one place that says it: TrainConfig."""
    meaning = {
        "backbone": "folder, minilm, or Hugging Face id of the pretrained encoder, or of a trained cross-encoder",
        "teacher": "with --loss margin-mse or ranknet: run with a teacher's scores, as lce score writes",
        "r_drop": "weight of R-Drop: two dropout masks a pair, whose scores are drawn together",
        "batch": "groups a step over all replicas (cross entropy: pairs)",
        "steps": "optimiser steps",
        "warmup": "share of the steps in which the learning rate climbs",
        "learning_rate": "its peak; it falls linearly to 0",
        "seed": "of groups, order, dropout and the head",
        "query_length": "wordpieces that a query keeps at most",
        "sequence_length": "wordpieces of query, passage and special tokens at most",
        "negatives_depth": "negatives come from this many top passages",
        "micro_batch": "wordpieces computed at once on a replica; 0: what fits into memory",
        "devices": "GPUs, or logical CPU devices where there is none; 0 takes all GPUs",
        "dev_split": "split of the dev run's queries",
        "dev_run": "run whose sample is reranked while training",
        "dev_queries": "queries in that sample",
        "dev_depth": "passages a query reranked in it",
        "evaluate_every": "steps between evaluations; 0 never",
        "checkpoint_every": "steps between checkpoints",
        "log_every": "steps between lines in metrics.jsonl and TensorBoard",
        "precision": "auto, float32, mixed_float16, mixed_bfloat16 or products_bfloat16",
        "strategy": "tf.distribute strategy; multi_worker_mirrored: see docs/clusters.md",
        "deterministic": "the same bits each time on a GPU as well, for some speed",
        "xla": "slices compiled by XLA, once for each width of pairs; rows and flat on a GPU are compiled anyway",
        "layout": "slices, rows of several pairs, or flat for fused kernels; auto: the device's best (docs/gpu.md)",
        "peak_tflops": "peak rate of the device, for the share of it that is logged; known for some cards",
        "tpu": "with --strategy tpu: its name or address, where this machine is not attached to it",
        "keep": "which checkpoint is the result",
        "decay": "after the warm-up: to 0 linearly, or the released code's 1 / (1 + 0.1 k)",
        "head_rate": "the head's learning rate: scheduled like the encoder's, or constant",
        "sampling": "a group's negatives: distinct, or drawn with replacement",
        "positives": "any judged relevant passage, or only those in the run",
        "head": "linear (eq. 1), or the released code's dense one with two logits",
        "padding_segment": "segment id of padding",
        "passage_length": "wordpieces that a passage, or a window of a document, keeps at most, before packing",
        "windows": "windows of a document whose best is its score (MaxP); 1 is its first alone (FirstP)",
        "stride": "wordpieces from where a window begins to where the next does; half a window if left out",
        "ce_pairs": "cross entropy's pairs: each of its own query, or by twos of the same",
        "score_dtype": "what scores are rounded to before sorting",
        "short_lists": "queries with too few negatives: leave out, or draw with replacement",
    }
    default = {field.name: field.default for field in fields(TrainConfig)}
    return {name: f"{text} (paper or default: {default[name]})" for name, text in meaning.items()}


_HELP = _help()

if __name__ == "__main__":
    sys.exit(main())
