"""OpenVINO, imported so that it reports nothing to anyone."""

import sys
from types import ModuleType


def openvino_runtime() -> ModuleType:
    """The `openvino` module, without the usage statistics that it sends over the network by default.

    For each report it starts a copy of the whole process, writes into the home folder and waits up to 3 seconds for
    an answer. Without its package `openvino_telemetry` it falls back on functions of its own that do nothing. In a
    process that has imported OpenVINO before, it stays as it is.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
