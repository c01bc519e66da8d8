"""Scores on a Ray cluster: a job's chunks are rows of a Ray Data dataset, scored by a pool of actors."""

import collections
import contextlib
import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import quiet_tensorflow
from lce_tf.reranking.chunks import Chunks
from lce_tf.reranking.engine import Engine
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.faults import kept_fault_handlers
from lce_tf.reranking.scoring import score_pairs
from lce_tf.tokens.packing import Packer

LOCAL = "local"
# Bytes of a local Ray's object store; it holds a few chunks at a time and spills the rest to disk.
STORE = 128 << 20
# Number of workers that may die on one chunk. Ray Data restarts them without limit, but the chunk may be the cause.
DEATHS = 8


@dataclass(frozen=True)
class Opening:
    """Opens a worker's engine and packer when called; can be pickled and sent to any machine.

    Attributes:
        folders: folders of the packer's token stores; they must exist on every machine.
        packer: the pickled packer.
    """

    checkpoint: Path
    engine: str
    precision: str
    folders: tuple[Path, ...]
    packer: bytes

    @classmethod
    def of(cls, checkpoint: Path, engine: str, precision: str, packer: Packer) -> "Opening":
        """The opening for a packer, pickled with the paths of its stores on disk, which the worker memory-maps."""
        folders = [store.folder for store in (packer.queries, packer.passages)]
        folders = tuple(folder.absolute() for folder in folders if folder is not None)
        return cls(checkpoint.absolute(), engine, precision, folders, pickle.dumps(packer))

    def __call__(self) -> tuple[Engine, Packer]:
        quiet_tensorflow()
        for folder in (self.checkpoint, *self.folders):
            if not folder.is_dir():
                raise UserError(
                    f"{folder}: is not on {socket.gethostname()}; checkpoint and cache (LCE_CACHE) must lie on a file "
                    "system that all of Ray's machines share"
                )
        return open_engine(self.checkpoint, self.engine, self.precision), pickle.loads(self.packer)


class Tries:
    """Counts how often each chunk was started; runs as its own actor, because a worker that dies loses its state."""

    def __init__(self, most: int):
        self._most, self._counts = most, collections.Counter()

    def begin(self, chunk: int) -> bool:
        """Counts a start of the chunk; False if it has been started `most` times before."""
        self._counts[chunk] += 1
        return self._counts[chunk] <= self._most


class Worker:
    """A Ray Data actor: opens engine and packer once, then scores one chunk per call.

    Errors in the input are returned as a row with a `fault` instead of raised: Ray would wrap an exception, and would
    endlessly replace an actor that fails to start.
    """

    def __init__(self, opening: Opening, tries):
        self._tries, self._fault = tries, ""
        try:
            self._engine, self._packer = opening()
        except UserError as error:
            self._fault = str(error)

    def __call__(self, row: dict) -> dict:
        import ray

        fault = self._fault
        if not fault and not ray.get(self._tries.begin.remote(row["chunk"])):
            fault = f"--ray: too many workers died over chunk {row['chunk']}; do their machines have enough memory?"
        if fault:
            return {"chunk": row["chunk"], "logits": b"", "outputs": 0, "fault": fault}
        columns = np.frombuffer(row["columns"], np.int64).reshape(row["count"], -1)
        logits = score_pairs(self._engine, self._packer, *columns)
        return {"chunk": row["chunk"], "logits": logits.tobytes(), "outputs": logits.shape[1], "fault": ""}


class OnRay:
    """Scores chunks on the cluster that `connected` opened.

    Attributes:
        name, precision: of the engine that the workers open, see `Engine`; found by opening it once on the cluster.
    """

    def __init__(self, opening: Opening, workers: int):
        import ray

        self._workers = workers
        cards = ray.cluster_resources().get("GPU", 0) if opening.engine != "openvino" else 0
        self._resources = {"num_cpus": 1, "num_gpus": 1 if cards else 0}
        # A separate process, which ends after the call and so frees the GPU's memory for the workers. It also converts
        # the model for OpenVINO once, before the workers need it.
        names = ray.remote(max_calls=1, **self._resources)(engine_names)
        try:
            self.name, self.precision = ray.get(names.remote(opening))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, UserError):  # without Ray's traceback
                raise UserError(str(error.cause)) from error
            raise
        self._opening = replace(opening, engine=self.name, precision=self.precision)

    def score(self, chunks: Chunks, columns: Sequence[np.ndarray], advance: Callable[[int], None]) -> None:
        """Writes the missing chunks, in the order in which workers finish them.

        Args:
            columns: `query_rows` and `passage_rows` of `score_pairs`, [pairs] integers each.
            advance: called with the number of pairs of each finished chunk.
        """
        import ray

        missing = chunks.missing()
        if not missing:
            return
        table = np.stack([np.asarray(column, np.int64) for column in columns])
        rows = [
            {"chunk": number, "columns": table[:, chunks.rows(number)].tobytes(), "count": len(table)}
            for number in missing
        ]
        tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Tries).remote(DEATHS)
        # Ray Data restarts workers that died, repeats their chunks, and spreads the workers over the machines.
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            Worker,
            fn_constructor_args=(self._opening, tries),
            # Per worker, one chunk is scored and one waits, so at most two must be repeated when a worker dies.
            compute=ray.data.ActorPoolStrategy(size=self._workers, max_tasks_in_flight_per_actor=2),
            **self._resources,
        )
        for row in dataset.iter_rows():
            if row["fault"]:
                raise UserError(row["fault"])
            logits = np.frombuffer(row["logits"], np.float32).reshape(-1, row["outputs"])
            chunks.write(row["chunk"], logits)
            advance(len(logits))


def engine_names(opening: Opening) -> tuple[str, str]:
    """The name and precision of the engine that the opening gives on this machine."""
    engine, _ = opening()
    return engine.name, engine.precision


@contextlib.contextmanager
def connected(address: str, workers: int) -> Iterator[None]:
    """Connects to the Ray cluster at `address`, or starts a local Ray, for the duration of the block.

    If the process is connected to Ray already, that connection is used and `address` is ignored.

    Args:
        address: "local" starts a Ray on this machine; else as in `ray.init`, such as "auto".
        workers: number of CPUs of a local Ray, one for each worker.

    Raises:
        UserError: Ray is not installed, or no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UserError(
            f"--ray {address}: Ray is not installed; in a checkout: pip install -c requirements.lock '.[ray]'"
        ) from error
    _hush(ray)
    if ray.is_initialized():
        yield
        return
    own = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": STORE} if address == LOCAL else {}
    try:
        with kept_fault_handlers():
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"--ray {address}: no Ray cluster answers ({reason}); ray start --head starts one") from error
    try:
        yield
    finally:
        with kept_fault_handlers():
            ray.shutdown()


def _hush(ray) -> None:
    """Hides Ray Data's progress bars and messages; `Progress` is shown instead."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
