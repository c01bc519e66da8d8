"""OpenVINO sends no usage statistics, and no module imports it in a way that would send them."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_openvino_runs_without_what_sends_its_statistics(tmp_path):
    code = (
        "import sys\n"
        "from lce_tf.reranking.openvino_runtime import openvino_runtime\n"
        "print(openvino_runtime().convert_model.__module__)\n"
        "from openvino.tools.ovc import convert_impl, telemetry_utils\n"
        "print(convert_impl.tm.__name__, telemetry_utils.tm.__name__, sys.modules['openvino_telemetry'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    stub = "openvino.tools.ovc.telemetry_stub"
    assert done.stdout.splitlines()[1:] == [f"{stub} {stub} None"], done.stderr


def test_all_of_the_package_imports_openvino_through_it():
    importing = re.compile(r"^\s*(?:import|from) openvino\b", re.M)
    files = [*(ROOT / "lce_tf").rglob("*.py"), *(ROOT / "experiments/bench").rglob("*ours*.py")]
    found = {path.name for path in files if importing.search(path.read_text(encoding="utf-8"))}
    assert found == {"openvino_runtime.py"}
