"""`NegativesConfig`, the settings of `lce negatives`."""

import math
from dataclasses import dataclass

from lce_tf.data.formats import CHOICES as FORMATS_SAID
from lce_tf.data.formats import FORMAT_HELP
from lce_tf.data.pydocs.near_duplicates import THRESHOLD
from lce_tf.data.spared import BESIDE_A_RUN, spare_inputs
from lce_tf.errors import UserError
from lce_tf.foundation.arguments import names, wants
from lce_tf.foundation.destinations import is_stream
from lce_tf.foundation.settings import check, setting

DRAWS = ("top", "uniform", "rank", "score")
DROPPED = ("relevant", "all")
SCALES = ("logit", "raw")


@wants("numbers above 0 with commas between, such as 2,1")
def _shares(text: str) -> tuple[float, ...]:
    found = tuple(float(part) for part in names(text))
    if not found or not all(0 < share < math.inf for share in found):
        raise ValueError(text)
    return found


@dataclass(frozen=True)
class NegativesConfig:
    """The settings of a list of negatives; fields that are not listed below have their meaning in their help text.

    Attributes:
        dataset: the data set with the queries, judgments and passages.
        runs: files of the runs that candidates come from.
        output: the run to write; what each filter removed is written to `OUTPUT.json`.
        teacher: files of runs, as `lce score` writes them, with a teacher's scores of candidates and judged passages.

    Raises:
        UserError: a value is out of bounds, settings contradict each other, or the output would overwrite an input.
    """

    dataset: str = setting()
    runs: tuple[str, ...] = setting()
    output: str = setting()
    split: str | None = setting("train", "the data set's split whose queries the runs are of")
    shares: tuple[float, ...] | None = setting(
        None,
        "share of the negatives that each run gives, in the order of --run, such as 2,1 (default: equal shares)",
        read=_shares,
        metavar="X,X,...",
    )
    first_rank: int = setting(1, "rank at which the window of candidates begins", at_least=1)
    last_rank: int = setting(200, "rank at which it ends", at_least=1)
    per_query: int | None = setting(
        None, "negatives a query at most (default: all that the filters leave)", at_least=1, metavar="N"
    )
    draw: str = setting(
        "top",
        "which candidates --per-query keeps: the best ranked, or a sample without replacement: uniform, with weight "
        "1/rank, or exp(score/temperature)",
        choices=DRAWS,
    )
    draw_temperature: float = setting(
        1.0, "of --draw score, in the unit of the run's scores", above=0, give="give a number above 0"
    )
    draw_seed: int = setting(42, "of the sample", at_least=0, below=1 << 63, give="give a whole number from 0")
    drop_judged: str = setting(
        "relevant",
        "judged passages to leave out: those judged relevant, or all, those of grade 0 included",
        choices=DROPPED,
    )
    near_duplicates: float = setting(
        THRESHOLD,
        "leave out passages whose word trigrams have at least this Jaccard similarity to those of a passage judged "
        "relevant to the query; 0 keeps them",
        at_least=0,
        give="give a similarity from 0 to 1",
    )
    teacher: tuple[str, ...] = setting(())
    teacher_margin: float | None = setting(
        None,
        "leave out passages that the teacher scores above the positive's score minus this",
        metavar="MARGIN",
        at_least=0,
    )
    teacher_share: float | None = setting(
        None,
        "leave out passages that the teacher scores above this share of the positive's score, such as 0.95",
        above=0,
        give="give a share above 0 and at most 1, such as 0.95",
        metavar="SHARE",
    )
    teacher_scale: str = setting(
        "logit",
        "what the teacher's scores are: logits, of which the share is taken after a sigmoid, or raw, such as cosines",
        choices=SCALES,
    )
    format: str | None = setting(None, FORMAT_HELP, choices=FORMATS_SAID)
    tag: str = setting("negatives", "the run's name in its last column")
    examples: int = setting(20, "removed passages of each filter that OUTPUT.json holds with their texts", at_least=0)

    def __post_init__(self):
        check(self)
        if not self.runs:
            raise UserError("--run: give at least one run")
        if self.shares is not None and len(self.shares) != len(self.runs):
            raise UserError(f"--shares: {len(self.shares)} for {len(self.runs)} runs; give one for each --run")
        if self.last_rank < self.first_rank:
            raise UserError(f"--last-rank {self.last_rank}: lies before --first-rank {self.first_rank}; give more")
        for name in ("near_duplicates", "teacher_share"):
            if (getattr(self, name) or 0) > 1:
                raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: give at most 1")
        filtered = self.teacher_margin is not None or self.teacher_share is not None
        if filtered and not self.teacher:
            raise UserError("--teacher-margin and --teacher-share need a --teacher, a run that lce score writes")
        if self.teacher and not filtered:
            raise UserError("--teacher: removes nothing alone; give --teacher-margin, such as 2, or --teacher-share")
        if self.tag.split() != [self.tag]:
            raise UserError(f"--tag '{self.tag}': is empty or holds white space; give one word")
        if is_stream(self.output):
            raise UserError(f"--output {self.output}: is a stream, but OUTPUT.json is written beside it; name a file")
        spare_inputs(self.output, (*self.runs, *self.teacher), beside=BESIDE_A_RUN)
