"""docs/links.md against the program."""

import re
from pathlib import Path

from hncors.health import STATES
from hncors.view.site_states import STATE_WORDS

PAGE = Path(__file__).parents[1] / "docs" / "links.md"


def test_every_state_is_told_with_the_word_that_the_page_has_for_it() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## States")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.+?) \| .+ \|$", section, re.MULTILINE))
    assert rows == {state: STATE_WORDS[state] for state in STATES}
