"""Token stores: the token ids of a collection's texts, computed once, cached on disk and memory-mapped."""

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lce_tf.data.lookup import IdLookup
from lce_tf.data.rows import offsets_of
from lce_tf.errors import UserError
from lce_tf.foundation.disk import TOKEN_STORE
from lce_tf.foundation.files import built_folder, cache_dir, read_array
from lce_tf.foundation.progress import Progress
from lce_tf.tokens.tokenizers import WordPieces

# Texts per call of the tokenizer, which processes them on all cores.
BLOCK = 4096
ARRAYS = ("text_ids", "offsets", "tokens")


class TokenStore:
    """The token ids of many texts as one flat array, memory-mapped, with the offset at which each text begins.

    Attributes:
        text_ids: [texts] fixed-width bytes, the passages' or queries' ids.
        offsets: [texts + 1] int64; text i is `tokens[offsets[i]:offsets[i + 1]]`.
        tokens: flat uint16 (int32 where the vocabulary needs it) wordpiece ids.
        key: identifies the content; it changes with the texts, their ids, their order and the tokenizer.
        folder: the folder whose files are mapped; None for arrays in memory.
    """

    folder: Path | None = None

    def __init__(self, text_ids: np.ndarray, offsets: np.ndarray, tokens: np.ndarray, key: str = ""):
        self.text_ids, self.offsets, self.tokens, self.key = text_ids, offsets, tokens, key

    @classmethod
    def open(cls, folder: Path) -> "TokenStore":
        """The store that `build` wrote into `folder`, memory-mapped.

        Raises:
            UserError: a file of the store is missing or damaged.
        """
        try:
            expected = TOKEN_STORE.read(folder / "store.json")
            arrays = [read_array(folder / f"{name}.npy", mapped=True) for name in ARRAYS]
            store = cls(*arrays, key=folder.name)
            store.folder = folder
            texts, tokens = len(store), len(store.tokens)
            # Three one-dimensional arrays: bytes (S), signed integers (i), unsigned (u) or signed integers.
            whole = "".join(array.dtype.kind * array.ndim for array in arrays) in ("Siu", "Sii")
            whole = whole and [texts, tokens] == [expected["texts"], expected["tokens"]]
            whole = whole and len(store.offsets) == texts + 1 and store.offsets[-1] == tokens
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
        """The store of the (id, text) pairs, taken from the cache or tokenised and cached now.

        Args:
            texts: read only if the cache does not have the store.
            tokenizer: its `key` is part of the store's folder name.
            key: hash of the texts' contents; part of the folder name.
            kind: "passages" or "queries"; part of the folder name, and shown in the progress bar.
            total: number of texts for the progress bar; None: unknown.
        """
        folder = _folder(tokenizer, key, kind)
        if not (folder / "store.json").is_file():
            with built_folder(folder) as scratch:
                _tokenise(texts, tokenizer, scratch, kind, total)
        return cls.open(folder)

    @staticmethod
    def is_built(tokenizer: WordPieces, key: str, kind: str) -> bool:
        """Whether `build` would find the store in the cache."""
        return (_folder(tokenizer, key, kind) / "store.json").is_file()

    def __len__(self) -> int:
        return len(self.text_ids)

    def __reduce__(self):
        # A mapped store is pickled as its folder, so that another process maps the same files instead of receiving
        # gigabytes.
        if self.folder is not None:
            return TokenStore.open, (self.folder.absolute(),)
        return TokenStore, (self.text_ids, self.offsets, self.tokens, self.key)

    def rows(self, text_ids: np.ndarray) -> np.ndarray:
        """[ids] int64 rows of the given ids, -1 where the store has no such text."""
        return self._lookup.rows(text_ids)

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """[rows] int64, wordpieces of each text."""
        return self.offsets[rows + 1] - self.offsets[rows]

    @functools.cached_property
    def _lookup(self) -> IdLookup:
        return IdLookup(self.text_ids)


def content_key(texts: dict[str, str]) -> str:
    """Hash of the ids, the texts and their order, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for pair in texts.items():
        digest.update(json.dumps(pair).encode())
    return digest.hexdigest()[:16]


def _folder(tokenizer: WordPieces, key: str, kind: str) -> Path:
    return cache_dir() / "tokens" / f"{kind}-{key}-{tokenizer.key}"


def _tokenise(texts, tokenizer: WordPieces, folder: Path, kind: str, total: int | None) -> None:
    dtype = np.uint16 if tokenizer.size <= 1 << 16 else np.int32
    ids, lengths, pieces = [], [], 0
    with Progress(f"tokenise {kind}", total, "texts") as progress, open(folder / "flat", "wb") as flat:
        texts = iter(texts)
        while block := list(itertools.islice(texts, BLOCK)):
            encoded = tokenizer([text for _, text in block])
            sizes = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
            joined = np.fromiter(itertools.chain.from_iterable(encoded), dtype=dtype, count=int(sizes.sum()))
            flat.write(joined.tobytes())
            ids.append(np.array([text_id.encode() for text_id, _ in block]))
            lengths.append(sizes)
            pieces += len(joined)
            progress.advance(len(block))
    text_ids = np.concatenate(ids) if ids else np.zeros(0, "S1")
    offsets = offsets_of(np.concatenate(lengths) if lengths else [])
    tokens = np.memmap(folder / "flat", dtype=dtype, mode="r", shape=(pieces,)) if pieces else np.zeros(0, dtype)
    np.save(folder / "tokens.npy", tokens)
    del tokens
    (folder / "flat").unlink()
    np.save(folder / "text_ids.npy", text_ids)
    np.save(folder / "offsets.npy", offsets)
    TOKEN_STORE.write(folder / "store.json", {"texts": len(text_ids), "tokens": pieces})
