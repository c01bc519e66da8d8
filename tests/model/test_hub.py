import shutil

import pytest

from lce_tf.errors import UserError
from lce_tf.model import checkpoint, hub
from lce_tf.replication.local import model_source


def one_line(name):
    with pytest.raises(UserError) as refusal:
        hub.locate(name)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What would be downloaded: each request's id, with its revision, and patterns; the answer has a tf_model.h5."""
    import huggingface_hub

    requests = []

    def snapshot_download(name, allow_patterns, revision=None):
        requests.append((name if revision is None else (name, revision), allow_patterns))
        (tmp_path / "snapshot").mkdir(exist_ok=True)
        if "tf_model.h5" in allow_patterns:
            (tmp_path / "snapshot" / "tf_model.h5").touch()
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return requests


def test_folder(backbone):
    assert hub.locate(str(backbone)) == backbone


def test_folder_without_config(tmp_path):
    assert one_line(str(tmp_path)) == f"{tmp_path}: has no config.json; name a folder in Hugging Face's layout"


def test_packaged_model():
    folder = hub.locate("minilm")
    assert hub.weight_file(folder) == folder / "model.safetensors"
    config = hub.read_config(folder)
    assert (config["model_type"], config["num_hidden_layers"], config["hidden_size"]) == ("bert", 6, 384)


def test_packaged_model_with_another_hash(monkeypatch):
    monkeypatch.setitem(hub.PACKAGED_SHA256, "vocab.txt", "0" * 64)
    assert "vocab.txt: sha256 07eced375cec" in one_line("minilm") and "reinstall" in one_line("minilm")


def test_packaged_model_without_a_file(monkeypatch):
    monkeypatch.setattr(hub, "PACKAGED_SHA256", {"nothing.bin": "0" * 64})
    assert "nothing.bin: sha256 of no file is not 000" in one_line("minilm")


def test_package_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(hub.PACKAGED, "minilm", "no_such_model_package")
    assert "pip install no-such-model-package" in one_line("minilm")


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no-such-model", "electra-small", "two words", "a//b"])
def test_unknown_or_not_cached_id_offline(name):
    line = one_line(name)
    assert repr(hub.ALIASES.get(name, name)) in line or line.startswith(name)
    assert "use minilm" in line or "no such folder" in line


@pytest.mark.parametrize(
    "name", ["./missing", "../missing", "/no/such/folder", "models/electra/small", "a--b", "-x/y", "x" * 97]
)
def test_names_like_paths_are_not_looked_up(name, asked):
    assert one_line(name) == f"{name}: no such folder; name a checkpoint's folder or a Hugging Face id"
    assert not asked


def test_aliases_and_formats(asked, tmp_path):
    """One format's weights are downloaded, the first that the repository has."""
    assert hub.locate("electra-base") == tmp_path / "snapshot"
    assert [name for name, _ in asked] == ["google/electra-base-discriminator"] * len(hub.WEIGHT_FILES)
    weights = [[p for p in patterns if p in hub.WEIGHT_FILES] for _, patterns in asked]
    assert weights == [[name] for name in hub.WEIGHT_FILES]
    assert "model-*.safetensors" in asked[1][1] and "pytorch_model-*.bin" in asked[3][1]
    assert all({"config.json", "calibration.json", "vocab.txt"} <= set(patterns) for _, patterns in asked)


def test_an_id_at_a_revision(hub_cache, backbone, monkeypatch, tmp_path):
    one = hub_cache(backbone, "some/model", "a" * 40, "v1")
    two = hub_cache(backbone, "some/model", "b" * 40, "main")
    monkeypatch.chdir(tmp_path)
    for locate in (hub.locate, checkpoint.locate):
        assert locate("some/model") == two
        for revision in ("v1", "a" * 40):
            assert locate(f"some/model@{revision}") == one
    assert (hub.commit(one), hub.commit(two), hub.commit(backbone)) == ("a" * 40, "b" * 40, None)
    assert one_line("some/model@v2").startswith("backbone 'some/model@v2': is no folder here")
    assert model_source("some/model@v1").here and not model_source("some/model@v2").here
    assert not model_source("some/model@v2").bytes
    # A folder's own name may hold an @.
    shutil.copytree(backbone, "some/model@v1")
    assert str(hub.locate("some/model@v1")) == "some/model@v1"


def test_an_alias_at_a_revision(asked):
    hub.locate("electra-small@refs/pr/1")
    assert {name for name, _ in asked} == {("google/electra-small-discriminator", "refs/pr/1")}
    assert model_source("electra-small@v1").bytes == 54_000_000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("minilm@v1", "minilm@v1: minilm comes with the installation, in one version; leave out @v1"),
        ("some/model@", "some/model@: names no revision after @; give a branch, a tag or a commit"),
        ("some/model@../x", "some/model@../x: names no revision after @; give a branch, a tag or a commit"),
        ("a//b@v1", "a//b@v1: no such folder; name a checkpoint's folder or a Hugging Face id"),
    ],
)
def test_revisions_that_cannot_be(name, said, asked):
    assert one_line(name) == said and not asked


class Refused(Exception):
    """An error of the HTTP library, whose kinds share no base class with those of Hugging Face's client."""


@pytest.mark.parametrize(("error", "said"), [(Refused("407 Proxy\nmore"), "407 Proxy"), (Refused(), "Refused")])
def test_a_download_that_fails_in_whatever_way(monkeypatch, error, said):
    import huggingface_hub

    def snapshot_download(name, allow_patterns):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert f"backbone 'some/model': is no folder here and could not be downloaded ({said}); put" in one_line(
        "some/model"
    )


def test_repository_without_weights(monkeypatch, tmp_path):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, allow_patterns: str(tmp_path))
    assert "the repository has none of model.safetensors" in one_line("some/data")


def test_read_config(tmp_path, backbone):
    shutil.copy(backbone / "config.json", tmp_path)
    assert hub.read_config(tmp_path)["model_type"] == "electra"
    (tmp_path / "config.json").write_text("3")
    with pytest.raises(UserError, match="config.json: is not a JSON object"):
        hub.read_config(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(UserError, match="config.json: no such file"):
        hub.read_config(tmp_path)
