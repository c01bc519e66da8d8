"""The docstrings of installed distributions, found through their RECORD files and read without importing anything."""

import contextlib
import gc
import importlib.metadata
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from lce_tf.data.pydocs.docstrings import docstrings

# Tests, copies of other packages, and numpy.distutils, which is installed only on Pythons before 3.12.
_UNWANTED_FOLDERS = {"test", "tests", "_vendor", "externals", "distutils"}
# Modules written by a package's build (also gen_*); they may differ between platforms.
_UNWANTED_MODULES = {"__config__", "conftest", "setup", "version", "_version"}


def installed_versions(distributions: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each distribution, None if it is not installed."""
    found: dict[str, str | None] = {}
    for distribution in distributions:
        try:
            found[distribution] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found[distribution] = None
    return found


def installed_docstrings(distributions: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
    """(distribution, module, qualified name, cleaned docstring) for every docstring of the distributions.

    Distributions that are not installed and files that do not parse are skipped. Shows progress on a terminal.
    """
    from tqdm import tqdm

    files = [(name, path, file) for name in distributions for path, file in source_files(name)]
    with _uncollected(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid escapes in other packages
        for distribution, path, file in tqdm(files, "pydocs", unit=" files", disable=not sys.stderr.isatty()):
            try:
                found = list(docstrings(file.read_bytes()))
            except SyntaxError:  # a template, or written for another Python
                continue
            for name, docstring in found:
                yield distribution, _module(path), name, docstring


def source_files(distribution: str) -> list[tuple[PurePosixPath, Path]]:
    """The Python files that a distribution installed, without tests, as sorted (path as recorded, file)."""
    try:
        recorded = importlib.metadata.distribution(distribution).files or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return sorted((PurePosixPath(path), Path(path.locate())) for path in recorded if is_wanted(path))


def is_wanted(path: PurePosixPath) -> bool:
    """Whether a recorded file is a module, not a test, and its text is the same on every platform."""
    if path.suffix != ".py" or path.parts[0] == ".." or _UNWANTED_FOLDERS & set(path.parts[:-1]):
        return False
    stem = path.stem
    return not (stem.startswith(("test_", "gen_")) or stem.endswith("_test") or stem in _UNWANTED_MODULES)


def _module(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Pauses the cyclic garbage collector, which syntax trees would trigger constantly without effect (57 s against 20
    s)."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
