"""The examples of the repository and of the docs run as they stand."""

import re
from pathlib import Path

from polysilicon.watch import State, read, watch

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "watch"


def test_the_example_shows_every_kind_of_alert(tmp_path, catalogue):
    holdings = read(EXAMPLE / "fleet.yaml", catalogue)
    with State(tmp_path / "state.sqlite") as state:
        seen = watch(holdings, [str(EXAMPLE / "feeds")], state)
    assert seen.faults == ()
    assert {one.status for one in seen.alerts} >= {"affected", "breaks", "read", "known"}
    assert {one.level for one in seen.alerts} == {"urgent", "act", "check", "note"}


def test_the_fleet_of_the_page_is_a_fleet(tmp_path, catalogue):
    page = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "fleet.yaml").write_text(text)
    assert {one.kind for one in read(tmp_path / "fleet.yaml", catalogue).every} == {
        "site",
        "asset",
        "contract",
        "purchase",
        "model",
        "party",
    }
