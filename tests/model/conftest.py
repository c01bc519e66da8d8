"""Small random checkpoints as Hugging Face's PyTorch classes write them, and packed batches with padding."""

import numpy as np
import pytest

SIZES = {
    "vocab_size": 40,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]


def make_model(class_name, **sizes):
    """A model of transformers with every parameter random, also those that start as zeros and ones."""
    import torch
    import transformers

    torch.manual_seed(1)
    family = "Electra" if class_name.startswith("Electra") else "Bert"
    sizes = SIZES | ({"embedding_size": 16} if family == "Electra" else {}) | sizes
    model = getattr(transformers, class_name)(getattr(transformers, f"{family}Config")(**sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


def make_batch(vocab_size=40, length=17, lengths=(17, 11, 4), query_lengths=(5, 3, 1)):
    """Ids, segments and mask, int32; row i is `lengths[i]` long with a query of `query_lengths[i]`."""
    ids = np.random.default_rng(7).integers(1, vocab_size, [len(lengths), length]).astype(np.int32)
    segments, mask = np.zeros_like(ids), np.zeros_like(ids)
    for row, (whole, query) in enumerate(zip(lengths, query_lengths, strict=True)):
        ids[row, whole:] = 0
        mask[row, :whole] = 1
        segments[row, query + 2 : whole] = 1
    return ids, segments, mask


def torch_vectors(model, ids, segments, mask):
    """The last hidden state of the model, or of the encoder below its head."""
    import torch

    encoder = model.base_model
    with torch.no_grad():
        arguments = {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}
        return encoder(**{name: torch.tensor(a.astype(np.int64)) for name, a in arguments.items()})[0].numpy()


@pytest.fixture(scope="session")
def hf_model():
    return make_model


@pytest.fixture(scope="session")
def batch():
    return make_batch


@pytest.fixture(scope="session")
def reference():
    return torch_vectors


@pytest.fixture(scope="session")
def backbone(tmp_path_factory):
    """A small ELECTRA with its discriminator head and a letter vocabulary, as save_pretrained leaves it."""
    folder = tmp_path_factory.mktemp("backbone")
    make_model("ElectraForPreTraining").save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    return folder
