"""The process to kill: a training or a reranking that prints the phase it is in.

`python -m tests.chaos.victims FOLDER/job.json` does the real work; only marks are added around its phases.
"""

import functools
import json
import os
import sys
from pathlib import Path

from lce_tf.foundation.arguments import quiet_tensorflow
from lce_tf.foundation.exits import guarded


def mark(*words) -> None:
    """Unbuffered, since a killed process does not flush."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def told(phase: str, act, after=lambda *arguments: ""):
    """Runs `act` between two marks, one for its start and one for its end."""

    @functools.wraps(act)
    def acting(*arguments, **settings):
        mark("+", phase)
        result = act(*arguments, **settings)
        mark("-", phase, after(*arguments))
        return result

    return acting


class Steps:
    """A training step that prints its calls, except the first, which builds the graph and belongs to start-up."""

    def __init__(self, step):
        self._step, self._call = step, step

    def __call__(self, *arguments):
        result = self._call(*arguments)
        self._call = told("step", self._step)
        return result

    def __getattr__(self, name):
        return getattr(self._step, name)


def train(job: dict) -> None:
    from lce_tf.training import job as module
    from lce_tf.training.config import TrainConfig

    run = module.Job.run

    def watched(self):
        self.take_step = Steps(self.take_step)
        self._evaluate = told("evaluation", self._evaluate)
        restore, save = self.checkpoints.restore, self.checkpoints.save
        self.checkpoints.save = told("checkpoint", save, lambda step: step)

        def restored():
            restore()
            mark("restored", int(self.step))

        self.checkpoints.restore = restored
        self.checkpoints.discard = lambda: None  # the last one is compared
        run(self)

    module.Job.run = watched
    module.train(TrainConfig(**job["settings"]), job["output"])


def rerank(job: dict) -> None:
    from lce_tf.reranking import rerank as module
    from lce_tf.reranking.chunks import Chunks

    missing = Chunks.missing

    def told_of(self):
        numbers = missing(self)
        mark("restored", len(self) - len(numbers))
        return numbers

    module.score_pairs = told("chunk", module.score_pairs)
    Chunks.write = told("write", Chunks.write, lambda self, number, logits: number + 1)
    Chunks.missing = told_of
    # After the output is complete the chunks may be deleted.
    module.write_reranked = told("output", module.write_reranked, lambda *arguments: 0)
    module.rerank(module.RerankConfig(**job["settings"], output=job["output"]))


def main(file: str) -> int:
    job = json.loads(Path(file).read_text())
    quiet_tensorflow()
    return guarded({"train": train, "rerank": rerank}[job["kind"]], job)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
