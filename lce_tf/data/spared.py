"""Refuses outputs that would overwrite what the same command reads."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lce_tf.data.layouts import spare_own_file
from lce_tf.errors import UserError

# Endings of the files that `lce rerank` and the like write beside a run.
BESIDE_A_RUN = (".json", ".scores.npz", ".made.json")


def spare_inputs(
    output: str | Path | None,
    inputs: Sequence[str | Path | None],
    option: str = "--output",
    beside: Sequence[str] = (),
) -> None:
    """Refuses an output that is an input of the same command, or a file of any data set.

    Args:
        output: the file to write; None: nothing is written.
        inputs: files and folders that the command reads. A file also protects what is kept beside a run of that name;
            a folder, such as a checkpoint, protects its files, except runs and what is kept beside those.
        option: the option that names the output, for the error.
        beside: endings of the files that are written beside the output.

    Raises:
        UserError: names the output and the file that would be lost.
    """
    if output is None:
        return
    for path in (str(output), *(f"{output}{ending}" for ending in beside)):
        spare_own_file(path)
        for given in filter(None, inputs):
            for file in _files_of(Path(given)):
                if _same(path, file):
                    raise UserError(f"{option} {output}: would overwrite {file}, which is read; name another file")


def _files_of(given: Path) -> Iterator[Path]:
    if not given.is_dir():
        yield given
        yield from (Path(f"{given}{ending}") for ending in BESIDE_A_RUN)
        return
    for file in given.iterdir():
        # A checkpoint's folder may hold runs that are made again: RUN, RUN.json and RUN.scores.npz.
        run = next((str(file).removesuffix(end) for end in BESIDE_A_RUN if str(file).endswith(end)), str(file))
        if file.is_file() and not (Path(run).is_file() and Path(f"{run}.json").is_file()):
            yield file


def _same(path: str, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False  # one of them is not there
