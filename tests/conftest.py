"""What every test runs under: a cache of its own, no GPU, no model hub, and a count of the slow tests left out."""

import collections
import os
import shutil
import tempfile

_scratch = None
_left_out: collections.Counter[str] = collections.Counter()


def pytest_configure(config):
    """Sets the environment before any test module is imported; $LCE_TEST_CACHE keeps a cache between sessions."""
    global _scratch
    _scratch = tempfile.mkdtemp(prefix="lce_tf_tests_")
    os.environ["LCE_CACHE"] = os.environ.get("LCE_TEST_CACHE") or os.path.join(_scratch, "cache")
    os.environ["IR_DATASETS_HOME"] = os.path.join(_scratch, "ir_datasets")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_unconfigure(config):
    if _scratch:
        shutil.rmtree(_scratch, ignore_errors=True)


def pytest_deselected(items):
    _left_out.update(item.location[0] for item in items if item.get_closest_marker("slow"))


def pytest_terminal_summary(terminalreporter):
    if not _left_out or not terminalreporter.config.option.markexpr:
        return
    total = sum(_left_out.values())
    where = ", ".join(f"{path} ({count})" for path, count in sorted(_left_out.items()))
    terminalreporter.write_line(f"{total} slow test{'s' * (total > 1)} left out; run them with make test-all: {where}")
