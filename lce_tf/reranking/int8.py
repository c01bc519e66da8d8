"""Quantizes dense layers to 8 bits, for CPUs that multiply int8 faster than floats."""

import numpy as np

from lce_tf.reranking.openvino_runtime import openvino_runtime

# Activations are quantized to 8 bits in groups of this many values, each group with its own scale.
GROUP = 128
# Layers with fewer inputs or outputs stay in float: int8 does not speed them up, and in the score head, which is one of
# them, rounding would change the score directly.
SMALLEST = 32


def compressed(model):
    """The given OpenVINO model, changed in place: dense layers store weights as int8 with a float32 scale per output.

    Weights are rounded to the scale times an integer from -127 to 127. OpenVINO's CPU plugin quantizes the activations
    at run time (`DYNAMIC_QUANTIZATION_GROUP_SIZE`) and multiplies integers.
    """
    ops = openvino_runtime().opset13
    for node in model.get_ordered_ops():
        weights = node.input_value(1).get_node() if node.get_type_name() == "MatMul" else None
        if weights is None or weights.get_type_name() != "Constant" or not node.get_attributes()["transpose_b"]:
            continue
        values = weights.get_data().astype(np.float32)  # [outputs, inputs]
        if min(values.shape) < SMALLEST:
            continue
        scale = np.maximum(np.abs(values).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / 127
        steps = np.rint(values / scale).astype(np.int8)
        widened = ops.multiply(ops.convert(ops.constant(steps, dtype=np.int8), "f32"), ops.constant(scale))
        node.input(1).replace_source_output(widened.output(0))
    return model
