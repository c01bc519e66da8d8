"""Tiny public cross-encoders, each with a setting, format or frame that decides its scores, made from one seed.

They need numpy, tokenizers and safetensors alone. What their own library gives for them is in `references.json`, which
`python -m tests.checkpoints.references` writes.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tokenizers
from safetensors.numpy import save_file
from tokenizers import models, normalizers, pre_tokenizers, processors

Pairs = list[tuple[str, str]]
POSITIONS, HIDDEN, LAYERS, WIDE, HEADS = 64, 16, 2, 24, 2
IDENTITY, SIGMOID = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"

PAIRS: Pairs = [
    ("how far is the moon", "The moon is 384,400 km from the earth."),
    ("Who wrote Faust?", "Faust, by Goethe; printed in 1808."),
    ("café", "A naïve view of the Café."),
    ("", "one"),
    ("extra", ""),
    ("a long one", "the moon is far away and the earth is not " * 4),
    ("a long query and a word " * 5, "the moon is far away and the earth is not " * 3),
    ("what does [SEP] do", "one [SEP] two <extra> three </s> four"),
]
TEXT = " ".join(text for pair in PAIRS for text in pair)

BERT = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>", "cls": "<s>", "sep": "</s>"}
FRAMES = {
    "bert": ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    "zeros": ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]"),
    "open": ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1"),
    "turned": ("[CLS] $A [SEP]", "[CLS] $B [SEP] $A:1 [SEP]:1"),
    "doubled": ("[CLS] $A [SEP]", "[CLS] $A [SEP] [SEP]:1 $B:1 [SEP]:1"),
    "bare": ("$A [SEP]", "$A [SEP] $B:1 [SEP]:1"),
    "roberta": ("<s> $A </s>", "<s> $A </s> </s> $B </s>"),
    "roberta with types": ("<s> $A </s>", "<s> $A </s> </s>:1 $B:1 </s>:1"),
}


def edit(file: Path, **changes) -> None:
    """Sets keys of a JSON object, which is made if need be; None removes one."""
    values = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    values = {name: value for name, value in {**values, **changes}.items() if value is not None}
    file.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")


# Tokenizers -------------------------------------------------------------------------------------------------------


def wordpieces(lowercase: bool = True) -> tokenizers.Tokenizer:
    """BERT's: characters and some words, cased and not."""
    known = sorted({word for text in (TEXT, TEXT.lower()) for word in text.split() if word.isalnum()})
    letters = sorted({c for c in TEXT + TEXT.lower() + "abcdefghijklmnopqrstuvwxyz" if not c.isspace()})
    words = list(dict.fromkeys([*BERT.values(), *known, *letters, *("##" + c for c in letters)]))
    tokenizer = tokenizers.Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def byte_pairs(special: dict[str, str] = ROBERTA) -> tokenizers.Tokenizer:
    """Byte-level BPE with a few merges."""
    merges = [("Ġ", "m"), ("o", "o"), ("Ġm", "oo"), ("Ġmoo", "n"), ("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("a", "r")]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = list(dict.fromkeys([*special.values(), *letters, *("".join(pair) for pair in merges)]))
    model = models.BPE({word: i for i, word in enumerate(words)}, merges, unk_token=special["unk"])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def unigrams(special: dict[str, str] = ROBERTA) -> tokenizers.Tokenizer:
    """SentencePiece's unigram model: characters, and some words with the mark of their start."""
    known = sorted({"▁" + word for word in TEXT.split() if word.isalnum()})
    letters = sorted({c for c in TEXT if not c.isspace()} | {"▁"})
    words = list(dict.fromkeys(special.values()))
    pieces = [(w, 0.0) for w in words] + [(w, -2.0) for w in known] + [(c, -5.0) for c in letters]
    tokenizer = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=words.index(special["unk"])))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def save_tokenizer(
    folder: Path,
    tokenizer: tokenizers.Tokenizer | None = None,
    frame: str = "bert",
    kind: str = "PreTrainedTokenizerFast",
    special: dict[str, str] = BERT,
    **config,
) -> int:
    """Writes `tokenizer.json` and `tokenizer_config.json`; returns the size of the vocabulary."""
    tokenizer = wordpieces() if tokenizer is None else tokenizer
    words = list(dict.fromkeys(special.values()))
    tokenizer.add_special_tokens(words)
    single, pair = FRAMES[frame]
    ids = [(word, tokenizer.token_to_id(word)) for word in words]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=ids)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {f"{role}_token": word for role, word in special.items()}
    edit(folder / "tokenizer_config.json", tokenizer_class=kind, **{"model_max_length": POSITIONS, **named, **config})
    return tokenizer.get_vocab_size()


