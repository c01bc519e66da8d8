"""The data sets of a suite: by short name, as a group, or as a data set with a split."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lce_tf.data.datasets import load_dataset
from lce_tf.data.qrels import Qrels
from lce_tf.data.records import Dataset, slug
from lce_tf.errors import UserError


class TestSet(NamedTuple):
    """Queries and judgments to measure on.

    Attributes:
        name: in the table, and of its folder.
        dataset, split: as for `lce evaluate`.
    """

    __test__ = False  # pytest must not collect it

    name: str
    dataset: str
    split: str | None

    def load(self) -> tuple[Dataset, Qrels]:
        """The data set and the judgments.

        Raises:
            UserError: it is not here and cannot be fetched, or has no such split.
        """
        dataset = load_dataset(self.dataset)
        return dataset, dataset.qrels(self.split)


def _track(year: int, dataset: str) -> TestSet:
    return TestSet(f"dl{year}", dataset, f"dl{year}")


KNOWN = {
    one.name: one
    for one in (
        *(_track(year, "msmarco-passage") for year in (19, 20)),
        *(_track(year, "msmarco-passage-v2") for year in (21, 22, 23)),
    )
}
_NANO = (
    "arguana", "climate-fever", "dbpedia-entity", "fever", "fiqa", "hotpotqa", "msmarco", "nfcorpus", "nq", "quora",
    "scidocs", "scifact", "webis-touche2020",
)  # fmt: skip
# BEIR's public sets without MS MARCO, on which models are trained, and without CQADupStack's twelve parts.
_BEIR = {
    "trec-covid": None, "nfcorpus": "test", "nq": None, "hotpotqa": "test", "fiqa": "test", "arguana": None,
    "webis-touche2020": "v2", "quora": "test", "dbpedia-entity": "test", "scidocs": None, "fever": "test",
    "climate-fever": None, "scifact": "test",
}  # fmt: skip
GROUPS = {
    "nanobeir": tuple(TestSet(f"nano-{name}", f"nano-beir/{name}", None) for name in _NANO),
    "beir": tuple(TestSet(name, f"beir/{name}", split) for name, split in _BEIR.items()),
}
NAMES = (*KNOWN, *GROUPS)


def parse_sets(texts: Sequence[str]) -> list[TestSet]:
    """The sets that are asked for, with groups replaced by their sets.

    Args:
        texts: each a name in `NAMES`, or `[NAME=]DATASET[:SPLIT]`, such as `./mine:dev` or `pets=./mine:dev`.

    Raises:
        UserError: a text that is none of these, or two sets of one name.
    """
    found: list[TestSet] = []
    for text in texts:
        if text in GROUPS:
            found += GROUPS[text]
        else:
            found.append(KNOWN[text] if text in KNOWN else _parsed(text))
    names = [one.name for one in found]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise UserError(f"--sets: two sets are called {name}; name one otherwise, such as other={name}")
    return found


def _parsed(text: str) -> TestSet:
    name, given, rest = text.partition("=")
    if not given or "/" in name:  # without a name; a folder's own may hold an equals sign
        name, given, rest = "", "", text
    dataset, colon, split = rest.rpartition(":") if ":" in rest else (rest, "", "")
    if not dataset or (colon and not split) or (given and not name):
        raise UserError(f"--sets {text}: give {', '.join(NAMES)} or [NAME=]DATASET[:SPLIT], such as pets=./mine:dev")
    name = name or slug(f"{Path(dataset).name if dataset.startswith(('.', '/')) else dataset} {split}")
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
        raise UserError(f"--sets {text}: {name!r} is no name for a folder; give letters, digits, dots and hyphens")
    return TestSet(name, dataset, split or None)
