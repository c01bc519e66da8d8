"""What a product was made with, and whether that is what is asked for now."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lce_tf.data.qrels import Qrels
from lce_tf.retrieval import bm25
from lce_tf.training.config import DEFAULTS

# Values to assume for settings missing from a record: records written before the setting existed behave as if it had
# this value, and a setting at this value is not written.
_WHEN_ABSENT = {**DEFAULTS, "k1": bm25.K1, "b": bm25.B, "prebuilt": None}
_WHEN_ABSENT = json.loads(json.dumps(_WHEN_ABSENT))  # in JSON's types, as records are


def record_of(product: Path) -> Path:
    """Where the record of a product lies: its settings, and the seconds that it took."""
    return product.with_name(f"{product.name}.made.json")


def changed(settings: Mapping[str, Any], recorded: Mapping[str, Any]) -> str | None:
    """The first setting, in words, that differs from what was recorded; None where the product is the one wanted.

    A setting that the record lacks is one that was not recorded yet when the product was made. It counts as its
    default where it has one; what has none, such as the hash of an input, is taken to be as it is now.
    """
    for name in {**settings, **recorded}:
        now = settings.get(name, _WHEN_ABSENT.get(name))
        before = recorded.get(name, _WHEN_ABSENT.get(name, now))
        if now != before:
            return f"{name} {before!r}, not {now!r}"
    return None


def hashes(texts: Mapping[str, str], qrels: Qrels | None) -> dict[str, str]:
    """SHA-256 of queries and, unless None, of judgments, as settings; the order in which they come does not count."""
    inputs = {"queries_sha256": texts} | ({} if qrels is None else {"qrels_sha256": qrels})
    digests = {name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()) for name, value in inputs.items()}
    return {name: digest.hexdigest() for name, digest in digests.items()}