def save_slow(folder: Path, **config) -> int:
    """BERT's files from before `tokenizer.json`; returns the size of the vocabulary."""
    vocabulary = wordpieces().get_vocab()
    (folder / "vocab.txt").write_text("".join(f"{w}\n" for w in sorted(vocabulary, key=vocabulary.get)), "utf-8")
    named = {f"{role}_token": word for role, word in BERT.items()}
    edit(
        folder / "tokenizer_config.json", tokenizer_class="BertTokenizer", model_max_length=POSITIONS, **named, **config
    )
    return len(vocabulary)


# Models -----------------------------------------------------------------------------------------------------------


def save_model(folder: Path, vocabulary: int, family: str = "bert", labels: int = 1, **config) -> None:
    """Writes `config.json` and `model.safetensors` of a classifier with random weights, which names the identity."""
    sizes = {
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": WIDE,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        **({"embedding_size": HIDDEN} if family == "electra" else {}),
        **config,
    }
    name = {"bert": "BertForSequenceClassification", "electra": "ElectraForSequenceClassification"}[family]
    names = {str(i): f"LABEL_{i}" for i in range(labels)}
    about = {"model_type": family, "architectures": [name], "id2label": names}
    edit(folder / "config.json", **sizes, **about, sentence_transformers={"activation_fn": IDENTITY})
    save_file(weights(family, sizes, labels), folder / "model.safetensors", metadata={"format": "pt"})


def weights(family: str, sizes: dict, labels: int) -> dict[str, np.ndarray]:
    """Random weights by transformers' names."""
    hidden, wide = sizes["hidden_size"], sizes["intermediate_size"]
    shapes = {"embeddings.word_embeddings.weight": (sizes["vocab_size"], hidden)}
    shapes |= {"embeddings.position_embeddings.weight": (sizes["max_position_embeddings"], hidden)}
    shapes |= {"embeddings.token_type_embeddings.weight": (sizes["type_vocab_size"], hidden)}
    layers = {"embeddings.LayerNorm": (hidden,)}
    for layer in range(sizes["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        layers |= {f"{at}.attention.self.{part}": (hidden, hidden) for part in ("query", "key", "value")}
        layers |= {f"{at}.attention.output.dense": (hidden, hidden), f"{at}.attention.output.LayerNorm": (hidden,)}
        layers |= {f"{at}.intermediate.dense": (wide, hidden), f"{at}.output.dense": (hidden, wide)}
        layers |= {f"{at}.output.LayerNorm": (hidden,)}
    head = {"bert": {"bert.pooler.dense": (hidden, hidden), "classifier": (labels, hidden)}}
    head["electra"] = {"classifier.dense": (hidden, hidden), "classifier.out_proj": (labels, hidden)}
    layers = {f"{family}.{name}": shape for name, shape in layers.items()} | head[family]
    shapes = {f"{family}.{name}": shape for name, shape in shapes.items()}
    for name, shape in layers.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    draws = np.random.Generator(np.random.Philox(7))
    arrays = {}
    for name, shape in sorted(shapes.items()):
        scale, centre = (0.4, 0) if len(shape) > 1 else (0.1, 1 if name.endswith("weight") else 0)
        arrays[name] = (draws.standard_normal(shape) * scale + centre).astype(np.float32)
    return arrays


def save_bert(folder: Path, **config) -> None:
    """A BERT classifier with its usual tokenizer: the control."""
    save_model(folder, save_tokenizer(folder, kind="BertTokenizer"), **config)


def as_cross_encoder(folder: Path, transformer: dict | None = None, modules: list | None = None, **settings) -> None:
    """Adds the files of sentence-transformers.

    Args:
        transformer: settings of the module that holds the model.
        modules: (class, settings, weights) of each further one.
        settings: of `config_sentence_transformers.json`.
    """
    task = {"transformer_task": "sequence-classification", "module_output_name": "scores"}
    task["modality_config"] = {"text": {"method": "forward", "method_output_name": "logits"}}
    edit(folder / "sentence_bert_config.json", **{**task, **(transformer or {})})
    edit(
        folder / "config_sentence_transformers.json",
        **{"model_type": "CrossEncoder", "activation_fn": IDENTITY, **settings},
    )
    listed = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}]
    for number, (kind, values, arrays) in enumerate(modules or [], 1):
        part = folder / f"{number}_{kind.rpartition('.')[2]}"
        part.mkdir()
        edit(part / "config.json", **values)
        if arrays:
            save_file(arrays, part / "model.safetensors", metadata={"format": "pt"})
        listed.append({"idx": number, "name": str(number), "path": part.name, "type": kind})
    (folder / "modules.json").write_text(json.dumps(listed))


