"""tf.distribute strategies by name, made by the Model Garden's helper where it is sufficient."""

import functools

from lce_tf.errors import LostWorker, UserError
from lce_tf.training.cluster import Cluster, find_cluster


def make_strategy(name: str, devices: int = 0, tpu: str | None = None):
    """The tf.distribute strategy called `name`.

    Args:
        name: "mirrored" (all GPUs of this machine, or its CPU), "one_device", "multi_worker_mirrored"
            (`lce_tf.training.cluster` finds the workers; waits until all are there) or "tpu".
        devices: number of GPUs, or of logical CPU devices if there is no GPU; 0: all GPUs, or one CPU. With several
            workers, the number for each.
        tpu: the TPU's name or address; None: the one attached to this machine.

    Raises:
        UserError: more devices than there are, no TPU, or the workers are not specified.
        LostWorker: the workers could not connect.
    """
    cluster = find_cluster() if name == "multi_worker_mirrored" else None
    import tensorflow as tf
    from official.common import distribute_utils

    gpus = len(tf.config.list_physical_devices("GPU"))
    if name == "tpu":
        try:
            return distribute_utils.get_distribution_strategy("tpu", tpu_address=tpu or "local")
        except (OSError, ValueError, tf.errors.OpError, RuntimeError) as error:
            raise UserError(f"--strategy tpu: no TPU answers ({str(error).splitlines()[0]})") from error
    if name == "one_device" and devices > 1:
        raise UserError(f"--devices {devices}: --strategy one_device takes one; use mirrored for more")
    if devices > gpus and gpus:
        raise UserError(f"--devices {devices}: this machine has {gpus} GPUs")
    if cluster:
        return _multi_worker(cluster, devices)
    if gpus == 0 and name == "mirrored":
        return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(_logical_cpus(devices or 1))])
    return distribute_utils.get_distribution_strategy(
        name, num_gpus=min(gpus, 1) if name == "one_device" else devices or gpus
    )


@functools.cache  # a process joins its cluster once
def _multi_worker(cluster: Cluster, devices: int):
    """The strategy of this process as one of the workers; each has the same number of GPUs, or its CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if devices > 1 and not gpus:
        raise UserError(f"--devices {devices}: a worker without GPUs has one device, its CPU; start more workers")
    if devices:
        tf.config.set_visible_devices(gpus[:devices], "GPU")
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.number,
        num_accelerators={"GPU": devices or len(gpus)} if gpus else {},
        rpc_layer="grpc",
    )
    own = cluster.addresses[cluster.number]
    print(f"worker {cluster.number} of {len(cluster.addresses)}, {own}: waits for the others", flush=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except (tf.errors.OpError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise LostWorker(f"worker {cluster.number}, {own}: the workers did not come together ({reason})") from error


def _logical_cpus(count: int) -> int:
    """Splits the CPU into `count` logical devices; TensorFlow allows that only before its first operation."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    if count > 1 and not tf.config.get_logical_device_configuration(cpu):
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
        except RuntimeError:
            pass  # already running with a fixed number
    found = len(tf.config.list_logical_devices("CPU"))
    if found < count:
        raise UserError(f"--devices {count}: TensorFlow already runs with {found} CPU devices in this process")
    return count
