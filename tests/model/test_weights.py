"""Each weight format gives the same encoder, and a file that does not fit gives one line."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model import hub
from lce_tf.model.config import EncoderConfig
from lce_tf.model.encoder import Encoder
from lce_tf.model.weight_files import read_arrays
from lce_tf.model.weights import encoder_arrays, load_encoder


def fresh(folder):
    return Encoder(EncoderConfig.from_huggingface(hub.read_config(folder)))


def in_folder(folder, model, file_name):
    """`folder` with the model's config.json and the name of a weight file that is still to be written."""
    (folder / "config.json").write_text(json.dumps(model.config.to_dict(), default=str))
    return folder / file_name


def numpy_state(model):
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def write_h5(path, state, scope, tied=()):
    """Writes what `TFPreTrainedModel.save_pretrained` wrote: one group a top layer, in it the variables' full names.

    Args:
        scope: the model's name scope, as in `electra/SCOPE/electra/embeddings/...`; "" for none.
        tied: top layers that hold the word embeddings once more, as masked-language heads do.
    """

    def tf_name(name):
        parts = name.split(".")
        leaf, transposed = parts.pop(), False
        if parts[-1] == "LayerNorm":
            leaf = {"weight": "gamma", "bias": "beta"}[leaf]
        elif parts[-1] in ("position_embeddings", "token_type_embeddings"):
            leaf = "embeddings"
        elif leaf == "weight" and parts[-1] != "word_embeddings":
            leaf, transposed = "kernel", True
        path = "/".join(parts).replace("layer/", "layer_._")
        path = path.replace("cls/predictions", "mlm___cls/predictions").replace("cls/seq", "nsp___cls/seq")
        return f"{path}/{leaf}:0", transposed

    with h5py.File(path, "w") as file:
        for name, value in state.items():
            tf, transposed = tf_name(name)
            layer = file.require_group(tf.split("/")[0])
            layer.create_dataset(f"{scope}/{tf}" if scope else tf, data=value.T if transposed else value)
            if name.endswith("word_embeddings.weight"):
                for head in tied:
                    file.require_group(head).create_dataset(f"{scope}/{tf}", data=value)
        for group in file.values():
            names = []
            group.visititems(lambda n, item, names=names: names.append(n) if isinstance(item, h5py.Dataset) else None)
            group.attrs["weight_names"] = [name.encode() for name in names]
        file.attrs["layer_names"] = [name.encode() for name in file]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.8.0"
        file.create_group("top_level_model_weights")


def check(folder, model, batch, reference):
    encoder = fresh(folder)
    unused = load_encoder(encoder, hub.weight_file(folder))
    np.testing.assert_allclose(encoder(*batch(), cls_only=False), reference(model, *batch()), atol=1e-5)
    return unused


@pytest.mark.parametrize(
    "name, heads",
    [
        ("ElectraModel", ()),
        ("ElectraForPreTraining", ("discriminator_predictions",)),
        ("ElectraForMaskedLM", ("generator_predictions", "generator_lm_head")),
        ("ElectraForSequenceClassification", ("classifier",)),
        ("BertModel", ("pooler",)),
        ("BertForPreTraining", ("cls", "pooler")),
        ("BertForSequenceClassification", ("classifier", "pooler")),
    ],
)
def test_safetensors_with_and_without_prefix_and_heads(name, heads, tmp_path, hf_model, batch, reference):
    model = hf_model(name)
    model.save_pretrained(tmp_path)
    unused = check(tmp_path, model, batch, reference)
    assert {name.split(".")[0] for name in unused} == set(heads)


H5 = [
    ("ElectraModel", "tf_electra_model", "electra", ()),
    ("ElectraForPreTraining", "tf_electra_for_pre_training", "", ()),
    ("ElectraForPreTraining", "", "", ()),
    ("ElectraForMaskedLM", "tf_electra_for_masked_lm_1", "", ("generator_lm_head",)),
    ("ElectraForSequenceClassification", "tf_electra_for_sequence_classification", "", ()),
    ("BertModel", "tf_bert_model", "bert", ()),
    ("BertForPreTraining", "tf_bert_for_pre_training", "", ("mlm___cls",)),
]


