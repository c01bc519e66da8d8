"""`python -m lce_tf.audit`: checks a run before training on it: usable queries, truncation, positives.

For a run that `lce negatives` made, it also lists what each filter removed, with example passages.
"""

import argparse
import json
import sys
from pathlib import Path

from lce_tf.data.formats import add_format_option
from lce_tf.data.hashes import file_sha256
from lce_tf.data.spared import spare_inputs
from lce_tf.foundation.arguments import command_main, none_or_more, parser_for
from lce_tf.foundation.disk import NEGATIVES
from lce_tf.foundation.files import write_json
from lce_tf.foundation.settings import add_options
from lce_tf.groups.audit import Audit, audit
from lce_tf.hard_negatives.records import EXAMPLES, examples_text, read_record, record_file, summary
from lce_tf.losses import LOSSES
from lce_tf.training.config import TrainConfig

# Settings of a training that determine what it reads.
LENGTHS = ("query_length", "sequence_length", "passage_length", "windows", "stride")
SETTINGS = ("group", "batch", "steps", "negatives_depth", *LENGTHS, "short_lists")
EXAMPLE = "python -m lce_tf.audit --dataset pydocs --run bm25.train.trec --group 8 --backbone minilm"


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("audit", __doc__.partition(": ")[2].strip(), EXAMPLE)
    add = result.add_argument
    add("--dataset", default="pydocs", help="ir_datasets id, folder, or pydocs (lce list datasets)")
    add("--split", default=TrainConfig.split, help="the data set's training split")
    add("--run", required=True, help="the run to draw negatives from")
    add_format_option(result)
    add("--backbone", default="minilm", help="whose tokenizer measures truncation")
    untaught = [name for name in LOSSES if not LOSSES.about(name).teacher or LOSSES.about(name).grades]
    add("--loss", choices=untaught, default=TrainConfig.loss, help="training loss")
    add_options(result, TrainConfig, SETTINGS, fill=True)
    add(
        "--examples", type=none_or_more, default=EXAMPLES,
        help="passages to show that each filter of lce negatives removed",
    )  # fmt: skip
    add("--json", help="write the whole audit, every query id included, to this file")
    return result


def _main(arguments: argparse.Namespace) -> None:
    flags = vars(arguments).copy()
    file, examples = flags.pop("json"), flags.pop("examples")
    config = TrainConfig(**flags)
    spare_inputs(file, (config.run, config.backbone), "--json")
    found = audit_training(config)
    record = read_record(config.run, file_sha256(config.run))
    print(found.text())
    if record:
        with NEGATIVES.reading(record_file(config.run)):
            counts, shown = summary(record), examples_text(record, examples)
        print(f"\nwhat lce negatives made {config.run} of:\n{counts}")
        if shown:
            print(f"\n{shown}")
    if file is not None:
        removed = {"negatives": record} if record else {}
        write_json(Path(file), json.loads(json.dumps({**found.as_json(), **removed})))


def audit_training(config: TrainConfig) -> Audit:
    """The audit of what `lce_tf.train` would read under this configuration."""
    from lce_tf.training.inputs import read_inputs

    inputs = read_inputs(config)
    return audit(inputs.pool, inputs.packer, config.members, config.steps * config.batch)


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