def dense(inputs: int, outputs: int, read: str = "scores", bias: bool = True) -> tuple:
    """A linear module of sentence-transformers that gives scores."""
    matrix = np.linspace(-2, 1, inputs * outputs, dtype=np.float32).reshape(outputs, inputs)
    values = {"in_features": inputs, "out_features": outputs, "bias": bias, "activation_function": IDENTITY}
    values |= {"module_input_name": read, "module_output_name": "scores"}
    arrays = {"linear.weight": matrix} | ({"linear.bias": np.full(outputs, 0.5, np.float32)} if bias else {})
    return "sentence_transformers.base.modules.dense.Dense", values, arrays


# The checkpoints --------------------------------------------------------------------------------------------------

CASES: dict[str, Callable[[Path], None]] = {"the control": save_bert}


def _case(name: str, make: Callable[[Path], None]) -> None:
    CASES[name] = make


def _frames() -> None:
    def framed(frame, tokenizer, special):
        def make(folder):
            # Named, or transformers would leave the types out for a tokenizer of no family.
            names = ["input_ids", "token_type_ids", "attention_mask"]
            size = save_tokenizer(folder, tokenizer(), frame, special=special, model_input_names=names)
            save_model(folder, size)

        return make

    for frame in FRAMES:
        special = ROBERTA if frame.startswith("roberta") else BERT
        makers = {
            "BPE": lambda special=special: byte_pairs(special),
            "Unigram": lambda special=special: unigrams(special),
        }
        if special is BERT:
            makers["WordPiece"] = wordpieces
        for kind, tokenizer in makers.items():
            _case(f"frame {frame}, {kind}", framed(frame, tokenizer, special))


