"""Common settings of all tests: a separate cache, no GPU, no model hub, and a count of the slow tests left out."""

import collections
import gc
import os
import shutil
import tempfile
import time

import pytest

from tests.environment import clean

_scratch = None
_HOW = {"slow": "run them with make test-slow", "cluster": "with Slurm installed, pytest -m cluster runs it"}
_OVER = "minutes are over"
_left_out: dict[str, collections.Counter[str]] = {marker: collections.Counter() for marker in _HOW}
_began = time.monotonic()


def pytest_configure(config):
    """Sets the environment before any test module is imported; $LCE_TEST_CACHE keeps a cache between sessions."""
    global _scratch
    _scratch = tempfile.mkdtemp(prefix="lce_tf_tests_")
    kept_cache = os.environ.get("LCE_TEST_CACHE")
    clean(os.environ)
    gc.set_threshold(200_000, 50, 50)  # tracing makes so many objects that looking for garbage took a sixth of the time
    os.environ["LCE_CACHE"] = kept_cache or os.path.join(_scratch, "cache")
    os.environ["IR_DATASETS_HOME"] = os.path.join(_scratch, "ir_datasets")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # as every command sets it
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_unconfigure(config):
    if _scratch:
        shutil.rmtree(_scratch, ignore_errors=True)


@pytest.fixture(autouse=True)
def _what_a_test_leaves_is_not_searched_for_garbage_again():
    """Each training collects garbage once, which takes a second with all objects of TensorFlow and the tests so far."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """A function that puts a folder into a Hugging Face cache as a commit (40 digits) of an id, with these refs."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def put(folder, name, commit, *refs):
        place = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
        (place / "refs").mkdir(parents=True, exist_ok=True)
        for ref in refs:
            (place / "refs" / ref).write_text(commit)
        return shutil.copytree(folder, place / "snapshots" / commit)

    return put


def pytest_addoption(parser):
    parser.addoption("--minutes", type=float, metavar="N", help="begin no test after N minutes")


def pytest_runtest_setup(item):
    minutes = item.config.getoption("--minutes")
    if minutes and time.monotonic() - _began > 60 * minutes:
        pytest.skip(f"{minutes:g} {_OVER}")


def pytest_deselected(items):
    for item in items:
        for marker, files in _left_out.items():
            if item.get_closest_marker(marker):
                files[item.location[0]] += 1


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # one of several processes, which prints nothing itself
        session.config.workeroutput["left_out"] = {marker: dict(files) for marker, files in _left_out.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Takes what a process left out; each leaves out the same."""
    for marker, files in getattr(node, "workeroutput", {}).get("left_out", {}).items():
        _left_out[marker] |= collections.Counter(files)


def pytest_terminal_summary(terminalreporter):
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if _OVER in str(report.longrepr)]
    if skipped:
        too_late = collections.Counter(report.location[0] for report in skipped)
        terminalreporter.write_line(f"{len(skipped)} not begun, as their minutes were over: {_listed(too_late)}")
    if not terminalreporter.config.option.markexpr:
        return
    for marker, files in _left_out.items():
        if total := sum(files.values()):
            line = f"{total} {marker} test{'s' * (total > 1)} left out; {_HOW[marker]}: {_listed(files)}"
            terminalreporter.write_line(line)


def _listed(files):
    return ", ".join(f"{path} ({count})" for path, count in sorted(files.items()))
