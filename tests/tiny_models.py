"""A tiny random cross-encoder of every family, as transformers' own classes make and score it."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
ROBERTA = {"pad_token_id": 1, "type_vocab_size": 1}
DISTILBERT = {
    "vocab_size": 100,
    "dim": 32,
    "n_layers": 2,
    "n_heads": 4,
    "hidden_dim": 48,
    "max_position_embeddings": 64,
}
MODERNBERT = {"num_hidden_layers": 3, "local_attention": 8, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3}
MODERNBERT |= {"bos_token_id": 2, "eos_token_id": 3}
BIASES = dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), True)
DEBERTA = {"relative_attention": True, "pooler_hidden_size": 32}
T5 = {
    "vocab_size": 100,
    "d_model": 32,
    "d_kv": 6,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}
# Ids of T5's two answers, which texts here have none of.
ANSWERS = (7, 8)
# The class in transformers without its ending, and its configuration.
MODELS = {
    "bert": ("Bert", SIZES),
    "electra": ("Electra", SIZES | {"embedding_size": 16}),
    "roberta": ("Roberta", SIZES | ROBERTA),
    "xlm-roberta": ("XLMRoberta", SIZES | ROBERTA | {"layer_norm_eps": 1e-5}),
    "camembert": ("Camembert", SIZES | ROBERTA | {"pad_token_id": 3}),
    "distilbert": ("DistilBert", DISTILBERT),
    "mpnet": ("MPNet", SIZES | {"pad_token_id": 1}),
    "modernbert": ("ModernBert", SIZES | MODERNBERT | {"global_attn_every_n_layers": 2}),
    "modernbert-mean": ("ModernBert", SIZES | MODERNBERT | BIASES | {"classifier_pooling": "mean"}),
    "deberta-v2": ("DebertaV2", SIZES | DEBERTA | {"pos_att_type": "c2p|p2c", "max_relative_positions": 20}),
    "deberta-v3": (
        "DebertaV2",
        SIZES
        | DEBERTA
        | {"pos_att_type": ["p2c", "c2p"], "position_buckets": 16, "share_att_key": True, "type_vocab_size": 0}
        | {"norm_rel_ebd": "layer_norm", "position_biased_input": False},
    ),
    "albert": ("Albert", SIZES | {"embedding_size": 16, "num_hidden_layers": 4, "num_hidden_groups": 2}),
    "albert-inner": ("Albert", SIZES | {"embedding_size": 32, "inner_group_num": 2}),
    "t5": ("T5", T5),
    "t5-gated": ("T5", T5 | {"feed_forward_proj": "gated-gelu", "num_decoder_layers": 1}),
}
LENGTHS, TYPE_0_LENGTHS = np.array([40, 27, 9], np.int32), np.array([8, 11, 4], np.int32)


@dataclass
class Tiny:
    """A model of transformers with its score of a batch.

    Attributes:
        model: in PyTorch, in evaluation mode.
        logits: [3, outputs] of `batch`.
        gradients: of the sum of the squared logits, by the weights' names.
    """

    model: object
    logits: np.ndarray
    gradients: dict[str, np.ndarray]
    ids: np.ndarray

    @property
    def batch(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """input_ids [3, 40], type_0_lengths and lengths, int32."""
        return self.ids.astype(np.int32), TYPE_0_LENGTHS, LENGTHS

    def save(self, folder: Path) -> Path:
        """Writes what `save_pretrained` does; for T5, a tokenizer that knows the two answers as well."""
        self.model.save_pretrained(folder)
        if self.model.config.model_type == "t5":
            save_answers(folder)
        return folder


def save_with_words(name: str, folder: Path) -> Path:
    """The model of that name as a cross-encoder whose score is its logit, with a BERT tokenizer of single letters."""
    from transformers import BertTokenizer

    one = tiny(name)
    one.save(folder)
    words = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    words.insert(one.model.config.pad_token_id, "[PAD]")
    names = ["input_ids", "token_type_ids", "attention_mask"]
    if getattr(one.model.config, "type_vocab_size", 0) < 2:
        names.remove("token_type_ids")
    vocabulary = {word: i for i, word in enumerate(words)}
    BertTokenizer(vocab=vocabulary, model_max_length=40, model_input_names=names).save_pretrained(folder)
    identity = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (folder / "config.json").write_text(json.dumps({**config_of(folder), "sentence_transformers": identity}))
    return folder


def save_answers(folder: Path) -> None:
    """A `tokenizer.json` of 100 words, the two answers among them."""
    from tokenizers import Tokenizer, models

    words = {f"w{i}": i for i in range(100) if i not in ANSWERS} | dict(zip(("▁false", "▁true"), ANSWERS, strict=True))
    Tokenizer(models.WordLevel(words, unk_token="w0")).save(str(folder / "tokenizer.json"))


@functools.cache
def tiny(name: str) -> Tiny:
    """The model of that name in `MODELS`, with every parameter random, also those that start as zeros and ones.

    It is made once for all tests of a process, which must leave it as it is.
    """
    import torch
    import transformers

    kind, sizes = MODELS[name]
    torch.manual_seed(1)
    sizes = sizes if kind == "T5" else sizes | {"num_labels": 1}
    architecture = f"{kind}ForConditionalGeneration" if kind == "T5" else f"{kind}ForSequenceClassification"
    config = getattr(transformers, f"{kind}Config")(**sizes)
    model = getattr(transformers, architecture)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    logits = scored(model)
    (logits**2).sum().backward()
    gradients = {n: np.zeros(p.shape) if p.grad is None else p.grad.numpy() for n, p in model.named_parameters()}
    return Tiny(model, logits.detach().numpy(), gradients, _batch(config)[0])


def scored(model):
    """The model's logits of the batch, a PyTorch tensor [3, outputs]."""
    import torch

    config = model.config
    ids, segments, mask = _batch(config)
    given = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    if config.model_type == "t5":
        start = torch.full([3, 1], config.decoder_start_token_id)
        return model(**given, decoder_input_ids=start).logits[:, 0, list(ANSWERS)]
    if getattr(config, "type_vocab_size", 0):
        given["token_type_ids"] = torch.tensor(segments)
    return model(**given).logits


def _batch(config):
    ids = np.random.default_rng(7).integers(9, 100, [3, LENGTHS.max()])
    segments, mask = np.zeros_like(ids), np.zeros_like(ids)
    for row, (length, first) in enumerate(zip(LENGTHS, TYPE_0_LENGTHS, strict=True)):
        ids[row, length:], mask[row, :length], segments[row, first:length] = config.pad_token_id, 1, 1
    return ids, segments * (getattr(config, "type_vocab_size", 0) > 1), mask


def config_of(folder: Path) -> dict:
    """The parsed `config.json` of a folder."""
    return json.loads((folder / "config.json").read_text())