def _tokenizer_settings() -> None:
    def with_config(kind: str = "BertTokenizer", slow: bool = False, model: dict | None = None, **config):
        def make(folder):
            save = save_slow if slow else lambda folder, **given: save_tokenizer(folder, kind=kind, **given)
            save_model(folder, save(folder, **config), **(model or {}))

        return make

    names = ["input_ids", "attention_mask"]
    _case("types not given", with_config(model_input_names=names))
    _case("one row of types", with_config(model_input_names=names, model={"type_vocab_size": 1}))
    _case(
        "ELECTRA without types", with_config("ElectraTokenizer", model_input_names=names, model={"family": "electra"})
    )
    given = ["input_ids", "token_type_ids", "attention_mask"]
    _case("ELECTRA with types", with_config("ElectraTokenizer", model_input_names=given, model={"family": "electra"}))
    _case("cut on the left", with_config(truncation_side="left"))
    _case("a short limit", with_config(model_max_length=20))
    _case("an odd limit", with_config(model_max_length=31))
    _case("no limit", with_config(model_max_length=int(1e30)))
    _case("a limit beyond the positions", with_config(model_max_length=512))
    _case("special words are text", with_config(split_special_tokens=True))
    _case("vocab.txt alone", with_config(slow=True))
    _case("vocab.txt alone, cased", with_config(slow=True, do_lower_case=False))
    _case("vocab.txt alone, cut on the left", with_config(slow=True, truncation_side="left"))
    _case("a setting of case that tokenizer.json overrules", with_config(do_lower_case=False))

    def added(special):
        def make(folder):
            tokenizer = wordpieces()
            (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(["<extra>"])
            more = {"additional_special_tokens": ["<extra>"]} if special else {}
            save_model(folder, save_tokenizer(folder, tokenizer, kind="BertTokenizer", **more))

        return make

    _case("an additional special token", added(True))
    _case("an added word", added(False))

    def added_slow(folder):
        size = save_slow(folder)
        edit(folder / "added_tokens.json", **{"<extra>": size})
        save_model(folder, size + 1)

    _case("added_tokens.json", added_slow)

    def saved_cut(side):
        def make(folder):
            save_bert(folder)
            file = folder / "tokenizer.json"
            cut = {"direction": side, "max_length": 16, "strategy": "LongestFirst", "stride": 0}
            file.write_text(json.dumps({**json.loads(file.read_text()), "truncation": cut}))

        return make

    _case("truncation saved in tokenizer.json", saved_cut("Right"))
    _case("truncation on the left saved in tokenizer.json", saved_cut("Left"))


def _layouts() -> None:
    def layout(transformer=None, modules=None, cased=False, labels=1, **settings):
        def make(folder):
            save_model(folder, save_tokenizer(folder, wordpieces(not cased), kind="BertTokenizer"), labels=labels)
            as_cross_encoder(folder, transformer, modules, **settings)

        return make

    text = lambda **values: {"processing_kwargs": {"text": values}}  # noqa: E731
    _case("a plain layout", layout())
    _case("a default prompt", layout(prompts={"ask": "who wrote: "}, default_prompt_name="ask"))
    _case("prompts without a default", layout(prompts={"ask": "who wrote: "}))
    _case("max_seq_length", layout({"max_seq_length": 24}))
    _case("max_length in processing_kwargs", layout(text(max_length=25)))
    _case("only the passage is cut", layout(text(max_length=60, truncation="only_second")))
    _case("model_max_length in processor_kwargs", layout({"processor_kwargs": {"model_max_length": 26}}))
    _case("tokenizer_args, as once", layout({"tokenizer_args": {"model_max_length": 26}}))
    _case("truncation_side in processor_kwargs", layout({"processor_kwargs": {"truncation_side": "left"}}))
    _case("do_lower_case", layout({"do_lower_case": True}, cased=True))
    _case("a module after the head", layout(modules=[dense(1, 1)]))
    _case("two modules after the head", layout(modules=[dense(1, 2), dense(2, 1)]))
    _case("a module that joins two labels", layout(modules=[dense(2, 1)], labels=2))
    _case("a sigmoid in the layout's settings", layout(activation_fn=SIGMOID))

    def stray(folder):
        save_bert(folder)
        edit(
            folder / "config_sentence_transformers.json",
            activation_fn=SIGMOID,
            default_prompt_name="ask",
            prompts={"ask": "x "},
        )
        edit(folder / "sentence_bert_config.json", max_seq_length=20)

    _case("files of the layout without modules.json", stray)

    def pooled(folder, **settings):
        save_bert(folder)
        edit(folder / "config.json", architectures=["BertModel"])
        task = {"transformer_task": "feature-extraction", "module_output_name": "token_embeddings"}
        task["modality_config"] = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
        pooling = {"embedding_dimension": HIDDEN, "pooling_mode": "cls", "include_prompt": True}
        module = ("sentence_transformers.sentence_transformer.modules.pooling.Pooling", pooling, None)
        as_cross_encoder(folder, task, [module, dense(HIDDEN, 1, "sentence_embedding", **settings)])

    _case("an encoder, [CLS] and a linear module", pooled)
    _case("an encoder, [CLS] and a linear module without bias", lambda folder: pooled(folder, bias=False))


def _labels() -> None:
    def named(labels=1, **config):
        def make(folder):
            save_bert(folder, labels=labels)
            edit(folder / "config.json", **config)

        return make

    _case("no function named", named(sentence_transformers=None))
    _case("a sigmoid", named(sentence_transformers={"activation_fn": SIGMOID}))
    _case("a tanh", named(sentence_transformers={"activation_fn": "torch.nn.modules.activation.Tanh"}))
    _case("a sigmoid, as once", named(sentence_transformers=None, sbert_ce_default_activation_function=SIGMOID))
    _case("a function that is not trusted", named(sentence_transformers={"activation_fn": "mine.Identity"}))
    _case("two labels", named(2))
    _case("two labels, turned", named(2, id2label={"0": "relevant", "1": "not relevant"}))
    _case("two labels, a sigmoid", named(2, sentence_transformers={"activation_fn": SIGMOID}))


for _group in (_frames, _tokenizer_settings, _layouts, _labels):
    _group()
