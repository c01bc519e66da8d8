"""Checkpoints, as `lce rerank` opens them, their weight files, and the pieces of unfinished work."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np

from lce_tf import rerank
from lce_tf.model import checkpoint, hub
from lce_tf.model.weight_files import read_arrays
from lce_tf.reranking.chunks import Chunks
from tests.bad_input.case import Case, quietly
from tests.bad_input.texts import COLLECTION, QUERIES, TOKENIZER, WORDS, pickled_array

SHAPE = {"model_type": "bert", "vocab_size": len(WORDS), "hidden_size": 8, "num_attention_heads": 2}
OURS = {"scoring": {"outputs": 1}, "lengths": {"query": 4, "sequence": 12}}
FILES = {
    "collection.tsv": COLLECTION,
    "queries.tsv": QUERIES,
    "run.trec": b"q1 Q0 p1 1 1 t\n",
    "model/config.json": json.dumps({**SHAPE, "lce_tf": OURS}).encode(),
    **{name.replace("tokenizer/", "model/"): data for name, data in TOKENIZER.items()},
}


class Code:
    """An object whose pickle makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


def reranked(*more: str) -> int:
    """The exit status of `lce rerank` on the files in this folder."""
    arguments = "--checkpoint model --dataset . --run run.trec --output out.trec".split()
    return quietly(rerank.main, *arguments, *more)


def folder(given, change, refused, without=(), more=()):
    files = {name: data for name, data in {**FILES, **change}.items() if name not in without}
    return Case("Checkpoints", given, lambda: reranked(*more), files, refused=refused)


def config(given, refused, ours=OURS, **values):
    return folder(given, {"model/config.json": json.dumps({**SHAPE, "lce_tf": ours, **values}).encode()}, refused)


def weights(given, name, data, refused, prepare=None):
    files = {} if prepare else {name: data}
    return Case(
        "Checkpoints", given, lambda: str(sorted(read_arrays(Path(name)))), files, refused=refused, prepare=prepare
    )


def sized(given, said, **values):
    """A checkpoint whose weights are word embeddings and a piece of one layer."""
    from safetensors.numpy import save

    arrays = {
        "bert.embeddings.word_embeddings.weight": np.zeros((len(WORDS), 8), np.float32),
        "bert.encoder.layer.0.output.dense.bias": np.zeros(8, np.float32),
    }
    files = {
        **FILES,
        "model/config.json": json.dumps({**SHAPE, "lce_tf": OURS, **values}).encode(),
        "model/model.safetensors": save(arrays),
    }
    refused = f"model/model.safetensors: {said} in its config.json; they do not belong together"
    return Case("Checkpoints", given, lambda: str(checkpoint.load("model")), files, refused=refused)


