"""Further sets of judged queries that a table's rows are measured on besides dev: TREC DL, BEIR, any other."""

import os
import re
from dataclasses import dataclass

from lce_tf.data.datasets import SPLITS, load_dataset
from lce_tf.data.layouts import holds_collection
from lce_tf.data.layouts.msmarco import TREC_DL, trec_dl
from lce_tf.data.qrels import Qrels
from lce_tf.data.records import slug
from lce_tf.errors import UserError
from lce_tf.replication.official import holds_official
from lce_tf.replication.presets import TRAIN, Preset

NDCG = "nDCG@10"

# Sets judged on TREC's scale for passages, by the beginning of their id, or by the split's name where the data set is
# a folder. On it grade 1 is "related, does not answer"; by TREC's guidelines binary measures count grades from 2 on.
_TREC_PASSAGES = re.compile(r"(msmarco-passage(-v2)?/)?(trec-dl-|dl\d\d$)")
_YEAR = re.compile(r"(?:trec-dl-20|dl)(\d\d)(?:/judged)?$")


@dataclass(frozen=True)
class FurtherSet:
    """Judged queries of some data set, and how they are measured.

    Attributes:
        name: as it was asked for.
        key: names it in `Products` and in file names; no other set or split of the preset has the same.
        label: its column's heading.
        dataset: whatever `load_dataset` takes; None: the preset's own.
        split: of that data set; None: the one that needs no name.
        trec_passages: whether it is judged on TREC's scale for passages.
        beir: whether it is one of BEIR's.
    """

    name: str
    key: str
    label: str
    dataset: str | None
    split: str | None
    trec_passages: bool
    beir: bool

    def min_grade(self, qrels: Qrels) -> int:
        """The lowest grade that binary measures count as relevant: 2 on TREC's scale for passages, otherwise 1."""
        highest = max((grade for grades in qrels.values() for grade in grades.values()), default=0)
        return 2 if self.trec_passages and highest > 1 else 1

    def measures(self, qrels: Qrels) -> tuple[str, ...]:
        """The measures, in ir_measures' names: nDCG@10, whose gains are the grades, for the column; then the rest."""
        if self.beir:
            return NDCG, "R@100"
        rel = f"(rel={grade})" if (grade := self.min_grade(qrels)) > 1 else ""
        return NDCG, f"RR{rel}@10", f"AP{rel}"


def further_sets(preset: Preset) -> tuple[tuple[FurtherSet, ...], dict[str, str]]:
    """The sets that the preset names, and name -> reason for those without files in its folder; only names are read.

    If a flag named the sets, all of them must be there.

    Raises:
        UserError: an unknown set, one without judgments, the training split, or two that are the same.
    """
    found: dict[str, FurtherSet] = {}
    absent = {}
    for name in preset.also:
        try:
            known = _known(name, preset)
        except UserError as error:
            if preset.also_asked:
                raise UserError(f"--also {error}") from error
            absent[name] = str(error).removeprefix(f"{name}: ")
            continue
        if known.label in found:
            other = found[known.label].name
            raise UserError(f"--also {name}: has the same name, {known.label}, as {other}; give one of the two")
        found[known.label] = known
    return tuple(found.values()), absent


def _known(name: str, preset: Preset) -> FurtherSet:
    """The set called `name`: a split of the preset's data set, DATASET:split, or an id or folder by itself."""
    if split := _own_split(name, preset.dataset):
        return _described(name, None, split, preset.dataset)
    folder, colon, split = name.rpartition(":")
    dataset = folder if colon else name
    try:
        found = load_dataset(dataset)
    except UserError as error:
        own = load_dataset(preset.dataset)
        splits = [split for split in own.splits if split != TRAIN and own.has_judged(split)]
        raise UserError(f"{error}; judged splits of {preset.dataset}: {', '.join(splits) or 'none'}") from error
    if not found.has_judged(split if colon else None):
        judged = [f"{dataset}:{split}" for split in found.splits if found.has_judged(split)]
        raise UserError(f"{name}: has no judged queries; name a split: {', '.join(judged) or 'there is none'}")
    return _described(name, dataset, split if colon else None, dataset)


def _own_split(name: str, dataset: str) -> str | None:
    """The split of the preset's own data set that `name` means, by its short name; None where it is something else."""
    folder = _is_folder(dataset)
    known_as = "msmarco-passage" if folder and holds_official(dataset) else dataset
    split = name.removeprefix(f"{known_as}/")
    split = {long: short for short, long in SPLITS.get(known_as, {}).items()}.get(split, split)
    if split == TRAIN:
        raise UserError(f"{name}: is what the rows are trained on; name another split")
    if load_dataset(dataset).has_judged(split):
        return split
    if folder and (official := trec_dl(split)):
        files = f"{TREC_DL[official]['queries']}.tsv and {TREC_DL[official]['qrels']}.txt"
        raise UserError(f"{name}: needs {files} in {dataset}")
    return None


def _described(name: str, dataset: str | None, split: str | None, source: str) -> FurtherSet:
    """The set, with its key, label and kind; `source` is its data set's name, even if `dataset` is None."""
    if _is_folder(source):
        folder, whole = os.path.basename(os.path.abspath(os.path.expanduser(source))), split or ""
        label = f"{folder}:{split}" if split else folder
    else:
        label = whole = "/".join(filter(None, (source, SPLITS.get(source, {}).get(split, split))))
    key = slug(split if dataset is None else f"also.{label}")
    if dataset is None:
        label = split
    trec_passages = _TREC_PASSAGES.match(whole) is not None
    if trec_passages and (year := _YEAR.search(whole)):
        label = f"DL 20{year[1]}"
    return FurtherSet(name, key, label, dataset, split, trec_passages, whole.startswith("beir/"))


def _is_folder(dataset: str) -> bool:
    return holds_collection(os.path.expanduser(dataset))
