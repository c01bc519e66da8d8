"""Whether a batch's activations fit into a device's memory at once."""

from pathlib import Path

from lce_tf.model.config import EncoderConfig

# Float values kept for the backward pass, per token and layer: so many times the hidden size for the dense parts
# (four of them as wide as the intermediate layer), so many times heads x length for attention. Upper estimates.
DENSE, WIDE, ATTENTION = 14, 5, 4
# Share of the free memory that activations may take.
SHARE = 0.4


def activation_bytes(config: EncoderConfig, pairs: int, length: int, float_bytes: int = 4) -> int:
    """About how much the activations of a forward pass take until its backward pass has used them.

    Args:
        pairs, length: of the batch, padding included.
        float_bytes: 4 for float32 activations, 2 for the mixed precisions.
    """
    a_layer = DENSE * config.hidden_size + WIDE * config.intermediate_size
    a_layer += ATTENTION * config.num_attention_heads * length
    return pairs * length * config.num_hidden_layers * a_layer * float_bytes


def free_bytes() -> int:
    """Memory that the device of this process has free: the first GPU's, else this machine's."""
    import tensorflow as tf

    if gpus := tf.config.list_logical_devices("GPU"):
        import subprocess

        query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        try:
            total = int(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]) << 20
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            return 8 << 30  # what even a small training GPU has
        return total - tf.config.experimental.get_memory_info(gpus[0].name)["current"]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 4 << 30
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable")), 4 << 30)


def fits(config: EncoderConfig, pairs: int, length: int, float_bytes: int = 4) -> bool:
    """Whether a batch can be trained on in one pass, all activations kept."""
    return activation_bytes(config, pairs, length, float_bytes) <= SHARE * free_bytes()