def torch_file_of_code() -> None:
    """A file in torch.save's layout whose pickle runs code."""
    with zipfile.ZipFile("pytorch_model.bin", "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Code(), 2))
        file.writestr("archive/version", "3\n")
        file.writestr("archive/byteorder", "little")


def chunks_with(data: bytes) -> Case:
    def read():
        return str(Chunks(Path("out.partial"), {"chunk": 4}, 2).logits())

    def prepare():
        Chunks(Path("out.partial"), {"chunk": 4}, 2).write(0, np.zeros((2, 1), np.float32))
        Path("out.partial/000000.npy").write_bytes(data)

    kind = "a pickle" if data.startswith(b"\x93NUMPY") else "torn"
    refused = "out.partial/000000.npy: is torn; delete it, its pairs will be scored again"
    return Case("Checkpoints", f"a finished chunk that is {kind}", read, {}, prepare=prepare, refused=refused)


UNREADABLE = "cannot be read as weights (…); is it whole?"
CASES = [
    folder(
        "no such folder",
        {},
        "absent: no such folder; name the --output of a finished training",
        more=("--checkpoint", "absent"),
    ),
    folder(
        "a folder without a checkpoint",
        {},
        without=["model/config.json"],
        refused="model: has no config.json, so it holds no checkpoint; name the --output of a finished training",
    ),
    folder(
        "an unfinished training",
        {"model/manifest.json": b"{}"},
        without=["model/config.json"],
        refused="model: has no config.json, so its training has not finished; name the --output of a finished training",
    ),
    folder("a torn config.json", {"model/config.json": b'{"model_type":'}, "model/config.json:1: is not JSON (…)"),
    folder(
        "a config.json in Latin-1",
        {"model/config.json": b'{"a": "\xe9"}'},
        "model/config.json: is not UTF-8 text (byte 7)",
    ),
    folder(
        "a config.json nested a hundred thousand deep",
        {"model/config.json": b"[" * 100_000},
        "model/config.json: cannot be read as JSON (…); make it again",
    ),
    folder(
        "a number of ten thousand digits in config.json",
        {"model/config.json": b'{"vocab_size": ' + b"9" * 10_000 + b"}"},
        "model/config.json: cannot be read as JSON (…); make it again",
    ),
    folder(
        "a config.json that is a list",
        {"model/config.json": b"[]"},
        "model/config.json: is not a JSON object; is this a checkpoint's folder?",
    ),
    config(
        "a backbone without a trained head",
        ours=None,
        refused="model: is a backbone without a trained head; train it first with python -m lce_tf.train",
    ),
    config(
        "settings of another program under our key",
        ours={"head": 1},
        refused="model/config.json: its lce_tf part is not what training writes ('scoring')",
    ),
    config(
        "our key with text in it",
        ours="yes",
        refused="model/config.json: its lce_tf part is not what training writes (…)",
    ),
    config(
        "a family that is not supported",
        model_type="xlnet",
        refused="model/config.json: model_type 'xlnet': only albert, bert, camembert, deberta-v2, distilbert, electra, "
        "modernbert, mpnet, roberta, t5 and xlm-roberta encoders can be loaded",
    ),
    config(
        "a decoder that reranks",
        model_type="qwen3",
        refused="model/config.json: model_type 'qwen3': is a decoder, which scores by the next word after a prompt; "
        "run it with sentence-transformers' CrossEncoder or vLLM's /score",
    ),
    config(
        "late interaction",
        architectures=["HF_ColBERT"],
        refused="model/config.json: architectures 'HF_ColBERT': is a late-interaction model; run it with PyLate",
    ),
    config(
        "Python code of its own",
        auto_map={"AutoModel": "modeling.Model"},
        refused="model/config.json: auto_map {'AutoModel': 'modeling.Model'}: names Python code of the checkpoint's "
        "own, which is not run",
    ),
    config(
        "no model_type",
        model_type=None,
        refused="model/config.json: has no model_type; is this a checkpoint's config.json?",
    ),
    config(
        "a decoder",
        is_decoder=True,
        refused="model/config.json: is_decoder True: only encoders, which attend both ways, can be loaded; supported "
        "is false",
    ),
    config(
        "relative positions",
        position_embedding_type="relative_key",
        refused="model/config.json: position_embedding_type 'relative_key': relative positions of that kind are no "
        'longer computed by transformers; supported is "absolute"',
    ),
    config(
        "a negative vocabulary",
        vocab_size=-1,
        refused="model/config.json: vocab_size -1: is not a whole number from 1 to 2147483647",
    ),
    config(
        "a size in quotes",
        intermediate_size="8",
        refused="model/config.json: intermediate_size '8': is not a whole number from 1 to 2147483647",
    ),
    config(
        "a vocabulary of 10^30",
        vocab_size=10**30,
        refused="model/config.json: vocab_size 1000000000…: is not a whole number from 1 to 2147483647",
    ),
    config(
        "true for a size",
        num_hidden_layers=True,
        refused="model/config.json: num_hidden_layers True: is not a whole number from 1 to 2147483647",
    ),
    sized(
        "a billion layers over weights of one",
        "num_hidden_layers is 1 in its weights and 1000000000",
        num_hidden_layers=10**9,
    ),
    sized(
        "two billion words over weights of fifteen",
        f"vocab_size is {len(WORDS)} in its weights and 2000000000",
        num_hidden_layers=1,
        vocab_size=2 * 10**9,
    ),
    config(
        "heads that do not divide the hidden size",
        hidden_size=9,
        refused="model/config.json: hidden_size 9 is not a multiple of num_attention_heads 2",
    ),
    config(
        "an unknown activation", hidden_act="mish", refused="model/config.json: hidden_act 'mish': known are gelu, …"
    ),
    config(
        "a dropout of NaN",
        hidden_dropout_prob=float("nan"),
        refused="model/config.json: hidden_dropout_prob nan: is not a number from 0 to below 1",
    ),
    config(
        "a vocabulary smaller than the tokenizer's",
        vocab_size=9,
        refused="model: its tokenizer has 15 wordpieces, its config.json 9; they do not belong together",
    ),
    folder(
        "no tokenizer", {}, "model: has no tokenizer; expected tokenizer.json or vocab.txt", without=["model/vocab.txt"]
    ),
    folder(
        "a damaged tokenizer.json",
        {"model/tokenizer.json": b"{"},
        "model: its tokenizer cannot be loaded from tokenizer.json, … (…)",
    ),
    folder(
        "a vocabulary without [SEP]",
        {
            "model/vocab.txt": b"[PAD]\n[UNK]\n[CLS]\n[MASK]\nrain\n",
            "model/config.json": json.dumps({**SHAPE, "vocab_size": 5, "lce_tf": OURS}).encode(),
        },
        "model: its tokenizer has 6 wordpieces, its config.json 5; they do not belong together",
    ),
    Case(
        "Checkpoints",
        "no weights",
        lambda: str(hub.weight_file(Path("model"))),
        FILES,
        refused="model: has no weights; expected one of model.safetensors, model.safetensors.index.json, "
        "pytorch_model.bin, pytorch_model.bin.index.json, tf_model.h5",
    ),
    weights("an empty model.safetensors", "model.safetensors", b"", f"model.safetensors: {UNREADABLE}"),
    weights(
        "a torn model.safetensors",
        "model.safetensors",
        (b"\x60" + bytes(7) + b'{"a":{"dtype":"F32","shape":[99],'),
        f"model.safetensors: {UNREADABLE}",
    ),
    weights(
        "a Git LFS pointer for weights",
        "model.safetensors",
        b"version https://git-lfs.github.com/spec/v1\n",
        f"model.safetensors: {UNREADABLE}",
    ),
    weights("a torn tf_model.h5", "tf_model.h5", b"\x89HDF\r\n\x1a\n", f"tf_model.h5: {UNREADABLE}"),
    weights(
        "a pytorch_model.bin that runs code when unpickled",
        "pytorch_model.bin",
        b"",
        prepare=torch_file_of_code,
        refused="pytorch_model.bin: holds more than arrays, or is torn, and was refused; use a .safetensors file",
    ),
    weights(
        "a bare pickle for pytorch_model.bin",
        "pytorch_model.bin",
        pickle.dumps(Code(), 2),
        "pytorch_model.bin: holds more than arrays, or is torn, and was refused; use a .safetensors file",
    ),
    weights("a torn pytorch_model.bin", "pytorch_model.bin", b"PK\x03\x04torn", f"pytorch_model.bin: {UNREADABLE}"),
    chunks_with(b"\x93NUM"),
    chunks_with(pickled_array()),
]
