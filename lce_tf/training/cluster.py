"""The processes that train together, from TF_CONFIG or Slurm's variables."""

import json
import os
import re
from dataclasses import dataclass
from typing import Any

from lce_tf.errors import UserError

FORM = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
KINDS = ("chief", "worker")
# Ports under Slurm: eight per job, below the range that Linux uses for outgoing connections.
FIRST_PORT, JOBS, PORTS = 16384, 2000, 8


@dataclass(frozen=True)
class Cluster:
    """The workers of a training.

    Attributes:
        addresses: "HOST:PORT" of each worker; the first is the chief.
        number: index of this process among them, from 0.
    """

    addresses: tuple[str, ...]
    number: int


def find_cluster() -> Cluster:
    """The workers named by TF_CONFIG or, if it is not set, the tasks of this Slurm step.

    Raises:
        UserError: neither is set, or its value is wrong.
    """
    if text := os.environ.get("TF_CONFIG"):
        return from_tf_config(text)
    if "SLURM_PROCID" in os.environ:
        return from_slurm()
    raise UserError(
        "--strategy multi_worker_mirrored: nothing says who the workers are; start them with srun, or set "
        f"TF_CONFIG='{FORM}' for each"
    )


def from_tf_config(text: str) -> Cluster:
    """The cluster that TF_CONFIG describes; evaluators and parameter servers are refused.

    Raises:
        UserError: the fault, in one line.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"TF_CONFIG: is not JSON ({error.msg}, character {error.pos}); give {FORM}") from error
    jobs, task = _part(value, "cluster"), _part(value, "task")
    if unknown := [kind for kind in jobs if kind not in KINDS]:
        raise UserError(f"TF_CONFIG: cluster has {unknown[0]!r}; known are {' and '.join(KINDS)}")
    for kind, addresses in jobs.items():
        if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
            raise UserError(f"TF_CONFIG: {kind} is {addresses!r}; give a list of HOST:PORT")
    if len(jobs.get("chief", ())) > 1:
        raise UserError(f"TF_CONFIG: has {len(jobs['chief'])} chiefs; give one, or workers only")
    every = tuple(address for kind in KINDS for address in jobs.get(kind, ()))
    if len(set(every)) != len(every):
        raise UserError(f"TF_CONFIG: names {max(every, key=every.count)} twice; each worker needs a port of its own")
    kind, index = task.get("type"), str(task.get("index"))
    if kind not in jobs:
        raise UserError(f"TF_CONFIG: task type {kind!r} is none of the cluster's, {', '.join(jobs)}")
    if not index.isdecimal() or int(index) >= len(jobs[kind]):
        raise UserError(f"TF_CONFIG: task index {index}: give 0 to {len(jobs[kind]) - 1}, the {kind}s of the cluster")
    return Cluster(every, every.index(jobs[kind][int(index)]))


def _part(value: Any, name: str) -> dict:
    part = value.get(name) if isinstance(value, dict) else None
    if not isinstance(part, dict) or not part:
        raise UserError(f"TF_CONFIG: has no {name!r}; give {FORM}")
    return part


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[^\s/]+:\d{1,5}", value) is not None


def from_slurm() -> Cluster:
    """The tasks of the Slurm step that this process belongs to.

    TensorFlow's resolver gives the addresses. It sorts the nodes by name and takes Slurm's rank as an index into that
    order, which may be wrong; so this process finds its index by its node and its local id instead.

    Raises:
        UserError: a variable is missing or was not set by srun.
    """
    import tensorflow as tf

    job = os.environ.get("SLURM_JOB_ID", "")
    port = FIRST_PORT + (int(job) % JOBS if job.isdecimal() else 0) * PORTS
    try:
        # The resolver would assign the node's GPUs; here each task uses the GPUs that Slurm makes visible to it.
        tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
        )
        addresses = tuple(resolver.cluster_spec().job_tasks("worker"))
        own = f"{os.environ['SLURMD_NODENAME']}:{port + int(os.environ['SLURM_LOCALID'])}"
    except KeyError as error:
        raise UserError(f"{error.args[0]}: is not set, so this is not a Slurm step; start it with srun") from error
    except (RuntimeError, ValueError) as error:
        raise UserError(f"Slurm's variables do not say who the workers are ({error}); start it with srun") from error
    if own not in addresses:
        raise UserError(f"SLURMD_NODENAME and SLURM_LOCALID: {own} is none of the step's tasks, {', '.join(addresses)}")
    return Cluster(addresses, addresses.index(own))
