"""Which files of a distribution are read."""

from pathlib import PurePosixPath

import pytest

from lce_tf.data.pydocs.installed_sources import installed_docstrings, installed_versions, is_wanted, source_files


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("scipy/stats/_qmc.py", True),
        ("numpy/testing/overrides.py", True),
        ("numpy/tests/helpers.py", False),
        ("pkg/test_it.py", False),
        ("pkg/it_test.py", False),
        ("numpy/__config__.py", False),
        ("tensorflow/python/ops/gen_math_ops.py", False),
        ("numpy/distutils/core.py", False),
        ("pkg/__init__.pyi", False),
        ("../../../bin/tool.py", False),
    ],
)
def test_is_wanted(path, wanted):
    assert is_wanted(PurePosixPath(path)) == wanted


def test_source_files_are_sorted_and_there():
    files = source_files("tqdm")
    assert [path for path, _ in files] == sorted(path for path, _ in files)
    assert PurePosixPath("tqdm/std.py") in [path for path, _ in files]
    assert all(file.is_file() for _, file in files)


def test_docstrings_of_a_distribution():
    found = {(module, name): docstring for _, module, name, docstring in installed_docstrings(["tqdm"])}
    assert found["tqdm.std", "TRLock"] == "threading RLock"
    assert found["tqdm.std", "tqdm.update"].startswith("Manually update the progress bar")


def test_a_distribution_that_is_not_installed():
    assert installed_versions(["no-such-distribution-of-ours"]) == {"no-such-distribution-of-ours": None}
    assert source_files("no-such-distribution-of-ours") == []
