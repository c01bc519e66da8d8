"""The sets of which a sample is reranked while training."""

from pathlib import Path
from typing import NamedTuple

from lce_tf.errors import UserError
from lce_tf.evaluation.measures import MEAN

# What is measured on a sample by default.
DEV_MEASURE = "MRR@10"


class DevSet(NamedTuple):
    """A set of which a sample is reranked while training.

    Attributes:
        name: among the figures; "" for the training's own.
    """

    name: str
    dataset: str
    split: str | None
    run: str


def dev_sets(dataset: str, split: str | None, run: str | None, also: str) -> list[DevSet]:
    """The training's own dev set, if it has a run, and further ones.

    Args:
        also: as `--dev-also` names them, DATASET:SPLIT:RUN with commas between.

    Raises:
        UserError: a further set is named in another way, or as another one is.
    """
    found = [DevSet("", dataset, split, run)] if run else []
    for text in filter(None, also.split(",")):
        of, its_split, its_run = _parts(text)
        if not (of and its_run):
            raise UserError(f"--dev-also {text}: give DATASET:SPLIT:RUN, such as beir/scifact:test:scifact.bm25.trec")
        found.append(DevSet(Path(its_run).stem, of, its_split or None, its_run))
    if len({MEAN, *(one.name for one in found)}) <= len(found):
        raise UserError(
            f"--dev-also {also}: figures are told apart by the names of the runs' files; give each its own, and none "
            f"{MEAN}"
        )
    return found


def _parts(text: str) -> tuple[str, str, str]:
    """Data set, split and run of DATASET:SPLIT:RUN; empty if there are fewer parts.

    A data set in a layout of one's own, `package.module.Class:FOLDER`, has a colon itself, and so may a run's path.
    """
    first, *rest = text.split(":")
    if len(rest) > 2 and "." in first and all(part.isidentifier() for part in first.split(".")):
        return f"{first}:{rest[0]}", rest[1], ":".join(rest[2:])
    return (first, rest[0], ":".join(rest[1:])) if len(rest) > 1 else ("", "", "")
