"""Token stores: every text of a collection turned into ids once, then memory-mapped."""

import hashlib
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lce_tf.data.tokenizers import WordPieces
from lce_tf.errors import UserError
from lce_tf.files import built_folder, cache_dir, read_json, write_json

# Texts per call of the tokenizer, which spreads them over the cores.
BLOCK = 4096
ARRAYS = ("text_ids", "offsets", "tokens", "order")
# Ids looked up at a time, so that a hundred million of them need little more memory than their rows.
LOOK_UP = 1 << 20


class TokenStore:
    """The ids of many texts: flat, memory-mapped, with the rows where each text begins.

    Attributes:
        text_ids: [texts] fixed-width bytes, the passages' or queries' ids.
        offsets: [texts + 1] int64; text i is `tokens[offsets[i]:offsets[i + 1]]`.
        tokens: flat uint16 (int32 where the vocabulary needs it) wordpiece ids.
        key: changes with the texts, their ids, their order and the tokenizer.
    """

    def __init__(self, text_ids: np.ndarray, offsets: np.ndarray, tokens: np.ndarray, order: np.ndarray, key: str = ""):
        self.text_ids, self.offsets, self.tokens, self._order, self.key = text_ids, offsets, tokens, order, key

    @classmethod
    def open(cls, folder: Path) -> "TokenStore":
        """The store that `build` wrote into `folder`, mapped rather than read.

        Raises:
            UserError: it is not whole.
        """
        try:
            expected = read_json(folder / "store.json")
            arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS]
            store = cls(*arrays, key=folder.name)
            texts, tokens = len(store), len(store.tokens)
            whole = [texts, tokens] == [expected["texts"], expected["tokens"]]
            whole = whole and len(store.offsets) == texts + 1 and store.offsets[-1] == tokens
            whole = whole and len(store._order) == texts
        except (OSError, EOFError, ValueError, KeyError, TypeError, UserError) as error:
            raise UserError(
                f"{folder}: the token store is torn ({error}); delete the folder, it will be built again"
            ) from error
        if not whole:
            raise UserError(f"{folder}: the token store is torn; delete the folder, it will be built again")
        return store

    @classmethod
    def build(
        cls, texts: Iterable[tuple[str, str]], tokenizer: WordPieces, key: str, kind: str, total: int | None = None
    ) -> "TokenStore":
        """The store of (id, text) pairs in the cache, tokenised now unless that was done before.

        Args:
            texts: read only if the store has to be built.
            tokenizer: its `key` is part of the store's name.
            key: identity of the texts' contents; it names the store.
            kind: "passages" or "queries", for the name and the progress bar.
            total: number of texts, where known, for the progress bar.
        """
        folder = cache_dir() / "tokens" / f"{kind}-{key}-{tokenizer.key}"
        if not (folder / "store.json").is_file():
            with built_folder(folder) as scratch:
                _tokenise(texts, tokenizer, scratch, kind, total)
        return cls.open(folder)

    def __len__(self) -> int:
        return len(self.text_ids)

    def rows(self, text_ids: np.ndarray) -> np.ndarray:
        """[ids] int64 rows of the given ids, -1 where the store has no such text."""
        wanted = np.asarray(text_ids).astype(np.bytes_, copy=False)
        rows = np.full(len(wanted), -1)
        if not len(self) or not len(wanted):
            return rows
        # Both of one width, or numpy would widen the whole store again for every part of the look-up.
        known = np.asarray(self.text_ids).astype(np.promote_types(self.text_ids.dtype, wanted.dtype), copy=False)
        order = np.asarray(self._order).astype(np.intp)
        for start in range(0, len(wanted), LOOK_UP):
            part = wanted[start : start + LOOK_UP].astype(known.dtype, copy=False)
            found = order[np.minimum(np.searchsorted(known, part, sorter=order), len(order) - 1)]
            rows[start : start + LOOK_UP] = np.where(known[found] == part, found, -1)
        return rows

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """[rows] int64, wordpieces of each text."""
        return self.offsets[rows + 1] - self.offsets[rows]


def content_key(texts: dict[str, str]) -> str:
    """16 hexadecimal digits that change with any id, text or their order."""
    digest = hashlib.sha256()
    for pair in texts.items():
        digest.update(json.dumps(pair).encode())
    return digest.hexdigest()[:16]


def _tokenise(texts, tokenizer: WordPieces, folder: Path, kind: str, total: int | None) -> None:
    dtype = np.uint16 if tokenizer.size <= 1 << 16 else np.int32
    ids, lengths, pieces = [], [], 0
    bar = tqdm(total=total, desc=f"tokenise {kind}", unit=" texts", disable=None, leave=False)
    with bar, open(folder / "flat", "wb") as flat:
        texts = iter(texts)
        while block := list(itertools.islice(texts, BLOCK)):
            encoded = tokenizer([text for _, text in block])
            sizes = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
            joined = np.fromiter(itertools.chain.from_iterable(encoded), dtype=dtype, count=int(sizes.sum()))
            flat.write(joined.tobytes())
            ids.append(np.array([text_id.encode() for text_id, _ in block]))
            lengths.append(sizes)
            pieces += len(joined)
            bar.update(len(block))
    text_ids = np.concatenate(ids) if ids else np.zeros(0, "S1")
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]) if lengths else np.zeros(1, np.int64)
    order = np.argsort(text_ids, kind="stable")
    tokens = np.memmap(folder / "flat", dtype=dtype, mode="r", shape=(pieces,)) if pieces else np.zeros(0, dtype)
    np.save(folder / "tokens.npy", tokens)
    del tokens
    (folder / "flat").unlink()
    np.save(folder / "text_ids.npy", text_ids)
    np.save(folder / "offsets.npy", offsets.astype(np.int64))
    np.save(folder / "order.npy", order.astype(np.int32 if len(order) < 1 << 31 else np.int64))
    write_json(folder / "store.json", {"texts": len(text_ids), "tokens": pieces})
