"""8-bit dense layers, for CPUs that multiply int8 faster than floats."""

import numpy as np

from lce_tf.reranking.openvino_runtime import openvino_runtime

# Activations are quantized to 8 bits in groups of this many values, each group with its own scale.
GROUP = 128
# Narrower layers stay in float: they gain nothing, and the head is one, where rounding would change the score directly.
SMALLEST = 32


def compressed(model):
    """An OpenVINO model whose dense layers store their weights as int8 with a float32 scale for each output.

    The weights are rounded symmetrically to 255 steps. OpenVINO's CPU plugin quantizes the activations at run time
    (`DYNAMIC_QUANTIZATION_GROUP_SIZE`) and multiplies integers. The model is changed in place.
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
