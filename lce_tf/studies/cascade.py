"""A cascade: each model reranks a smaller top part of the previous model's ranking."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lce_tf.data.formats import CHOICES as FORMATS_SAID
from lce_tf.data.formats import FORMAT_HELP
from lce_tf.data.runs import Run, read_run
from lce_tf.data.spared import BESIDE_A_RUN, spare_inputs
from lce_tf.errors import UserError
from lce_tf.foundation.files import check_output
from lce_tf.foundation.settings import check, setting
from lce_tf.reranking.engine import ENGINES
from lce_tf.reranking.outputs import read_manifest
from lce_tf.reranking.rerank import RerankConfig, opened_for
from lce_tf.studies.reranked import rerank_once


class Stage(NamedTuple):
    """A model and the number of passages per query that it scores."""

    checkpoint: str
    depth: int

    @classmethod
    def parse(cls, text: str) -> "Stage":
        """The stage that `CHECKPOINT:DEPTH` stands for; a ValueError if the text has another form."""
        checkpoint, _, depth = text.rpartition(":")
        if not checkpoint or not depth.isascii() or not depth.isdecimal() or int(depth) < 1:
            raise ValueError(text)
        return cls(checkpoint, int(depth))


@dataclass(frozen=True)
class CascadeConfig:
    """Which models rerank a run one after the other.

    Attributes:
        stages: the cheapest model first; none deeper than the one before.
        run: the first-stage run, which the first model reranks.
        output: the last model's run; an earlier stage i writes `OUTPUT.stage-i`. Each has its raw scores and manifest.
    """

    stages: tuple[Stage, ...] = setting()
    dataset: str = setting()
    run: str = setting()
    output: str = setting()
    split: str | None = setting(None, "the data set's split whose queries the run is of, e.g. dev")
    engine: str = setting("auto", "as for lce rerank, of all stages", read=ENGINES.known, metavar="ENGINE")
    precision: str = setting("auto", "as for lce rerank, of all stages")
    tag: str = setting("cascade", "the run's name in its last column")
    format: str | None = setting(None, FORMAT_HELP, choices=FORMATS_SAID)

    def __post_init__(self):
        check(self)
        if len(self.stages) < 2:
            raise UserError("--stages: give two or more, the cheapest first; one model alone is lce rerank's")
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if after.depth > before.depth:
                raise UserError(
                    f"--stages {after.checkpoint}:{after.depth}: is deeper than {before.depth}, that of the stage "
                    "before, which has not scored what lies below; give a smaller depth"
                )
        if Path(self.run).is_fifo():
            raise UserError(
                f"--run {self.run}: is a stream, but the run is read more than once; write it to a file first"
            )
        self.jobs()  # refuses a stage with invalid settings

    def jobs(self) -> list[RerankConfig]:
        """The reranking of each stage."""
        jobs, run = [], self.run
        for number, stage in enumerate(self.stages, 1):
            output = self.output if number == len(self.stages) else f"{self.output}.stage-{number}"
            if os.path.realpath(output) == os.path.realpath(self.run):
                raise UserError(f"--output {self.output}: is the --run itself, or would be; name another file")
            spare_inputs(output, [one.checkpoint for one in self.stages], beside=BESIDE_A_RUN)
            jobs.append(
                RerankConfig(
                    stage.checkpoint,
                    self.dataset,
                    run,
                    output,
                    self.split,
                    stage.depth,
                    engine=self.engine,
                    precision=self.precision,
                    tag=self.tag,
                    format=self.format if number == 1 else None,
                )
            )
            run = output
        return jobs


class Taken(NamedTuple):
    """What a stage did: its run, whether it was made now or kept, pairs scored, and seconds (None if resumed)."""

    file: str
    made: bool
    pairs: int
    seconds: float | None


def cascade(config: CascadeConfig) -> tuple[Run, list[Taken]]:
    """The run of the last stage, and what each stage did.

    A stage that was finished with the same inputs is kept, and an interrupted one is resumed.

    Raises:
        UserError: as `rerank`.
    """
    done = []
    check_output(config.output, "--output")
    for job in config.jobs():
        opened_for(job)  # finds what is wrong with a later model before the first one works
    for job in config.jobs():
        made = rerank_once(job)
        facts = read_manifest(job.output)
        done.append(Taken(job.output, made, facts["pairs"], facts["seconds"]))
    return read_run(config.output), done
