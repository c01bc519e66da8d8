"""A training run from configuration to finished checkpoint, resumable at any step."""

import contextlib
import gc
import math
import signal
import time
from dataclasses import asdict
from pathlib import Path

from lce_tf.data.groups import GroupSampler
from lce_tf.data.pipeline import BatchShape, TrainingBatches
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate, mean
from lce_tf.files import make_folder
from lce_tf.model import checkpoint, hub
from lce_tf.progress import Progress
from lce_tf.ranking.engines import TensorFlowEngine
from lce_tf.ranking.order import merged, pair_rows, scores_of
from lce_tf.ranking.scoring import score_pairs
from lce_tf.training.config import TrainConfig
from lce_tf.training.inputs import DevSample, TrainingInputs, read_inputs
from lce_tf.training.records import Figures, open_manifest

# Steps in a row with a loss that is no number after which training gives up.
PATIENCE = 20
# Pairs in a slice: few enough to save padding, enough to keep products efficient.
PAIRS_A_SLICE = 16


def train(config: TrainConfig, output: str | Path) -> Path:
    """Trains a cross-encoder and returns the folder that `rerank` takes.

    The folder holds `config.json`, `model.safetensors` and the tokenizer once training is done; `manifest.json`
    (configuration, departures from the paper's recipe, hashes of the inputs, versions), `metrics.jsonl`,
    `summaries/` for TensorBoard and `checkpoints/` from the start. The same call goes on where an interrupted one
    stopped, and returns at once when there is nothing left to do.

    Raises:
        UserError: bad input, or a folder that holds something else.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, once the step in progress is saved.
    """
    new = not Path(output).exists()
    output = make_folder(output)
    try:
        inputs = read_inputs(config)
        facts = {"queries": inputs.pool.findings.summary(), "usable_queries": len(inputs.pool)}
        if (output / "config.json").is_file():
            open_manifest(output, config, inputs.hashes, facts)
            return output
        job = Job(config, inputs, output)
        facts |= {"precision": job.model.precision.name, "replicas": job.strategy.num_replicas_in_sync}
        # Written once all parts fit together: settings that were refused do not claim the folder.
        open_manifest(output, config, inputs.hashes, facts)
    except UserError:
        if new:
            with contextlib.suppress(OSError):
                output.rmdir()
        raise
    job.run()
    # A process that trains one model after another would otherwise keep the graphs and slots of them all.
    del job
    gc.collect()
    return output


