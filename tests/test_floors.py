"""Imports point down: the order of the floors, and a failure for every import that climbs or goes round."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "demo",
    "import",
    "retrieve",
    "holdout",
    "negatives",
    "distil",
    "mine",
    "search",
    "audit",
    "train",
    "rerank",
    "merge",
    "calibrate",
    "cascade",
    "curve",
    "suite",
    "fuse",
    "soup",
    "evaluate",
    "compare",
    "tables",
    "export",
    "list",
    "repeat",
    "score",
    "report",
    "serve",
)

# Lowest first. A module may import from its own package and from floors below its own, never from its own floor's
# neighbours or from above. So what is higher up knows what is lower down:
FLOORS = (
    ("errors",),
    ("foundation",),  # files, errors, settings, command lines: knows nothing of texts or models
    ("data",),  # data sets, runs, judgments: read, checked and written
    ("importing",),  # training data of other tools, made a data set
    ("tokens",),  # texts as token ids, and pairs packed from them
    ("groups",),  # one positive and n - 1 negatives a query, and the batches made of them
    ("kernels",),  # fused kernels for GPUs: knows tensors, not models
    ("model",),  # encoder, score head, weights in and out: knows arrays, not losses
    ("losses",),
    ("evaluation",),  # measures and significance, over runs and judgments only
    ("reporting",),  # a page about runs and what trainings and tables left on the disk: knows no model
    ("retrieval",),
    ("reranking",),  # scores a run
    ("fusion",),  # several runs, or several checkpoints, made one
    ("hard_negatives",),  # a run to draw from, made of other runs: knows texts, not tokens
    ("reranker", "exporting"),  # scores texts from Python; writes checkpoints for other tools
    ("pyterrier",),  # the reranker in other people's pipelines
    ("serving",),  # scores texts that come over HTTP
    ("training",),  # reranks a dev sample while it trains, so it stands above reranking
    ("multistage",),  # trainings and rerankings, one after the other
    ("paper",),  # the paper's tables as data, and how they are printed
    ("replication",),  # presets, and what makes the tables: all of the above, one after the other
    ("studies",),  # cascades, curves, suites: many runs, measured together
    COMMANDS,  # thin, and strangers to each other
    ("cli",),
    ("__main__",),
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def module_name(path: Path, root: Path = ROOT) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(root: Path = ROOT) -> dict[str, Path]:
    return {module_name(path, root): path for path in sorted((root / "lce_tf").rglob("*.py"))}


def imports(name: str, path: Path, known: set[str]) -> list[tuple[int, str]]:
    """(line, module of ours) for every import in the file, those inside functions and by literal name included."""
    found = []
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                # From the package itself only the version may be taken: a name that it lends out hides its floor.
                lent = base == "lce_tf" and alias.name != "__version__"
                targets.append(whole if whole in known or lent else base)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            targets = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
        found += [(node.lineno, target) for target in targets if target.split(".")[0] == "lce_tf"]
    return found


def faults(root: Path = ROOT) -> list[str]:
    """One line for each import in the tree that climbs, and for each module that stands on no floor."""
    known = modules(root)
    found = []
    for name, path in known.items():
        floor = name.split(".")[1] if "." in name else None
        if floor is not None and floor not in FLOOR:
            found.append(f"{path.relative_to(root)}: {floor} has no floor; give it one in {Path(__file__).name}")
            continue
        for line, target in imports(name, path, set(known)):
            where = f"{path.relative_to(root)}:{line}"
            below = target.split(".")[1] if "." in target else None
            if below is None or below == floor:
                continue
            if floor is None:
                found.append(f"{where}: the package itself imports {target}; look it up lazily")
            elif below not in FLOOR:
                found.append(f"{where}: {target} is no module of ours; import it from the module that holds it")
            elif FLOOR[below] >= FLOOR[floor]:
                found.append(f"{where}: {floor} imports {target}, which stands no lower")
    return found


def test_no_import_climbs():
    assert not faults(), "\n".join(faults())


def test_no_import_goes_round():
    known = modules()
    graph = {}
    for name, path in known.items():
        graph[name] = {target for _, target in imports(name, path, set(known)) if target in known and target != name}
        graph[name] -= {name.rpartition(".")[0], "lce_tf"}  # a package is always loaded before its modules
    while leaves := [name for name, targets in graph.items() if not targets]:
        for leaf in leaves:
            del graph[leaf]
        for targets in graph.values():
            targets.difference_update(leaves)
    assert not graph, f"modules that import each other, or import such modules: {graph}"


@pytest.mark.parametrize(
    ("file", "source", "fault"),
    [
        ("data/runs.py", "from lce_tf.model import encoder\n", "data imports lce_tf.model"),
        ("data/runs.py", "def f():\n    import lce_tf.training.loop\n", "lce_tf/data/runs.py:2: data imports"),
        ("data/runs.py", "from ..reranking import score\n", "data imports lce_tf.reranking"),
        ("data/runs.py", "import importlib\nimportlib.import_module('lce_tf.cli')\n", "data imports lce_tf.cli"),
        ("train.py", "from lce_tf import rerank\n", "train imports lce_tf.rerank"),
        ("train.py", "from lce_tf import Reranker\n", "Reranker is no module of ours"),
        ("__init__.py", "from lce_tf.errors import UserError\n", "look it up lazily"),
        ("odds.py", "", "odds has no floor"),
        (
            "data/runs.py",
            "from lce_tf import __version__\nfrom lce_tf.foundation.files import written\nfrom . import qrels\n",
            None,
        ),
        (
            "train.py",
            "import numpy\nfrom lce_tf.foundation import errors\nfrom lce_tf.training import loop\n",
            None,
        ),
    ],
)
def test_faults_are_found(tmp_path, file, source, fault):
    for name in ("__init__.py", "rerank.py", file):
        path = tmp_path / "lce_tf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source if name == file else "", encoding="utf-8")
    found = faults(tmp_path)
    assert len(found) == (fault is not None) and all(fault in line for line in found)
