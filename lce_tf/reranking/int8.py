"""Dense layers in 8 bits, for CPUs that multiply those faster than floats."""

import numpy as np

from lce_tf.reranking.openvino_runtime import openvino_runtime

# Wordpiece activations are rounded to 8 bits in groups of this many values, each with a scale of its own.
GROUP = 128
# Narrower layers gain nothing; the head, whose rounding would be the score's, is one.
SMALLEST = 32


def compressed(model):
    """An OpenVINO model whose dense layers keep their weights as int8 with a float32 scale for each output.

    Symmetric, rounded to the nearest of 255 steps. OpenVINO's CPU plugin rounds the activations as it goes
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
