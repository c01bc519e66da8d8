"""What a preset's products are made from: its collection, queries and judgments, and those of further sets."""

import os
from functools import cached_property
from pathlib import Path

from lce_tf.data.datasets import Dataset, load_dataset
from lce_tf.data.layouts import holds_collection
from lce_tf.data.qrels import Qrels, relevant
from lce_tf.errors import UserError
from lce_tf.foundation.steps import make_once
from lce_tf.replication import made
from lce_tf.replication.further import FurtherSet, further_sets
from lce_tf.replication.presets import TRAIN, Preset
from lce_tf.replication.sample import write_sample


class Inputs:
    """The data of a preset whose products are in `folder`; methods that take a split also take a further set's key."""

    def __init__(self, preset: Preset, folder: str | Path):
        self.preset, self.folder = preset, Path(folder)
        self._hashed: dict[str, dict[str, str]] = {}

    @property
    def dataset_name(self) -> str:
        """The commands' --dataset: the preset's own, or the folder of its sample."""
        return self.preset.dataset if self.preset.share == 1 else str(self.folder / "data")

    @cached_property
    def dataset(self) -> Dataset:
        """The preset's data set, or the sample of it that the preset asks for.

        Raises:
            UserError: the folder holds a sample of another data set, or of another size.
        """
        preset, folder = self.preset, self.folder / "data"
        dataset = load_dataset(preset.dataset)
        if preset.share == 1:
            return dataset
        splits = [TRAIN, *filter(None, (preset.dev_split, preset.eval_split))]
        settings = {"dataset": preset.dataset, "share": preset.share}
        make_once(folder, settings, lambda: write_sample(dataset, splits, preset.share, folder), {})
        return load_dataset(str(folder))

    @cached_property
    def named(self) -> tuple[tuple[FurtherSet, ...], dict[str, str]]:
        """See `further_sets`: what the preset names, whether or not it can be fetched."""
        return further_sets(self.preset)

    @property
    def further(self) -> tuple[FurtherSet, ...]:
        """The further sets that are measured."""
        return self._reached[0]

    @property
    def left_out(self) -> dict[str, str]:
        """Name -> reason for those of the preset's own further sets that are not available here."""
        return self._reached[1]

    def located(self, split: str) -> tuple[str, Dataset, str | None]:
        """Where a split's queries and passages are: the commands' --dataset, that data set, the commands' --split."""
        preset = self.preset
        if split not in (TRAIN, preset.dev_split, preset.eval_split):
            found = {known.key: known for known in self.further}[split]
            if found.dataset is not None:
                return found.dataset, load_dataset(found.dataset), found.split
            split = found.split
        return self.dataset_name, self.dataset, split

    def source(self, split: str) -> tuple[str, Dataset]:
        """The data set that a split is of, for `without_own_passages`: of a sample, what it was drawn from."""
        name, dataset, _ = self.located(split)
        if name != self.dataset_name:
            return name, dataset
        return self.preset.dataset, load_dataset(self.preset.dataset)

    def qrels(self) -> Qrels:
        """Judgments of the preset's dev queries: the first `queries` by id that have a relevant passage."""
        qrels = self.dataset.qrels(self.preset.dev_split)
        judged = sorted(query_id for query_id, ids in relevant(qrels).items() if ids)
        return {query_id: qrels[query_id] for query_id in judged[: self.preset.queries]}

    def eval_queries(self) -> list[str]:
        """The ids of the preset's eval queries: the first `queries` by id, judged or not."""
        return sorted(self.dataset.queries(self.preset.eval_split))[: self.preset.queries]

    def judged(self, split: str) -> Qrels:
        """Judgments of a split's queries: for dev and eval only of the preset's queries, for other splits of all."""
        if split == self.preset.dev_split:
            return self.qrels()
        _, dataset, name = self.located(split)
        qrels = dataset.qrels(name)
        if split == self.preset.eval_split:
            return {query_id: qrels[query_id] for query_id in self.eval_queries() if query_id in qrels}
        return qrels

    def kept(self, split: str) -> list[str] | None:
        """The ids of the queries that a split's runs keep; None for the training split, whose runs keep all."""
        if split == TRAIN:
            return None
        return self.eval_queries() if split == self.preset.eval_split else list(self.judged(split))

    def hashes(self, split: str) -> dict[str, str]:
        """Hashes of the queries of a split's runs and of the judgments that chose them: settings of a first stage."""
        if split not in self._hashed:
            _, dataset, name = self.located(split)
            texts, kept = dataset.queries(name), self.kept(split)
            if kept is not None:
                texts = {query_id: texts[query_id] for query_id in kept if query_id in texts}
            # Eval queries are kept whether judged or not; MS MARCO's are not judged.
            qrels = None if split == self.preset.eval_split else self.judged(split)
            self._hashed[split] = made.hashes(texts, qrels)
        return self._hashed[split]

    @cached_property
    def _reached(self) -> tuple[tuple[FurtherSet, ...], dict[str, str]]:
        """Only a preset's own sets are tried here, and left out if missing; those of a flag fail when they are read."""
        named, left_out = self.named
        if self.preset.also_asked or holds_collection(os.path.expanduser(self.preset.dataset)):
            return named, left_out
        reasons = {known: self._fault(known) for known in named}
        left_out = left_out | {known.name: reason for known, reason in reasons.items() if reason}
        return tuple(known for known in named if not reasons[known]), left_out

    def _fault(self, known: FurtherSet) -> str:
        """Why one of the data set's own splits cannot be read; empty if it can be read."""
        try:
            self.dataset.queries(known.split)
            self.dataset.qrels(known.split)
        except UserError as error:
            return str(error)
        return ""
