"""A training from its configuration to the finished checkpoint, resumable at any step."""

import collections
import contextlib
import functools
import json
from pathlib import Path

from lce_tf.data.layouts import holds_collection
from lce_tf.errors import UserError
from lce_tf.foundation import xla
from lce_tf.foundation.files import claimed_folder
from lce_tf.foundation.footprint import give_back, trim
from lce_tf.foundation.locks import alone
from lce_tf.foundation.progress import Progress
from lce_tf.groups.sampler import GroupSampler
from lce_tf.losses import LOSSES
from lce_tf.model import checkpoint
from lce_tf.model.precision import device_kind
from lce_tf.training import epochs
from lce_tf.training.checkpoints import Checkpoints
from lce_tf.training.checks import check_dropout
from lce_tf.training.config import TrainConfig
from lce_tf.training.dev_evaluation import Best, DevEvaluation
from lce_tf.training.inputs import TrainingInputs, read_inputs
from lce_tf.training.meters import Meter
from lce_tf.training.plan import batches_and_step, layout_of, precision_of, said_of
from lce_tf.training.records import Figures, OnFigures, begun_layout, identity, open_manifest
from lce_tf.training.results import is_finished, save_model
from lce_tf.training.signals import StopSignals
from lce_tf.training.strategies import make_strategy
from lce_tf.training.watch import Watch, give_up
from lce_tf.training.workers import Workers


def train(config: TrainConfig, output: str | Path, on_figures: OnFigures | None = None) -> Path:
    """Trains a cross-encoder and returns the folder, which `rerank` accepts as a checkpoint.

    After training the folder holds `config.json`, `model.safetensors` and the tokenizer. From the start it holds
    `manifest.json` (configuration, departures from the paper's recipe, hashes of the inputs, versions),
    `metrics.jsonl` and `summaries/` for TensorBoard, and until it is finished `checkpoints/`. The same call resumes an
    interrupted training, and returns at once if it is finished. With several workers, only the chief writes.

    Args:
        on_figures: called with each object that goes into `metrics.jsonl`, after it is written, on the chief: `step`,
            `epoch`, and figures by name, None if not finite. After an interruption the figures since the checkpoint
            come again. An exception that it raises ends the training.

    Raises:
        UserError: bad input, or a folder that holds something else or that another process trains into; raised on all
            workers, whichever found it.
        LostWorker: another worker ended.
        KeyboardInterrupt: Ctrl-C or SIGTERM on any worker, after the step in progress is saved.
    """
    import tensorflow as tf

    xla.set_flags()
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    workers = Workers(make_strategy(config.strategy, config.devices, config.tpu))
    with workers.needed(), contextlib.ExitStack() as locks:
        return _train(config, Path(output), workers, locks, on_figures)


def _train(
    config: TrainConfig, output: Path, workers: Workers, locks: contextlib.ExitStack, on_figures: OnFigures | None
) -> Path:
    if holds_collection(output):
        raise UserError(f"--output {output}: holds a data set; choose another folder")
    with contextlib.ExitStack() as claim:
        workers.by_chief(lambda: claim.enter_context(claimed_folder(output)))
        inputs = workers.chief_first(lambda: read_inputs(config))
        config = epochs.resolved(config, len(inputs.pool))
        workers.same("settings or inputs", json.dumps(identity(config, inputs.hashes), sort_keys=True))
        facts = {**inputs.facts, "loss": {"name": config.loss, **config.options_of_loss}}
        finished = workers.from_chief(is_finished(output))
        if not finished:
            workers.by_chief(lambda: locks.enter_context(alone(output)))
        job = None if finished else Job(config, inputs, output, workers, on_figures)
        if job:
            facts |= job.facts
        # Written only after all parts fit together, so that refused settings do not claim the folder.
        workers.by_chief(lambda: open_manifest(output, config, inputs.hashes, facts))
    if job is None:
        return output
    if workers.chief:
        print(epochs.summary(config, len(inputs.pool)), flush=True)
    job.run()
    # Otherwise a process that trains several models would keep the graphs and slots of all of them.
    del job
    give_back()
    return output


# Largest number of steps started after the one whose figures are read.
AHEAD = 16


