"""tf.distribute strategies by name, through the Model Garden's own helper."""

from lce_tf.errors import UserError


def make_strategy(name: str, devices: int = 0, tpu: str | None = None):
    """The tf.distribute strategy called `name`.

    Args:
        name: "mirrored" (all GPUs of this machine, or its CPU), "one_device", "multi_worker_mirrored" (TF_CONFIG
            says who the workers are) or "tpu".
        devices: how many GPUs, or logical CPU devices where there is no GPU; 0 takes all GPUs, or one CPU.
        tpu: the TPU's name or address; None takes the one that this machine is attached to.

    Raises:
        UserError: more devices than there are, or no TPU.
    """
    import tensorflow as tf
    from official.common import distribute_utils

    gpus = len(tf.config.list_physical_devices("GPU"))
    if name == "tpu":
        try:
            return distribute_utils.get_distribution_strategy("tpu", tpu_address=tpu or "local")
        except (ValueError, tf.errors.OpError, RuntimeError) as error:
            raise UserError(f"--strategy tpu: no TPU answers ({str(error).splitlines()[0]})") from error
    if name == "one_device" and devices > 1:
        raise UserError(f"--devices {devices}: --strategy one_device takes one; use mirrored for more")
    if devices > gpus and gpus:
        raise UserError(f"--devices {devices}: this machine has {gpus} GPUs")
    if gpus == 0 and name == "mirrored":
        return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(_logical_cpus(devices or 1))])
    return distribute_utils.get_distribution_strategy(
        name, num_gpus=min(gpus, 1) if name == "one_device" else devices or gpus
    )


def _logical_cpus(count: int) -> int:
    """Splits the CPU into `count` logical devices; TensorFlow allows that only before its first operation."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    if count > 1 and not tf.config.get_logical_device_configuration(cpu):
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
        except RuntimeError:
            pass  # already running: what there is decides
    found = len(tf.config.list_logical_devices("CPU"))
    if found < count:
        raise UserError(f"--devices {count}: TensorFlow already runs with {found} CPU devices in this process")
    return count


def device_kind() -> str:
    """ "tpu", "gpu" or "cpu": what this process computes on."""
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
