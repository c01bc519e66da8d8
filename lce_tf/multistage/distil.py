"""Distils a cross-encoder: writes its scores, and trains students from them, each with some of its layers."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lce_tf.data.hashes import file_sha256
from lce_tf.errors import UserError
from lce_tf.foundation.arguments import numbers
from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.files import read_json, write_json, written
from lce_tf.foundation.settings import check, setting
from lce_tf.foundation.steps import Steps
from lce_tf.losses import LOSSES
from lce_tf.model import checkpoint
from lce_tf.multistage.quality import Model, check_dev, markdown, quality
from lce_tf.multistage.rates import rates
from lce_tf.multistage.scoring import ScoringConfig, training_settings
from lce_tf.multistage.student import PICKS, picked, student_config, write_student
from lce_tf.training.config import DEFAULTS, TrainConfig
from lce_tf.training.job import train


@dataclass(frozen=True)
class DistilConfig:
    """Students to make of a checkpoint; each field states what it means.

    Attributes:
        training: of every student. Its backbone and teacher are filled in; a sample of its `dev_run` is reranked while
            they train, and the students are compared on the whole of it.
        output: folder of all products.
        scoring: engine, precision and depth, for the teacher and the students.
    """

    checkpoint: str = setting()
    training: TrainConfig = setting()
    output: str = setting()
    layers: tuple[int, ...] = setting(
        (3,), "layers of the student, or of several students, such as 6,3,2", read=numbers, metavar="N,N,..."
    )
    pick: str = setting("even", "which of the checkpoint's layers: evenly spaced, the first or the last", choices=PICKS)
    scoring: ScoringConfig = setting(ScoringConfig())

    def __post_init__(self):
        check(self)
        if not self.layers or len(set(self.layers)) != len(self.layers):
            raise UserError("--layers: give one or more different numbers, such as 6,3,2")
        if not LOSSES.about(self.training.loss).teacher:
            taught = ", ".join(name for name in LOSSES if LOSSES.about(name).teacher)
            raise UserError(f"--loss {self.training.loss}: has no teacher; give one of {taught}")


@dataclass(frozen=True)
class Distilled:
    """The students of a checkpoint.

    Attributes:
        students: layers -> folder of the trained student.
        table: each student's quality and rate beside the teacher's, as Markdown; None without a dev run.
    """

    students: dict[int, Path]
    table: str | None


def distil(config: DistilConfig) -> Distilled:
    """Makes the students in `config.output`: `layers-N/model` for each, and `table.md` if there is a dev run.

    The teacher's scores (`teacher.trec`) and each student are kept: repeating an interrupted call resumes it, and a
    call for further students makes only these.

    Raises:
        UserError: bad input, or products in the folder that were made with other settings.
    """
    teacher = checkpoint.locate(config.checkpoint)
    shape = checkpoint.trained(teacher).config
    kept = {layers: picked(shape.num_hidden_layers, layers, config.pick) for layers in config.layers}
    for indices in kept.values():
        student_config(shape, indices)  # fails before the teacher scores
    check_dev(config.training)
    with Steps(config.output, "distil", DEFAULTS).opened() as steps:
        identity = checkpoint.identity(teacher)
        run, depth = Path(config.training.run), config.training.negatives_depth
        scores = config.scoring.teach(steps, "teacher.trec", teacher, config.training, run, depth)
        students = {}
        for layers, indices in kept.items():
            made_of = {"model": identity, "layers": indices}
            start = steps.make(
                f"layers-{layers}/start", made_of, lambda path, indices=indices: write_student(teacher, indices, path)
            )
            students[layers] = _trained(config, steps, layers, start, scores)
        models = [Model("teacher", teacher)]
        models += [Model(f"layers-{layers}", folder) for layers, folder in students.items()]
        table = _table(config, steps, models) if config.training.dev_run else None
    return Distilled(students, table)


def training_like(teacher: str, flags: dict) -> dict:
    """The flags of a training; lengths, head and padding segment that they leave out are the teacher's."""
    about = checkpoint.trained(checkpoint.locate(teacher))
    lengths, scoring = about.lengths, about.scoring
    own = {"query_length": lengths.query, "sequence_length": lengths.sequence, "passage_length": lengths.passage}
    if lengths.windows > 1 and flags.get("windows") != 1:
        own |= {"stride": lengths.stride, "windows": lengths.windows}
    own |= {"padding_segment": scoring.padding_segment, "head": scoring.head}
    return {**own, **{name: value for name, value in flags.items() if value is not None}}


def _trained(config: DistilConfig, steps: Steps, layers: int, start: Path, scores: Path) -> Path:
    training = replace(config.training, backbone=str(start), teacher=str(scores))
    return steps.make(f"layers-{layers}/model", training_settings(training), lambda path: train(training, path))


def _table(config: DistilConfig, steps: Steps, models: list[Model]) -> str:
    """Each student's quality and rate beside the teacher's; also written to `table.md` and `table.json`."""
    facts = quality(steps, models, config.training, config.scoring)
    settings = {model.name: checkpoint.identity(model.folder) for model in models}
    settings |= {**asdict(config.scoring), "run_sha256": file_sha256(config.training.dev_run)}
    name = f"rates-{'-'.join(map(str, config.layers))}.json"
    file = steps.make(name, settings, lambda path: write_json(path, rates(models, config.training, config.scoring)))
    timed = read_json(file)
    with PRODUCT.reading(file):
        per_second = timed["pairs_per_second"]
        columns = {
            "pairs/s": {name: f"{rate:.0f}" for name, rate in per_second.items()},
            "rate": {name: f"{rate / per_second['teacher']:.2f}×" for name, rate in per_second.items()},
        }
        about = f"Rates on {timed['pairs']} pairs by {timed['engine']} in {timed['precision']}, {timed['processor']}."
    text = markdown(facts, columns, about)
    write_json(steps.folder / "table.json", {**facts, "rates": timed})
    with written(steps.folder / "table.md") as file:
        file.write(text)
    return text