@pytest.mark.parametrize("name, scope, prefix, tied", H5)
def test_tensorflow_h5(name, scope, prefix, tied, tmp_path, hf_model, batch, reference):
    model = hf_model(name)
    state = {f"{prefix}.{n}" if prefix else n: value for n, value in numpy_state(model).items()}
    # TensorFlow's classes had no such buffer, and one variable where PyTorch names tied ones twice.
    state = {n: v for n, v in state.items() if "position_ids" not in n and "decoder" not in n and "lm_head.w" not in n}
    write_h5(in_folder(tmp_path, model, "tf_model.h5"), state, scope, tied)
    unused = check(tmp_path, model, batch, reference)
    assert all(n.split(".")[0] not in ("encoder", "embeddings", "embeddings_project") for n in unused)


def test_h5_names_of_the_files_on_the_hub(tmp_path, hf_model):
    model = hf_model("ElectraForPreTraining")
    write_h5(tmp_path / "tf_model.h5", numpy_state(model), "tf_electra_for_pre_training")
    with h5py.File(tmp_path / "tf_model.h5") as file:
        at = "electra/tf_electra_for_pre_training/electra"
        assert file[f"{at}/embeddings/word_embeddings/weight:0"].shape == (40, 16)
        assert file[f"{at}/embeddings/token_type_embeddings/embeddings:0"].shape == (2, 16)
        assert file[f"{at}/embeddings_project/kernel:0"].shape == (16, 24)
        assert file[f"{at}/encoder/layer_._0/attention/self/query/kernel:0"].shape == (24, 24)
        assert file[f"{at}/encoder/layer_._1/output/LayerNorm/gamma:0"].shape == (24,)
    assert set(read_arrays(tmp_path / "tf_model.h5")) >= {"encoder.layer.1.output.LayerNorm.weight"}


def test_pytorch_bin(tmp_path, hf_model, batch, reference):
    import torch

    model = hf_model("ElectraForPreTraining")
    torch.save(model.state_dict(), in_folder(tmp_path, model, "pytorch_model.bin"))
    assert {n.split(".")[0] for n in check(tmp_path, model, batch, reference)} == {"discriminator_predictions"}


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pytorch_bin_that_would_execute_is_refused_and_does_not(tmp_path, hf_model):
    import torch

    model = hf_model("ElectraModel")
    path = in_folder(tmp_path, model, "pytorch_model.bin")
    torch.save({**model.state_dict(), "extra": Trap(tmp_path / "touched")}, path)
    with pytest.raises(UserError, match="pytorch_model.bin: holds more than arrays") as refusal:
        load_encoder(fresh(tmp_path), path)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "touched").exists()


