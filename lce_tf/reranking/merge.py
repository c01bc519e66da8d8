"""Merges the shards of a reranked run into the run that one machine would have written."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lce_tf.data.layouts import spare_own_file
from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError
from lce_tf.foundation.files import sha256_of
from lce_tf.reranking.outputs import (
    check_sum,
    check_sums,
    read_manifest,
    read_raw,
    refuse_stream,
    scores_file,
    write_reranked,
)
from lce_tf.reranking.shards import Shard, joined

# Keys in which the manifests of one job's shards may differ. OWN: facts of the shard itself. HOW: how the same work was
# named or divided, since machines may have mounted the same data under other names.
OWN = {"shard", "pairs", "seconds", "processor", "output", "output_sha256", "scores_sha256"}
HOW = {"checkpoint", "checkpoint_commit", "dataset", "split", "run", "chunk", "ray", "workers"}
# Keys that older manifests lack: only two that state one are compared.
LATER = {"way"}


class Part(NamedTuple):
    """A shard's file, its index and count, and its manifest."""

    file: str
    shard: Shard
    facts: dict[str, Any]


def merge(output: str, files: Sequence[str] | None = None) -> Run:
    """Merges the shards that `rerank` wrote into `output`, with raw scores and manifest, and returns the run.

    Run and scores are byte for byte those of an unsharded job if the engine is `steady` and all shards were scored on
    the same kind of processor. The shards are kept.

    Args:
        output: path of the merged run.
        files: paths of the shards; None: those beside `output`.

    Raises:
        UserError: a shard that is missing, given twice, changed, without manifest, or of another job.
    """
    refuse_stream(output)
    parts = [_part(file) for file in (found(output) if files is None else files)]
    if not parts:
        raise UserError(f"{output}: no shard is given; name the files after --shards")
    if os.path.realpath(output) in [os.path.realpath(part.file) for part in parts]:
        raise UserError(f"{output}: is one of the shards, which would be lost; name another output")
    spare_own_file(output)
    parts = _complete(output, parts)
    for part in parts:
        _check_kin(parts[0], part)
    for part in parts:
        check_sums(part.file, part.facts)
    # Each file is checked against the manifest again as it is read, since a shard may be rewritten meanwhile.
    runs = [_run(part) for part in parts]
    raw = [_raw(part, run) for part, run in zip(parts, runs, strict=True)]
    first = parts[0].facts
    run, values = joined(runs, raw, first["tag"])
    _check_queries(parts, run)
    facts = {key: value for key, value in first.items() if key not in OWN}
    pairs, seconds = ([part.facts[key] for part in parts] for key in ("pairs", "seconds"))
    # A shard that was resumed has no time.
    sums = {"pairs": sum(pairs), "seconds": None if None in seconds else sum(seconds)}
    processors = {name for part in parts for name in str(part.facts.get("processor", "")).split(", ") if name}
    sums["processor"] = ", ".join(sorted(processors))
    write_reranked(run, values, output, {**facts, "output": output, "shard": None, **sums})
    return run


def found(output: str) -> list[str]:
    """The paths of the shards of `output` in its folder, in order of index.

    Raises:
        UserError: there are none, or they come from divisions into different numbers of shards.
    """
    path = Path(output)
    name = re.compile(re.escape(path.name) + r"\.shard-(\d+)-of-(\d+)")
    matches = [match for file in path.parent.glob("*") if (match := name.fullmatch(file.name))]
    if not matches:
        raise UserError(f"{output}: no {path.name}.shard-I-of-K lies beside it; write them with lce rerank --shard I/K")
    divisions: dict[int, list[int]] = {}
    for match in matches:
        divisions.setdefault(int(match[2]), []).append(int(match[1]))
    shards = {count: [Shard(index, count).file(output) for index in sorted(divisions[count])] for count in divisions}
    if len(shards) > 1:
        kinds = " and ".join(f"{files[0]} ({len(files)} of {count})" for count, files in sorted(shards.items()))
        raise UserError(f"{kinds}: are shards of different K; delete one kind, or name one after --shards")
    ((_, files),) = shards.items()
    return files


def _part(file: str) -> Part:
    if not Path(file).is_file():
        raise UserError(f"{file}: no such file; write it with lce rerank --shard I/K")
    facts = read_manifest(file)
    try:
        shard = Shard(int(facts["shard"]), int(facts["shards"]))
        numbers = (facts["run_queries"], facts["pairs"], 0 if facts["seconds"] is None else facts["seconds"])
        if not all(isinstance(value, (int, float)) for value in numbers):
            raise TypeError
    except (KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(
            f"{file}: is not a shard (see its manifest); write shards with lce rerank --shard I/K"
        ) from error
    return Part(file, shard, facts)


def _complete(output: str, parts: list[Part]) -> list[Part]:
    """The parts in order of index; each index must occur exactly once."""
    count, by_index = parts[0].shard.count, {}
    for part in parts:
        if part.shard.count != count:
            raise UserError(
                f"{part.file}: is one of {part.shard.count} shards, {parts[0].file} one of {count}; "
                "give the shards of one division"
            )
        if (other := by_index.setdefault(part.shard.index, part)) is not part:
            raise UserError(f"{part.file}: is shard {part.shard.index} of {count}, as {other.file} is; give it once")
    for index in range(count):
        if index not in by_index:
            absent = Shard(index, count).file(output)
            begun = ", whose work has begun" if Path(f"{absent}.partial").is_dir() else ""
            raise UserError(f"{absent}: is missing{begun}; write it with lce rerank --shard {index}/{count}")
    return [by_index[index] for index in range(count)]


def _check_kin(first: Part, part: Part) -> None:
    """Refuses parts of different jobs: their manifests must agree in all keys except `OWN` and `HOW`."""
    for key in {**first.facts, **part.facts}:
        one, other = first.facts.get(key), part.facts.get(key)
        if key in OWN | HOW or (key in LATER and None in (one, other)):
            continue
        if one != other:
            raise UserError(f"{part.file}: its {key} is {other}, that of {first.file} {one}; they are of two jobs")


def _run(part: Part) -> Run:
    empty = Path(part.file).stat().st_size == 0  # a shard without queries; no other run may be empty
    run = Run.build([], [0], [], []) if empty else read_run(part.file)
    check_sum(part.file, run.sha256 or sha256_of(part.file), part.facts["output_sha256"], part.file)
    expected = part.shard.queries(part.facts["run_queries"])
    if len(run.query_ids) != expected:
        raise UserError(f"{part.file}: has {len(run.query_ids)} queries, but {expected} belong there; write it again")
    return run


def _raw(part: Part, run: Run) -> dict[str, np.ndarray]:
    raw = read_raw(part.file, part.facts["scores_sha256"])
    if wrong := [name for name, values in raw.items() if values.shape != (len(run),)]:
        raise UserError(
            f"{scores_file(part.file)}: has {raw[wrong[0]].size} {wrong[0]} for {len(run)} rows; write the run again"
        )
    return raw


def _check_queries(parts: list[Part], run: Run) -> None:
    """Refuses shards that have a query in common."""
    order = np.argsort(run.query_ids, kind="stable")
    same = np.flatnonzero(run.query_ids[order[1:]] == run.query_ids[order[:-1]])
    if len(same):
        one, other = order[same[0]], order[same[0] + 1]
        raise UserError(
            f"{parts[other % len(parts)].file}: query {run.query_ids[one].decode()} is also in "
            f"{parts[one % len(parts)].file}; they are not shards of one run"
        )
