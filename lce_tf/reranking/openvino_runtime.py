"""Imports OpenVINO without its telemetry."""

import sys
from types import ModuleType

from lce_tf.errors import UserError


def openvino_runtime() -> ModuleType:
    """The `openvino` module, without the usage statistics that it sends over the network by default.

    For each report it starts a copy of the whole process, writes into the home folder and waits up to 3 seconds for
    an answer. Without its package `openvino_telemetry` it falls back on functions of its own that do nothing. In a
    process that has imported OpenVINO before, it stays as it is.

    Raises:
        UserError: OpenVINO is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise UserError("--engine openvino: is not installed; pip install openvino, or --engine tensorflow") from error
    return openvino