def test_weights_that_need_pytorch_say_so_where_it_is_not_installed(tmp_path, monkeypatch):
    import torch

    torch.save({"weight": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match="pytorch_model.bin: is read by torch, which is not installed; pip install -c"):
        read_arrays(tmp_path / "pytorch_model.bin")


def test_bfloat16_needs_neither_pytorch_nor_tensorflow(tmp_path):
    import torch
    from safetensors.torch import save_file

    save_file({"weight": torch.tensor([1.5, -2.0], dtype=torch.bfloat16)}, tmp_path / "model.safetensors")
    program = (
        "import sys\nfrom pathlib import Path\nfrom lce_tf.model.weight_files import read_arrays\n"
        "print(read_arrays(Path(sys.argv[1]))['weight'], {'torch', 'tensorflow'} & sys.modules.keys())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "model.safetensors"], capture_output=True, text=True
    )
    assert said.stdout == "[ 1.5 -2. ] set()\n", said.stderr


def test_bfloat16_safetensors(tmp_path, hf_model, batch, reference):
    import torch
    from safetensors.torch import save_file

    model = hf_model("ElectraModel").to(torch.bfloat16)
    save_file(model.state_dict(), in_folder(tmp_path, model, "model.safetensors"))
    assert {array.dtype for array in read_arrays(tmp_path / "model.safetensors").values()} == {np.dtype("float32")}
    check(tmp_path, model.to(torch.float32), batch, reference)  # the rounded weights, computed with in float32


def test_float16_safetensors(tmp_path, hf_model, batch, reference):
    import torch
    from safetensors.torch import save_file

    model = hf_model("BertModel").to(torch.float16)
    save_file(model.state_dict(), in_folder(tmp_path, model, "model.safetensors"))
    check(tmp_path, model.to(torch.float32), batch, reference)


@pytest.mark.parametrize("prefix", ["", "electra.", "model.electra."])
def test_prefixes_and_old_names(prefix, tmp_path, hf_model, batch, reference):
    import torch

    model = hf_model("ElectraModel")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    state = {"embeddings.position_ids": torch.arange(32)[None]}
    for name, tensor in model.state_dict().items():
        for new, before in old.items():
            name = name.replace(new, before)
        state[prefix + name] = tensor
    torch.save(state, in_folder(tmp_path, model, "pytorch_model.bin"))
    assert check(tmp_path, model, batch, reference) == ["embeddings.position_ids"]


def test_safetensors_come_first(tmp_path, hf_model):
    model = hf_model("ElectraModel")
    model.save_pretrained(tmp_path)
    for name in ("pytorch_model.bin", "tf_model.h5"):
        (tmp_path / name).write_bytes(b"torn")
    assert hub.weight_file(tmp_path).name == "model.safetensors"
    (tmp_path / "model.safetensors").unlink()
    # As transformers has it; the other may be of other weights.
    assert hub.weight_file(tmp_path).name == "pytorch_model.bin"


@pytest.mark.parametrize("name", ["ElectraModel", "BertModel"])
def test_arrays_round_trip(name, tmp_path, hf_model):
    model = hf_model(name)
    model.save_pretrained(tmp_path)
    encoder = fresh(tmp_path)
    load_encoder(encoder, hub.weight_file(tmp_path))
    state = {n: a for n, a in numpy_state(model).items() if not n.startswith("pooler")}
    ours = encoder_arrays(encoder, "bert.")
    assert set(ours) == {f"bert.{n}" for n in state}
    for n, expected in state.items():
        assert np.array_equal(ours[f"bert.{n}"], expected), n


def broken(change):
    """A safetensors checkpoint with its arrays changed, and the line that loading it gives."""

    def line(folder, model):
        from safetensors.numpy import save_file

        state = numpy_state(model)
        change(state)
        path = in_folder(folder, model, "model.safetensors")
        save_file(state, path)
        with pytest.raises(UserError) as refusal:
            load_encoder(fresh(folder), path)
        assert str(refusal.value).startswith(f"{path}: ") and "\n" not in str(refusal.value)
        return str(refusal.value)

    return line


def test_missing_weight(tmp_path, hf_model):
    line = broken(lambda state: state.pop("encoder.layer.1.attention.self.key.bias"))(tmp_path, hf_model("BertModel"))
    assert "lacks encoder.layer.1.attention.self.key.bias" in line


def test_wrong_shape(tmp_path, hf_model):
    name = "embeddings.word_embeddings.weight"
    line = broken(lambda state: state.update({name: np.zeros([41, 24], np.float32)}))(tmp_path, hf_model("BertModel"))
    assert f"{name} is [41, 24], the configuration wants [40, 24]" in line


def test_wrong_shape_within_a_fused_layer(tmp_path, hf_model):
    name = "encoder.layer.0.attention.self.key.weight"
    line = broken(lambda state: state.update({name: np.zeros([24, 23], np.float32)}))(tmp_path, hf_model("BertModel"))
    assert f"{name} is [24, 23], the configuration wants [24, 24]" in line


def test_unknown_weight(tmp_path, hf_model):
    extra = {f"encoder.layer.{i}.output.dense.weight": np.zeros([24, 32], np.float32) for i in range(2, 7)}
    line = broken(lambda state: state.update(extra))(tmp_path, hf_model("BertModel"))
    assert "unknown weights: encoder.layer.2.output.dense.weight" in line and "and 2 more" in line


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "tf_model.h5"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_truncated_file(name, keep, tmp_path, hf_model):
    import torch
    from safetensors.torch import save_file

    model = hf_model("ElectraModel")
    path = in_folder(tmp_path, model, name)
    if name == "tf_model.h5":
        write_h5(path, {f"electra.{n}": a for n, a in numpy_state(model).items()}, "tf_electra_model")
    elif name == "pytorch_model.bin":
        torch.save(model.state_dict(), path)
    else:
        save_file(model.state_dict(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(UserError) as refusal:
        load_encoder(fresh(tmp_path), path)
    assert str(refusal.value).startswith(f"{path}: ") and "\n" not in str(refusal.value)


def test_pytorch_bin_that_is_no_state_dict(tmp_path, hf_model):
    import torch

    path = in_folder(tmp_path, hf_model("ElectraModel"), "pytorch_model.bin")
    torch.save({"state_dict": {"a": torch.zeros(2)}, "epoch": 3}, path)
    with pytest.raises(UserError, match="pytorch_model.bin: cannot be read as weights"):
        read_arrays(path)


def test_no_weights(tmp_path):
    with pytest.raises(
        UserError, match="has no weights; expected one of model.safetensors, model.safetensors.index.json"
    ):
        hub.weight_file(tmp_path)
