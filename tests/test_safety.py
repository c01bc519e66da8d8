"""Nothing in data or checkpoints is executed, and nothing is written outside its folder."""

import ast
import io
import os
import pickle
import sys
import tarfile
import types
from pathlib import Path

import pytest

from lce_tf.data import irds
from lce_tf.errors import UserError
from lce_tf.foundation.files import confined_archives
from lce_tf.model.weight_files import read_arrays
from lce_tf.retrieval import prebuilt

ROOT = Path(__file__).parents[1]
# Modules that execute what they read, or whose objects do.
UNSAFE_MODULES = ("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml")
# The one name that is taken from pickle: an exception to catch.
ALLOWED = {"pickle.UnpicklingError"}
# From this process to its own workers on a Ray cluster, which pickles all that goes between them; never from a file.
BETWEEN_WORKERS = {"lce_tf/reranking/on_ray.py": {"pickle.dumps", "pickle.loads"}}
UNSAFE_CALLS = {
    "eval", "exec", "compile", "os.system", "os.popen", "load_model", "model_from_json", "model_from_config",
    "model_from_yaml", "deserialize", "deserialize_keras_object", "unsafe_load", "enable_unsafe_deserialization",
    "unpack_archive", "extractall", "extract",
}  # fmt: skip
UNSAFE_FLAGS = {"trust_remote_code", "allow_pickle", "shell", "custom_objects", "safe_mode"}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a chain of attributes."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([*([node.id] if isinstance(node, ast.Name) else []), *reversed(parts)])


def faults(source: str) -> list[str]:
    """What in a module could execute what it reads, as "line: what"."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in UNSAFE_MODULES:
            if dotted(node) not in ALLOWED:
                found.append(f"{node.lineno}: {dotted(node)}")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            found += [f"{node.lineno}: {node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            # `import pickle as p` would hide its use from the first check.
            hidden = [a.name for a in node.names if a.name.split(".")[0] in UNSAFE_MODULES and a.asname]
            found += [f"{node.lineno}: {name} under another name" for name in hidden]
        elif isinstance(node, ast.Call):
            name, last = dotted(node.func), dotted(node.func).rpartition(".")[2]
            # re.compile and the like are methods of something; the built-in is not.
            if name in UNSAFE_CALLS or ("." in name and last in UNSAFE_CALLS - {"compile", "eval", "exec", "extract"}):
                found.append(f"{node.lineno}: {name}()")
            flags = {keyword.arg: keyword.value for keyword in node.keywords}
            for flag in UNSAFE_FLAGS & flags.keys():
                if not (isinstance(flags[flag], ast.Constant) and flags[flag].value is False and flag != "safe_mode"):
                    found.append(f"{node.lineno}: {name}({flag}=...)")
            if name == "torch.load":
                only = flags.get("weights_only")
                if not (isinstance(only, ast.Constant) and only.value is True):
                    found.append(f"{node.lineno}: torch.load without weights_only=True")
    return found


def test_the_package_executes_nothing_that_it_reads():
    found = []
    for path in sorted((ROOT / "lce_tf").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        for fault in faults(path.read_text(encoding="utf-8")):
            if fault.partition(": ")[2] not in BETWEEN_WORKERS.get(name, ()):
                found.append(f"{name}:{fault}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import pickle\npickle.load(file)", 1),
        ("from pickle import loads", 1),
        ("import pickle as p", 1),
        ("import pickle\ntry: pass\nexcept pickle.UnpicklingError: pass", 0),
        ("import joblib\njoblib.load(path)", 1),
        ("np.load(path, allow_pickle=True)", 1),
        ("np.load(path, allow_pickle=flag)", 1),
        ("np.load(path, allow_pickle=False)", 0),
        ("AutoModel.from_pretrained(name, trust_remote_code=True)", 1),
        ("subprocess.run(command, shell=True)", 1),
        ("subprocess.run(command)", 0),
        ("torch.load(path)", 1),
        ("torch.load(path, weights_only=False)", 1),
        ("torch.load(path, weights_only=True)", 0),
        ("tf_keras.models.load_model(path)", 1),
        ("tf_keras.layers.deserialize(config)", 1),
        ("eval(text)", 1),
        ("exec(text)", 1),
        ("re.compile(text)", 0),
        ("tarfile.open(path).extractall(folder)", 1),
        ("os.system(command)", 1),
    ],
)
def test_what_is_found(source, count):
    assert len(faults(source)) == count


class Code:
    """An object whose pickle makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickled_checkpoint_is_not_run(tmp_path, monkeypatch, zipped):
    import torch

    monkeypatch.chdir(tmp_path)
    file = tmp_path / "pytorch_model.bin"
    torch.save({"weight": torch.zeros(2), "code": Code()}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"pytorch_model.bin: holds more than arrays.*use a .safetensors file"):
        read_arrays(file)
    assert not (tmp_path / "executed").exists()
    torch.load(file, weights_only=False)  # the file is what it is said to be
    assert (tmp_path / "executed").is_dir()
    with pytest.raises(FileExistsError):
        pickle.loads(pickle.dumps(Code()))


def archive(path: Path, **member) -> Path:
    """A tar file with one member that would be written outside the folder, or is not a regular file."""
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo(member.pop("name"))
        entry.size = 0 if member else 4
        for name, value in member.items():
            setattr(entry, name, value)
        tar.addfile(entry, io.BytesIO(b"evil"))
    return path


ESCAPES = [
    {"name": "../evil"},
    {"name": "a/../../evil"},
    {"name": "link", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    {"name": "link", "type": tarfile.SYMTYPE, "linkname": "../../evil"},
    {"name": "pipe", "type": tarfile.FIFOTYPE},
]


@pytest.mark.parametrize("member", ESCAPES, ids=lambda member: member["name"] + member.get("linkname", ""))
def test_archives_stay_in_their_folder(tmp_path, member):
    path, folder = archive(tmp_path / "tar", **member), tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    with confined_archives(), pytest.raises(tarfile.FilterError), tarfile.open(path) as tar:
        tar.extractall(folder)
    assert not list(folder.iterdir()) and [p.name for p in tmp_path.iterdir()] == ["tar", "deep"]
    assert tarfile.TarFile.extraction_filter is None, "left as it was found"


def test_what_other_libraries_unpack_for_us_is_confined(tmp_path, monkeypatch):
    """pyserini's and ir_datasets' downloads, each with an archive that reaches out of its folder."""
    path, folder = archive(tmp_path / "tar", name="../evil"), tmp_path / "deep"
    folder.mkdir()

    def unpack(*_):
        with tarfile.open(path) as tar:
            tar.extractall(folder)

    entry = {"urls": ["https://index/i.tar.gz"], "md5": "0"}
    # Stand-ins: pyserini's own list is read from Java.
    infos, util = types.ModuleType("infos"), types.ModuleType("util")
    infos.FAISS_INDEX_INFO, util.download_prebuilt_index, util.get_cache_home = {"i": entry}, unpack, tmp_path.as_posix
    monkeypatch.setitem(sys.modules, "pyserini.prebuilt_index_info", infos)
    monkeypatch.setitem(sys.modules, "pyserini.util", util)
    with pytest.raises(UserError, match="prebuilt index i: its archive was refused"):
        prebuilt._downloaded("i")
    with pytest.raises(UserError, match="msmarco-passage: its archive was refused"), irds.downloads("msmarco-passage"):
        unpack()
    assert not (tmp_path / "evil").exists() and not list(folder.iterdir())