class Job:
    """The parts of one training run, put together; `run` does the work."""

    def __init__(self, config: TrainConfig, inputs: TrainingInputs, output: Path):
        import tensorflow as tf

        from lce_tf.losses import LOSSES
        from lce_tf.model.precision import resolve
        from lce_tf.training.optimizers import make_optimizer
        from lce_tf.training.schedules import make_schedule
        from lce_tf.training.step import TrainingStep
        from lce_tf.training.strategies import device_kind, make_strategy

        self.config, self.inputs, self.output = config, inputs, output
        self.strategy = make_strategy(config.strategy, config.devices)
        replicas = self.strategy.num_replicas_in_sync
        if config.batch % replicas:
            raise UserError(f"--batch {config.batch}: is not a multiple of the {replicas} replicas it is split over")
        loss = LOSSES[config.loss]()
        self.schedule = make_schedule(config.decay, config.learning_rate, config.steps, config.warmup)
        head_rate = config.learning_rate if config.head_rate == "constant" else None
        # Counted on the host: a step whose float16 gradients overflow is skipped by the optimiser, but was dealt.
        self.step, self.best = tf.Variable(0, dtype=tf.int64), tf.Variable(-1.0)
        with self.strategy.scope():
            precision = resolve(config.precision, device_kind())
            self.model = checkpoint.from_backbone(config.backbone, config.scoring, precision, config.seed)
            self.optimizer = make_optimizer(self.schedule, self.model, precision, head_rate)
        sampler = GroupSampler(
            inputs.pool,
            config.members,
            config.seed,
            pairs=loss.pairs,
            replacement=config.sampling == "replacement",
            alternating=config.ce_pairs == "alternating",
        )
        shape, replay = plan_batch(config, replicas, self.model)
        self.batches = TrainingBatches(sampler, inputs.packer, shape, replicas)
        self.take_step = TrainingStep(
            self.strategy, self.model, loss, self.optimizer, config.batch, config.seed, replay
        )
        self.state = tf.train.Checkpoint(model=self.model, optimizer=self.optimizer, step=self.step, best=self.best)
        self.manager = tf.train.CheckpointManager(self.state, str(output / "checkpoints"), max_to_keep=2)
        self.stopping = False

    def run(self) -> None:
        """Trains from the newest checkpoint, or from the start, to the last step, and saves the result."""
        self._restore()
        self.figures = Figures(self.output, int(self.step))
        handlers = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._loop()
        finally:
            self.figures.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self.config.keep == "best" and (self.output / "best" / "config.json").is_file():
            checkpoint.copy(self.output / "best", self.output)
        else:
            self._save_model(self.output)

    def _restore(self) -> None:
        """Takes up the newest whole checkpoint, if any, and says so.

        A checkpoint is read through, checksums and all, before any of it is restored: half a checkpoint over a
        fresh model would be neither.
        """
        saved = sorted((self.output / "checkpoints").glob("ckpt-*.index"), key=lambda file: -_number(file))
        for file in saved:
            if fault := _fault(file.with_suffix("")):
                print(f"{file.with_suffix('')}: the checkpoint is torn ({fault}); trying the one before", flush=True)
                continue
            self.state.restore(str(file.with_suffix(""))).assert_existing_objects_matched()
            print(f"{self.output}: goes on from step {int(self.step)} ({file.stem})", flush=True)
            return
        if saved:
            print(f"{self.output}: none of its checkpoints is whole; training starts afresh", flush=True)

    def _stop(self, number, frame) -> None:
        """Ctrl-C and SIGTERM let the step in progress end; a second one is obeyed at once."""
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True

    def _loop(self) -> None:
        config, first = self.config, int(self.step)
        examples = config.batch * config.members
        feed = self._feed(first)
        losses, since, strange = [], time.monotonic(), 0
        with Progress("train", config.steps * examples, "pairs", initial=first * examples) as progress:
            for step in range(first + 1, config.steps + 1):
                loss, norm = self.take_step(feed, self.take_step.step_seed(step - 1))
                self.step.assign(step)
                losses.append(float(loss))
                sound = math.isfinite(losses[-1]) and (self.take_step.scales or math.isfinite(norm))
                strange = 0 if sound else strange + 1
                if strange == PATIENCE:
                    raise UserError(
                        f"step {step}: the loss or its gradient has been no number for {PATIENCE} steps (the loss is "
                        f"{losses[-1]}); lower --learning-rate or try --precision float32"
                    )
                rate = float(self.schedule(step - 1))
                progress.advance(examples, loss=f"{losses[-1]:.3f}", lr=f"{rate:.1e}", step=f"{step}")
                if step % config.log_every == 0 or step == config.steps:
                    now = time.monotonic()
                    self.figures.add(
                        step,
                        loss=sum(losses) / len(losses),
                        learning_rate=rate,
                        gradient_norm=float(norm),
                        loss_scale=float(getattr(self.optimizer, "loss_scale", 1.0)),
                        pairs_per_second=len(losses) * examples / (now - since),
                    )
                    losses, since = [], now
                if self.inputs.dev and (step % config.evaluate_every == 0 or step == config.steps):
                    self._evaluate(step, self.inputs.dev)
                # A model that may be spoilt must not push the last good checkpoints out.
                if sound and (self.stopping or step % config.checkpoint_every == 0 or step == config.steps):
                    self.manager.save(checkpoint_number=step)
                if self.stopping and step < config.steps:
                    raise KeyboardInterrupt

    def _feed(self, first: int):
        """An iterator over the distributed batches of all steps from `first`."""
        import tensorflow as tf

        def host(context: tf.distribute.InputContext):
            here = self.batches.replicas // context.num_input_pipelines
            start = context.input_pipeline_id * here
            return self.batches.dataset(first, self.config.steps, list(range(start, start + here)))

        return iter(self.strategy.distribute_datasets_from_function(host))

    def _evaluate(self, step: int, dev: DevSample) -> None:
        """MRR@10 of the dev sample, reranked by the model as it is now."""
        logits = score_pairs(TensorFlowEngine(self.model), dev.packer, *pair_rows(dev.run, dev.packer))
        ranked, _ = merged(dev.run, dev.run, scores_of(logits, self.config.scoring), "dev")
        value = mean(evaluate(ranked, dev.qrels, ["MRR@10"])["MRR@10"])
        self.figures.add(step, dev_mrr_10=value)
        print(f"step {step}: MRR@10 {value:.4f} on {len(dev.qrels)} dev queries", flush=True)
        if self.config.keep == "best" and value > float(self.best):
            self._save_model(self.output / "best")
            self.best.assign(value)

    def _save_model(self, folder: Path) -> None:
        import tensorflow as tf

        for variable in self.model.trainable_variables:
            if not tf.reduce_all(tf.math.is_finite(variable)):
                raise UserError(
                    f"{folder}: not written, as the weights {variable.name} are no numbers after step "
                    f"{int(self.step)}; lower --learning-rate or try --precision float32"
                )
        about = {"loss": self.config.loss, "training": asdict(self.config)}
        checkpoint.save(self.model, folder, hub.locate(self.config.backbone), self.config.lengths, about)


def plan_batch(config: TrainConfig, replicas: int, model) -> tuple[BatchShape, bool]:
    """How a replica's batch is sliced, and whether its slices are computed twice in the memory of one.

    How it is sliced does not depend on the free memory, since dropout masks depend on the slices.
    """
    from lce_tf.training.memory import fits

    groups = config.batch // replicas
    pairs_a_slice = max(1, config.micro_batch // config.sequence_length) if config.micro_batch else PAIRS_A_SLICE
    shape = BatchShape.of(groups, config.members, pairs_a_slice)
    if config.micro_batch:
        return shape, shape.slices > 1
    float_bytes = 4 if model.precision.policy == "float32" else 2
    return shape, not fits(model.config, replicas * groups * config.members, config.sequence_length, float_bytes)


def _number(index: Path) -> int:
    """The step of `ckpt-STEP.index`, -1 for a name that is not ours."""
    digits = index.stem.partition("-")[2]
    return int(digits) if digits.isdigit() else -1


def _fault(prefix: Path) -> str | None:
    """Why a checkpoint cannot be read to its end; None for a whole one."""
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
