"""Imports OpenVINO without its telemetry."""

import sys
from types import ModuleType


def openvino_runtime() -> ModuleType:
    """The `openvino` module, without the usage statistics that it sends over the network by default.

    For each report it would start a copy of the process, write into the home folder and wait up to 3 seconds for an
    answer. If its package `openvino_telemetry` is missing, OpenVINO uses functions that do nothing; this is simulated
    here. If the process has imported OpenVINO before, nothing changes.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
