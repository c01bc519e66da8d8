"""A process that does one task: it prepares once, then does a round for each line on stdin.

It runs in the environment of the side that it measures, so it may import only what all environments have.
"""

import gc
import importlib
import json
import os
import sys
from typing import Any

from experiments.bench import machine

# Task -> `module:function`. The function takes the job, prepares everything and returns a function that does one round
# and returns its figures. The returned function may have an attribute `facts`, with facts about the set-up.
TASKS = {
    "prepare": "experiments.bench.data:start",
    "rerank": "experiments.bench.rerank_ours:start",
    "rerank.sentence_transformers": "experiments.bench.rerank_peers:sentence_transformers",
    "rerank.flag_embedding": "experiments.bench.rerank_peers:flag_embedding",
    "rerank.family": "experiments.bench.families:start",
    "rerank.tricks": "experiments.bench.rerank_tricks:start",
    "rerank.lengths": "experiments.bench.curves:lengths",
    "rerank.batches": "experiments.bench.curves:batches",
    "rerank.shards": "experiments.bench.curves:shards",
    "train": "experiments.bench.train_ours:start",
    "train.sentence_transformers": "experiments.bench.train_peers:sentence_transformers",
    "train.tricks": "experiments.bench.train_ours:tricks",
    "train.memory": "experiments.bench.memory:start",
    "padding": "experiments.bench.inputs:padding",
    "padding.rerank": "experiments.bench.inputs:rerank_padding",
    "packing": "experiments.bench.inputs:packing",
    "tokenise": "experiments.bench.inputs:tokenise",
    "store": "experiments.bench.store:start",
}


def main(arguments: list[str]) -> int:
    """Does rounds of the job given as JSON: prints a line of facts once ready, then a line of figures per round."""
    # Libraries may print anything on stdout, so the answers have their own channel and stdout goes to the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.loads(arguments[0])
    module, _, function = TASKS[job["task"]].partition(":")
    round_of = getattr(importlib.import_module(module), function)(job)
    _answer(answers, {"versions": machine.versions(), **getattr(round_of, "facts", {})})
    for _ in sys.stdin:
        gc.collect()
        _answer(answers, round_of())
    return 0


def _answer(channel: Any, value: dict[str, Any]) -> None:
    channel.write(json.dumps(value) + "\n")
    channel.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
