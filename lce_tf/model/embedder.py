"""One vector per text from an encoder checkpoint, for dense retrieval."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.progress import Progress
from lce_tf.model import hub, st_layout
from lce_tf.model.config import EncoderConfig
from lce_tf.tokens.tokenizers import WordPieces

POOLINGS = ("mean", "cls", "tct")
SIMILARITIES = ("cosine", "dot")

# TCT-ColBERT, as pyserini's TctColBertQueryEncoder and TctColBertDocumentEncoder have it: "[CLS] [Q] query" filled up
# with [MASK], and "[CLS] [D] passage", both without [SEP]; the vector is the mean of what follows the marker.
TCT_QUERY_LENGTH = 36
TCT_PREFIX = 4  # [CLS] and the marker's three wordpieces: "[", "q" or "d", "]"
_TCT_MARKERS = {"query": "[Q]", "passage": "[D]"}

# Wordpieces a batch, padding included.
TOKENS = 8192


class Embedder:
    """Encodes texts: `embedder(texts)` returns their vectors.

    Attributes:
        key: identity of weights, configuration, tokenizer, pooling, similarity, length and prompts; fit for a file's
            name.
    """

    def __init__(
        self,
        encoder,
        tokenizer: WordPieces,
        key: str,
        pooling: str,
        similarity: str,
        max_length: int,
        prompts: Mapping[str, str],
    ):
        import tensorflow as tf

        self.key, self._prompts = key, prompts
        self._tokenizer, self._max_length = tokenizer, max_length
        self._markers = _tct_markers(tokenizer) if pooling == "tct" else None
        skip = TCT_PREFIX if pooling == "tct" else 0

        def vectors(input_ids, lengths):
            mask = tf.sequence_mask(lengths, tf.shape(input_ids)[1], dtype=tf.int32)
            segments = tf.zeros_like(input_ids)
            if pooling == "cls" and encoder.config.classifier_pooling == "cls":
                result = tf.cast(encoder(input_ids, segments, mask), tf.float32)
            elif pooling == "cls":  # the model's head does not read [CLS]
                result = tf.cast(encoder(input_ids, segments, mask, cls_only=False)[:, 0], tf.float32)
            else:
                tokens = tf.cast(encoder(input_ids, segments, mask, cls_only=False), tf.float32)
                counted = tf.maximum(lengths - skip, 1)
                share = tf.cast(mask, tf.float32) / tf.cast(counted[:, None], tf.float32)
                result = tf.einsum("blh,bl->bh", tokens[:, skip:], share[:, skip:])
            return tf.math.l2_normalize(result, axis=-1) if similarity == "cosine" else result

        signature = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
        self._vectors = tf.function(vectors, signature, autograph=False)
        self._size, self._positions = encoder.config.hidden_size, encoder.config.positions

    @classmethod
    def load(
        cls, name: str, pooling: str | None = None, similarity: str | None = None, max_length: int | None = None
    ) -> "Embedder":
        """The embedder of a backbone: whatever `hub.locate` takes, such as "minilm".

        Args:
            pooling: "mean" over the text's tokens with [CLS] and [SEP], the "cls" vector, or "tct", as the
                TCT-ColBERT checkpoints were trained (with similarity "dot"). None: what sentence-transformers' files in
                the folder say, otherwise "mean". Their prompts are put before texts.
            similarity: "cosine" gives vectors of length 1, "dot" leaves them as they are. None: what those files say,
                otherwise "cosine".
            max_length: a text keeps at most this many wordpieces, [CLS] and [SEP] included; None is 256, or 512 for
                "tct", whose queries always have 36.

        Raises:
            UserError: an unknown option or a checkpoint that cannot be read.
        """
        from lce_tf.model.encoder import Encoder
        from lce_tf.model.weight_files import read_arrays
        from lce_tf.model.weights import check_sizes, load_encoder

        for option, value, known in (("--pooling", pooling, POOLINGS), ("--similarity", similarity, SIMILARITIES)):
            if value is not None and value not in known:
                raise UserError(f"{option} {value!r}: known are {', '.join(known)}")
        folder = hub.locate(name)
        watched = hub.watched(folder)
        pooling, similarity, prompts, lower = st_layout.encoding(folder, pooling, similarity)
        max_length = default_length(pooling) if max_length is None else max_length
        if max_length < 3:
            raise UserError(f"--max-length {max_length}: give 3 or more, for [CLS], a wordpiece and [SEP]")
        if pooling == "tct" and max_length < TCT_QUERY_LENGTH:
            raise UserError(f"--max-length {max_length}: --pooling tct takes {TCT_QUERY_LENGTH} or more")
        config = EncoderConfig.from_huggingface(hub.read_config(folder), str(folder / "config.json"))
        if max_length > config.positions:
            raise UserError(f"--max-length {max_length}: {name} has {config.positions} positions only")
        weights = hub.weight_file(folder)
        arrays = read_arrays(weights)
        check_sizes(config, weights, arrays)
        encoder = Encoder(config)
        load_encoder(encoder, weights, arrays)
        tokenizer = WordPieces(folder, lower=lower)
        if tokenizer.size > config.vocab_size:
            raise UserError(
                f"{name}: its tokenizer has {tokenizer.size} wordpieces, its config.json {config.vocab_size}; they do "
                "not belong together"
            )
        model = f"{hub.weights_sha256(folder)[:12]}-{config.key[:8]}-{tokenizer.key[:8]}"
        how = f"{pooling}-{similarity}-{max_length}"
        if pooling != "tct" and tokenizer.alone != ([tokenizer.cls], [tokenizer.sep]):
            how += "-framed"  # older versions put [CLS] and [SEP] around every text
        if prompts:
            how += f"-{hashlib.sha256(json.dumps(prompts).encode()).hexdigest()[:8]}"
        watched.check()
        named = Path(hub.revised(name)[0]).name
        return cls(encoder, tokenizer, f"{named}-{model}-{how}", pooling, similarity, max_length, prompts)

    def __call__(self, texts: Sequence[str], kind: str = "passage") -> np.ndarray:
        """The vectors of texts, [texts, hidden] float32; `kind` is "query" or "passage"."""
        prompt = self._prompts.get(kind, "")
        tokens = [self._framed(ids, kind) for ids in self._tokenizer([prompt + text for text in texts])]
        lengths = np.array([len(ids) for ids in tokens], np.int32)
        result = np.empty((len(texts), self._size), np.float32)
        order = np.argsort(-lengths, kind="stable")
        start = 0
        with Progress(f"encode {kind}", len(texts), "texts") as progress:
            while start < len(order):
                width = min(-(-int(lengths[order[start]]) // 16) * 16, self._positions)
                rows = order[start : start + max(1, TOKENS // width)]
                packed = np.full((len(rows), width), self._tokenizer.pad, np.int32)
                for line, row in zip(packed, rows, strict=True):
                    line[: lengths[row]] = tokens[row]
                result[rows] = self._vectors(packed, lengths[rows]).numpy()
                progress.advance(len(rows))
                start += len(rows)
        return result

    def _framed(self, ids: list[int], kind: str) -> list[int]:
        """The wordpieces that the encoder reads for a text of wordpieces `ids`."""
        if self._markers is None:
            before, after = self._tokenizer.alone
            return [*before, *ids[: self._max_length - len(before) - len(after)], *after]
        framed = [self._tokenizer.special[0], *self._markers[kind], *ids]
        if kind == "passage":
            return framed[: self._max_length]
        return (framed + [self._tokenizer.mask] * TCT_QUERY_LENGTH)[:TCT_QUERY_LENGTH]


def default_length(pooling: str) -> int:
    """Default maximum length of a text in wordpieces."""
    return 512 if pooling == "tct" else 256


def _tct_markers(tokenizer: WordPieces) -> dict[str, list[int]]:
    markers = dict(zip(_TCT_MARKERS, tokenizer(list(_TCT_MARKERS.values())), strict=True))
    if tokenizer.mask is None or any(len(ids) != TCT_PREFIX - 1 for ids in markers.values()):
        raise UserError("--pooling tct: needs a BERT tokenizer, with [MASK] and brackets as wordpieces of their own")
    return markers
