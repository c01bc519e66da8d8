"""Collections and queries: read, tokenised into a store and packed, with a vocabulary of a few words."""

import gzip
import io
import os
from pathlib import Path

import numpy as np

from lce_tf.data.datasets import load_dataset
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.texts import passage_store, query_store
from lce_tf.tokens.tokenizers import WordPieces
from tests.bad_input.case import Case

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rain", "snow", "dog", "sep", "[", "]", "cafe", "שלום", "a", "b"]
TOKENIZER = {
    "tokenizer/vocab.txt": "".join(f"{word}\n" for word in WORDS).encode(),
    "tokenizer/tokenizer_config.json": b'{"tokenizer_class": "BertTokenizer", "do_lower_case": true}',
}
COLLECTION, QUERIES = b"p1\train\np2\tsnow\n", b"q1\tdog\n"


def packed() -> str:
    """The first query with the first passage as the model is given it, in wordpieces, cut to 4 and 12 of them."""
    dataset, tokenizer = load_dataset("."), WordPieces("tokenizer")
    queries, passages = query_store(dataset, None, tokenizer), passage_store(dataset, tokenizer)
    first = np.zeros(1, np.int64)
    ids = Packer(queries, passages, tokenizer.special, Lengths(4, 12)).pack(first, first).input_ids[0]
    return " ".join(WORDS[i] for i in ids.tolist())


def torn_store(name: str, data: bytes) -> None:
    """A store in the cache with another file in place of one of its own."""
    packed()
    [store] = Path(os.environ["LCE_CACHE"], "tokens").glob("passages-*")
    (store / name).write_bytes(data)


def pickled_array() -> bytes:
    """An .npy file of Python objects, which takes a pickle to read."""
    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    return file.getvalue()


def text_files(kind, given, collection=COLLECTION, queries=QUERIES, files=None, prepare=None, **outcome):
    found = {"collection.tsv": collection, "queries.tsv": queries, **TOKENIZER, **(files or {})}
    given_files = {name: data for name, data in found.items() if data is not None}
    return Case(kind, given, packed, given_files, prepare=prepare, **outcome)


def collection(given, data, **more):
    return text_files("Collections", given, collection=data, **more)


def queries(given, data, **more):
    return text_files("Queries", given, queries=data, **more)


def text_of_p1(given, text, handled, value):
    return collection(given, f"p1\t{text}\n".encode(), handled=handled, value=value)


PLAIN = "[CLS] dog [SEP] rain [SEP]"
CORPUS, ASKED = b'{"_id": "p1", "title": "", "text": "rain"}\n', b'{"_id": "q1", "text": "dog"}\n'
TITLED = "[CLS] dog [SEP] snow rain [SEP]"


def beir(given, corpus, judged=b"query-id\tcorpus-id\tscore\nq1\tp1\t1\n", **outcome):
    files = {"corpus.jsonl": corpus, "queries.jsonl": ASKED, "qrels/test.tsv": judged, **TOKENIZER}
    return Case("BEIR's folder", given, packed, files, **outcome)