class Job:
    """All parts of one training; `run` trains."""

    def __init__(self, config: TrainConfig, inputs: TrainingInputs, output: Path, workers: Workers, on_figures=None):
        import tensorflow as tf

        from lce_tf.training.ema import WeightAverage
        from lce_tf.training.objective import Objective
        from lce_tf.training.optimizers import make_optimizer
        from lce_tf.training.schedules import make_schedule

        self.config, self.inputs, self.output, self.workers = config, inputs, output, workers
        self.strategy, self.steps_an_epoch = workers.strategy, epochs.steps_an_epoch(config, len(inputs.pool))
        replicas = self.strategy.num_replicas_in_sync
        if config.batch % replicas:
            raise UserError(f"--batch {config.batch}: is not a multiple of the {replicas} replicas it is split over")
        loss = LOSSES[config.loss](**config.options_of_loss)
        self.schedule = make_schedule(config.decay, config.learning_rate, config.steps, config.warmup)
        head_rate = config.learning_rate if config.head_rate == "constant" else None
        # Kept on the host: on a GPU, an assignment would wait for all steps that were started.
        with tf.device("CPU:0"):
            self.step = tf.Variable(0, dtype=tf.int64)
        precision = precision_of(config, output, workers)
        with self.strategy.scope():
            self.model = checkpoint.from_backbone(
                config.backbone, config.scoring, precision, config.seed, config.dropout, config.layers
            )
            inputs.watched.check()  # the weights have been read
            check_dropout(config, self.model.config)
            self.optimizer = make_optimizer(self.schedule, self.model, precision, head_rate, config.weight_decay)
        sampler = GroupSampler(
            inputs.pool,
            config.members,
            config.seed,
            pairs=loss.pairs,
            replacement=config.sampling == "replacement",
            alternating=config.ce_pairs == "alternating",
            teacher=inputs.teacher,
            positives=config.group_positives,
            grades=loss.grades,
        )
        self.layout = layout_of(config, self.model, begun_layout(output))
        self.batches, self.take_step = batches_and_step(
            config,
            self.layout,
            sampler,
            inputs.packer,
            self.strategy,
            self.model,
            Objective.of(config, loss),
            self.optimizer,
            replicas // workers.count,
        )
        if self.layout != "slices" and workers.chief:
            print(said_of(self.layout, self.batches), flush=True)
        self.best = Best(config.patience)
        state = {"model": self.model, "optimizer": self.optimizer, "step": self.step, **self.best.parts}
        self.average = None
        if config.ema:
            taken = self.optimizer.iterations  # on the device of the weights, unlike `self.step`
            self.average = WeightAverage(self.strategy, self.model.trainable_variables, config.ema, taken)
            state["average"] = self.average.shadows
        self.checkpoints = Checkpoints(output, state, workers)
        self.dev = DevEvaluation(self.model, inputs.dev, config.dev_measures)
        self.stop, self.figures, self.on_figures = StopSignals(), None, on_figures

    @property
    def facts(self) -> dict:
        """How the training is computed, for the manifest."""
        import tensorflow as tf

        return {
            "precision": self.model.precision.name,
            "replicas": self.strategy.num_replicas_in_sync,
            "layout": self.layout,
            "xla_flags": xla.flags(),
            "tf32": device_kind() == "gpu" and tf.config.experimental.tensor_float_32_execution_enabled(),
        }

    def run(self) -> None:
        """Trains from the newest checkpoint, or from the start, to the end, and saves the result."""
        self.checkpoints.restore()
        if self.workers.chief:
            self.figures = Figures(self.output, int(self.step), self.on_figures)
        try:
            with self.stop:
                if self.inputs.dev:
                    self.workers.by_chief(self._measure_first_stage)
                if not self._out_of_patience():
                    self._loop()
        finally:
            if self.figures:
                self.figures.close()
        self.workers.by_chief(self._save_result)
        self.workers.by_chief(self.checkpoints.discard)

    def _save_result(self) -> None:
        if self.config.keep == "best" and (self.output / "best" / "config.json").is_file():
            checkpoint.copy(self.output / "best", self.output)
        else:
            with self._result():
                self._save_model(self.output)

    def _result(self) -> contextlib.AbstractContextManager:
        """A block in which the model has the weights that the training results in: with `ema`, their average."""
        return self.average.in_model() if self.average else contextlib.nullcontext()

    def _loop(self) -> None:
        config, first = self.config, int(self.step)
        feed, watch, meter = self._feed(first), Watch(config), Meter(config, self.model.config)
        # Steps that were started and whose figures are not read yet; reading them at once would make the device wait.
        started, sound = collections.deque(), True
        with Progress("train", config.steps * meter.examples, "pairs", initial=first * meter.examples) as progress:
            for step in range(first + 1, config.steps + 1):
                taken = self.take_step(feed, self.stop.asked if self.workers.count > 1 else None)
                self.step.assign(step)
                if self.average:
                    self.average.update()
                started.append((step, taken))
                last = step == config.steps
                evaluates = self.inputs.dev and (step % config.evaluate_every == 0 or last)
                saves = step % config.checkpoint_every == 0 or last
                logs = step % config.log_every == 0 or last
                settles = logs or saves or evaluates or self.stop.asked or self.workers.count > 1
                # Read all of them, since reading any figure waits for every step that was started.
                settles = settles or len(started) > AHEAD
                while settles and started:
                    sound = self._account(*started.popleft(), watch, meter, progress)
                if logs:
                    self._record(step, **meter.figures(self.take_step, watch))
                    watch.reset()
                if evaluates:
                    with meter.paused(), self._result():
                        self.workers.by_chief(functools.partial(self._evaluate, step))
                    last = self._out_of_patience() or last
                # Several stop after the step in which they told each other; one need not wait for that.
                stopping = bool(taken.stops) if self.workers.count > 1 else self.stop.asked
                while stopping and started:
                    sound = self._account(*started.popleft(), watch, meter, progress)
                # A model that may be broken must not replace the last good checkpoints.
                if sound and (stopping or saves or last):
                    trim()  # saving copies weights and moments; the activations' memory has room for them
                    self.checkpoints.save(step)
                if last:
                    return
                if stopping:
                    raise KeyboardInterrupt

    def _account(self, step: int, taken, watch: Watch, meter: "Meter", progress: Progress) -> bool:
        """Reads a step's figures; returns whether they are sound."""
        import tensorflow as tf

        taken = taken.read()
        sound = watch.take(taken.loss, taken.norm, taken.scale if self.take_step.update.scales else None)
        if watch.gives_up:
            self.workers.by_chief(functools.partial(self._give_up, step, taken))
        if (warning := watch.warning(step, taken.loss, taken.spread)) and self.workers.chief:
            print(warning, flush=True)
        with tf.device("CPU:0"):
            rate = float(self.schedule(step - 1))
        meter.add(taken, rate)
        progress.advance(meter.examples, loss=f"{taken.loss:.3f}", lr=f"{rate:.1e}", step=f"{step}")
        return sound

    def _give_up(self, step: int, taken) -> None:
        dealt = self.batches.sampler.step(step - 1, self.config.batch)
        stores = self.inputs.packer.queries, self.inputs.packer.passages
        give_up(step, taken.loss, taken.norm, dealt, *stores, self.output / "strange.json")

    def _record(self, step: int, **figures: float) -> None:
        if self.figures:
            self.figures.add(step, epoch=step / self.steps_an_epoch, **figures)

    def _feed(self, first: int):
        """An iterator over the distributed batches of all steps from `first`."""
        import tensorflow as tf

        def host(context: tf.distribute.InputContext):
            here = self.batches.replicas // context.num_input_pipelines
            start = context.input_pipeline_id * here
            mine = list(range(start, start + here))
            # Endless, so that workers need not ask each other before each step whether all have a batch left.
            return self.batches.dataset(first, self.config.steps, mine).repeat()

        options = None
        if device_kind() == "gpu":
            # A copy to the card waits for the steps that were started, so those of the next ones must have been made.
            options = tf.distribute.InputOptions(experimental_per_replica_buffer_size=AHEAD + 1)
        return iter(self.strategy.distribute_datasets_from_function(host, options))

    def _measure_first_stage(self) -> None:
        values = self.dev.first_stage()
        if not int(self.step):
            self._record(0, **values)

    def _evaluate(self, step: int) -> None:
        """Measures the model as it is now on the dev samples, and saves it if it is the best so far."""
        whole, values = self.dev.measured(step)
        self._record(step, **values)
        if self.config.keep == "best" and self.best.improves(whole):
            self._save_model(self.output / "best")
        self.best.take(whole)
        if self.best.spent:
            print(f"step {step}: {self.best.ending(self.config.dev_measures[0])}", flush=True)

    def _out_of_patience(self) -> bool:
        """Whether training ends because no evaluation brings a better value; the same on all workers."""
        return bool(self.config.patience and self.workers.from_chief(self.best.spent))

    def _save_model(self, folder: Path) -> None:
        save_model(self.model, folder, self.config, self.inputs.template, int(self.step))
