"""The three files of a reranked run: the run, its raw scores, and its manifest."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.data.runs import Run, write_trec
from lce_tf.errors import UserError
from lce_tf.foundation.destinations import is_stream
from lce_tf.foundation.disk import RERANKED
from lce_tf.foundation.files import sha256_of, written, written_together


def scores_file(output: str | Path) -> str:
    """The path of the raw model scores of the run at `output`."""
    return f"{output}.scores.npz"


def manifest_file(output: str | Path) -> str:
    """The path of the manifest of the run at `output`."""
    return f"{output}.json"


def refuse_stream(output: str | Path) -> None:
    """Refuses a pipe or device as output of a reranked run, since its scores and manifest are written beside it."""
    if is_stream(output):
        raise UserError(
            f"--output {output}: is a stream, but {scores_file('OUTPUT')} and {manifest_file('OUTPUT')} are written "
            "beside the run; name a file"
        )


def write_reranked(run: Run, raw: dict[str, np.ndarray], output: str, facts: dict[str, Any]) -> None:
    """Writes a run with its raw scores, and last the manifest: `facts` and the SHA-256 of both files.

    None of the three replaces an older file before all are written.

    Args:
        raw: arrays by name, [rows] each, in the run's row order. `scores` is float32, NaN for rows that were not
            scored. If these are activated or calibrated, `logits` holds the ranking scores they were computed from.
    """
    with written_together(scores_file(output), output, manifest_file(output)) as (scores, lines, manifest):
        with written(scores, "wb") as file:
            np.savez(file, **raw)
        write_trec(run, lines)
        RERANKED.write(manifest, {**facts, "output_sha256": sha256_of(lines), "scores_sha256": sha256_of(scores)})


def read_manifest(output: str) -> dict[str, Any]:
    """The manifest of the reranked run at `output`.

    Raises:
        UserError: there is none, or it was not written by `write_reranked`.
    """
    file = manifest_file(output)
    if not Path(file).is_file():
        raise UserError(f"{output}: has no manifest {file}; write the run again with lce rerank")
    facts = RERANKED.read(file)
    if "output_sha256" not in facts or "scores_sha256" not in facts:
        raise UserError(f"{file}: is no manifest of lce rerank; write the run again")
    return facts


def check_sum(file: str, found: str, expected: str, output: str) -> None:
    """Refuses a file of the run `output` unless its SHA-256 (`found`) is the one in the manifest (`expected`)."""
    if found != expected:
        raise UserError(f"{file}: has changed since {manifest_file(output)} was written; write the run again")


def check_sums(output: str, facts: dict[str, Any]) -> None:
    """Refuses a run or scores that are missing or changed after the manifest (`facts`) was written."""
    for file, key in ((output, "output_sha256"), (scores_file(output), "scores_sha256")):
        if not Path(file).is_file():
            raise UserError(f"{file}: no such file, though {manifest_file(output)} names it; write the run again")
        check_sum(file, sha256_of(file), facts[key], output)


def read_raw(output: str, sha256: str | None = None) -> dict[str, np.ndarray]:
    """The arrays that `write_reranked` kept beside the rows of the run at `output`, by name.

    Args:
        sha256: the file's expected digest, from the manifest; None: not checked.

    Raises:
        UserError: the file cannot be read, or does not have the digest.
    """
    file = scores_file(output)
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read as scores ({error.strerror}); write the run again") from error
    if sha256 is not None:
        check_sum(file, hashlib.sha256(data).hexdigest(), sha256, output)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{file}: cannot be read as scores ({error}); write the run again") from error


def raw_scores(raw: dict[str, np.ndarray], output: str, rows: int) -> np.ndarray:
    """[rows] float32 ranking scores, by which the run is ordered; NaN for rows that were not scored.

    They are the array "logits" if the run states activated scores, such as probabilities, else the array "scores".

    Args:
        raw: as `read_raw` returns it.
        output: path of the run, for errors.
        rows: the run's number of rows.

    Raises:
        UserError: the file has no scores, or not one for each row.
    """
    values = raw.get("logits", raw.get("scores"))
    if values is None or values.shape != (rows,):
        found = "no scores" if values is None else f"{values.size} scores"
        raise UserError(f"{scores_file(output)}: has {found} for {rows} rows; write the run again")
    return values