CASES = [
    collection(
        "CRLF, a byte order mark, no final newline",
        b"\xef\xbb\xbfp1\train\r\np2\tsnow",
        handled="read like LF",
        value=PLAIN,
    ),
    collection("blank lines", b"\n\np1\train\n\n", handled="skipped", value=PLAIN),
    collection(
        "gzip without .gz in its name", gzip.compress(COLLECTION), handled="told by its first bytes", value=PLAIN
    ),
    collection(
        "torn gzip",
        gzip.compress(COLLECTION * 9)[:-9],
        refused="collection.tsv: damaged or cut-off gzip data between …",
    ),
    collection("an empty file", b"", refused="collection.tsv: has no passages; its rows are: id, tab, text"),
    collection(
        "no collection.tsv", None, refused=".: has no collection.tsv or collection.tsv.gz; a dataset folder holds …"
    ),
    collection(
        "a row without a tab",
        b"p1\train\np2 snow\n",
        refused="collection.tsv:2: 'p2 snow' has no tab; a row is: passage id, tab, text",
    ),
    collection(
        "an empty id",
        b"p1\train\n\tsnow\n",
        refused="collection.tsv:2: passage id '' is empty; give it one word",
    ),
    collection(
        "an id with a space",
        b"p1\train\np 2\tsnow\n",
        refused="collection.tsv:2: passage id 'p 2' holds white space; give it one word",
    ),
    collection(
        "an id with a non-breaking space",
        "p1\train\np\u00a02\tsnow\n".encode(),
        refused="collection.tsv:2: passage id 'p\\xa02' holds white space; give it one word",
    ),
    collection(
        "an id with a control character",
        b"p1\train\np\x072\tsnow\n",
        refused="collection.tsv:2: passage id 'p\\x072' holds the character U+0007; give it one word",
    ),
    collection(
        "line ends of old Macs (a lone CR)",
        COLLECTION.replace(b"\n", b"\r"),
        refused="collection.tsv: its line ends are CR alone, as on old Macs; convert them to LF",
    ),
    collection(
        "an id twice",
        b"p1\train\np2\tsnow\np1\train\n",
        refused="collection.tsv:3: passage id p1 occurs twice; keep one of the lines",
    ),
    collection(
        "ids 7, 07 and #7",
        b"7\train\n07\tsnow\n#7\tdog\n",
        handled="three passages; `#` begins no comment",
        value=PLAIN,
    ),
    collection(
        "bytes that are not UTF-8", b"p1\train\np2\t\xff\n", refused="collection.tsv:2: byte 0xff is not UTF-8; …"
    ),
    collection("a NUL byte", b"p1\train\np2\tsn\0ow\n", refused="collection.tsv:2: holds a NUL byte; …"),
    collection(
        "UTF-16",
        COLLECTION.decode().encode("utf-16"),
        refused="collection.tsv: is UTF-16 or UTF-32 text; convert it to UTF-8",
    ),
    text_of_p1("an empty passage", "", "scored with no text", "[CLS] dog [SEP] [SEP]"),
    text_of_p1("CR within a text", "rain\rsnow", "a space", "[CLS] dog [SEP] rain snow [SEP]"),
    text_of_p1(
        "control characters within a text",
        "ra\x07in\x7f snow",
        "dropped, as BERT's tokenizer has it",
        "[CLS] dog [SEP] rain snow [SEP]",
    ),
    text_of_p1("tabs within a text", "rain\tsnow", "spaces", "[CLS] dog [SEP] rain snow [SEP]"),
    text_of_p1(
        "U+2028, U+00A0, a form feed within a text",
        "rain\u2028snow\u00a0rain\fsnow",
        "spaces, not line ends",
        "[CLS] dog [SEP] rain snow rain snow [SEP]",
    ),
    text_of_p1(
        "a passage of a megabyte",
        "rain " * 200_000,
        "cut to what the sequence has left",
        "[CLS] dog [SEP]" + " rain" * 8 + " [SEP]",
    ),
    text_of_p1(
        "a word of 100,000 letters",
        "a" * 100_000,
        "one unknown wordpiece, as BERT's tokenizer has it",
        "[CLS] dog [SEP] [UNK] [SEP]",
    ),
    text_of_p1(
        "the text `[SEP]`",
        "rain [SEP] snow",
        "text like any other: it cannot forge a boundary",
        "[CLS] dog [SEP] rain [ sep ] snow [SEP]",
    ),
    text_of_p1(
        "the text `[CLS]`, `[PAD]`",
        "[CLS] [PAD]",
        "text, never the special ids",
        "[CLS] dog [SEP] [ [UNK] ] [ [UNK] ] [SEP]",
    ),
    text_of_p1(
        "emoji", "rain 😀 👩‍👩‍👧", "[UNK] where the vocabulary has none", "[CLS] dog [SEP] rain [UNK] [UNK] [SEP]"
    ),
    text_of_p1("right-to-left text", "שלום rain", "in the order of its characters", "[CLS] dog [SEP] שלום rain [SEP]"),
    text_of_p1(
        "accents and capitals", "CAFÉ", "as the checkpoint's own tokenizer has it", "[CLS] dog [SEP] cafe [SEP]"
    ),
    text_of_p1(
        "HTML",
        "<b>rain</b>",
        "text; nothing is unescaped or removed",
        "[CLS] dog [SEP] [UNK] b [UNK] rain [UNK] [UNK] b [UNK] [SEP]",
    ),
    collection(
        "a token store with a torn file",
        COLLECTION,
        prepare=lambda: torn_store("tokens.npy", b"torn"),
        refused="…: the token store is torn (…); delete the folder, it will be built again",
    ),
    collection(
        "a token store with a pickle in it",
        COLLECTION,
        prepare=lambda: torn_store("tokens.npy", pickled_array()),
        refused="…: the token store is torn (…); delete the folder, it will be built again",
    ),
    collection(
        "a token store of another number of texts",
        COLLECTION,
        prepare=lambda: torn_store("store.json", b'{"texts": 9, "tokens": 2}'),
        refused="…: the token store is torn; delete the folder, it will be built again",
    ),
    queries(
        "a query without text",
        b"q1\tdog\nq2\t \n",
        refused="queries.tsv:2: query q2 has no text; fill in or drop the line",
    ),
    queries(
        "a query twice",
        b"q1\tdog\nq1\tdog\n",
        refused="queries.tsv:2: query id q1 occurs twice; keep one of the lines",
    ),
    queries("a row without a tab", b"dog\n", refused="queries.tsv:1: 'dog' has no tab; a row is: query id, tab, text"),
    queries("an empty file", b"", refused="queries.tsv: has no queries; its rows are: id, tab, text"),
    queries("bytes that are not UTF-8", b"q1\tdog\nq2\t\xe9\n", refused="queries.tsv:2: byte 0xe9 is not UTF-8; …"),
    queries(
        "a long query",
        b"q1\t" + b"dog " * 99,
        handled="keeps its first wordpieces; the passage gives way no further",
        value="[CLS] dog dog dog dog [SEP] rain [SEP]",
    ),
    queries(
        "the text `[SEP]`",
        b"q1\t[SEP] rain\n",
        handled="text like any other",
        value="[CLS] [ sep ] rain [SEP] rain [SEP]",
    ),
    queries("no queries for the split", None, refused=".: has no queries.tsv; add the file"),
    queries(
        "several splits and none named",
        None,
        files={"queries.dev.tsv": QUERIES, "queries.train.tsv": QUERIES},
        refused=".: has several splits; name one with --split: dev, train",
    ),
    beir("title and text", CORPUS.replace(b'""', b'"Snow"'), handled="joined by a space", value=TITLED),
    beir("no title", CORPUS.replace(b'"title": "", ', b""), handled="the text alone", value=PLAIN),
    beir(
        "a torn line",
        CORPUS + b'{"_id": "p2", "te',
        refused="corpus.jsonl:2: is not JSON (…); fix or delete the line",
    ),
    beir(
        "a number for an id",
        b'{"_id": 1, "text": "rain"}\n',
        refused='corpus.jsonl:1: its "_id" is not a string; a passage is {"_id": "...", "text": "..."}',
    ),
    beir(
        "an id with a space",
        CORPUS.replace(b"p1", b"p 1"),
        refused="corpus.jsonl:1: passage id 'p 1' holds white space; give it one word",
    ),
    beir(
        "`\\u0000` in a text",
        CORPUS.replace(b"rain", b"ra\\u0000in"),
        refused="corpus.jsonl:1: its text holds a NUL character; fix or delete it",
    ),
    beir(
        "half of a surrogate pair in a text",
        CORPUS.replace(b"rain", b"\\ud800"),
        refused="corpus.jsonl:1: its text holds half of a surrogate pair (U+D800); fix or delete it",
    ),
    beir(
        "an id twice",
        CORPUS + CORPUS,
        refused="corpus.jsonl:2: passage id p1 occurs twice; keep one of the lines",
    ),
    beir(
        "judgments of a query that is not there",
        CORPUS,
        judged=b"query-id\tcorpus-id\tscore\nq9\tp1\t1\n",
        refused="queries.jsonl: has no query q9, which qrels/test.tsv judges; add it",
    ),
]
