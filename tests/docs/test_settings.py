"""docs/settings.md is generated from the settings; `python -m tests.docs.test_settings` writes it."""

from pathlib import Path

from lce_tf.foundation.settings import table
from lce_tf.hard_negatives.config import NegativesConfig
from lce_tf.multistage.distil import DistilConfig
from lce_tf.multistage.mine import MineConfig
from lce_tf.multistage.scoring import ScoringConfig
from lce_tf.multistage.search import SearchConfig
from lce_tf.reranking.rerank import RerankConfig
from lce_tf.training.config import TrainConfig

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def page() -> str:
    """The page as it should be."""
    return (
        "# Settings\n\nDefaults of training are the paper's recipe; a preset or `--recipe` may set others.\n"
        "Options may stand in a file: [`@FILE`](your-own-data.md#options-in-a-file).\n\n"
        f"## `lce train`\n\n{table(TrainConfig)}\n## `lce rerank`\n\n{table(RerankConfig)}"
        f"\n## `lce negatives`\n\n{table(NegativesConfig)}"
        f"\n## `lce mine`\n\nThose of `lce negatives` and `lce train`, and\n\n{table(MineConfig)}"
        f"\n## `lce distil`\n\nThose of `lce train`, and\n\n{table(DistilConfig)}"
        f"\n## `lce search`\n\nThose of `lce train`, and\n\n{table(SearchConfig)}"
        f"\n## `lce mine`, `lce distil` and `lce search`\n\n{table(ScoringConfig)}"
    )


def test_the_page_has_the_settings_as_they_are():
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
