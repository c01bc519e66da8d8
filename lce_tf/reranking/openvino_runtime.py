"""Imports OpenVINO without its telemetry."""

import sys
from types import ModuleType

from lce_tf.errors import UserError


def openvino_runtime() -> ModuleType:
    """The `openvino` module, imported so that it sends no usage statistics over the network.

    By default OpenVINO sends them: for each report it starts a copy of the whole process, writes into the home folder
    and waits up to 3 seconds for an answer. This function makes its package `openvino_telemetry` unimportable, so that
    OpenVINO uses stubs that do nothing. If the process has imported OpenVINO before, its telemetry is not changed.

    Raises:
        UserError: OpenVINO is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise UserError("--engine openvino: is not installed; pip install openvino, or --engine tensorflow") from error
    return openvino
