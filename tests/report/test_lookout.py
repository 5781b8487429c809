"""What a lookout says on the screen and in an Atom feed."""

from xml.etree import ElementTree

import pytest

from polysilicon.report.lookout import EPOCH, atom, render
from polysilicon.report.terminal import console
from polysilicon.watch import Alert, Lookout
from polysilicon.watch.alert import Touched

NAMESPACE = {"a": "http://www.w3.org/2005/Atom"}


def alert(name: str = "1", **more) -> Alert:
    said = {
        "id": name,
        "level": "act",
        "status": "affected",
        "matter": f"CVE-2025-{name}",
        "subject": "runc",
        "title": "A hole",
        "touches": Touched(kind="asset", id="trainer", line="assets.trainer", title="16 x DGX H100"),
        "why": "runc 1.0 is affected",
        "do": ("install 1.1",),
        "ask": "the vendor",
    }
    return Alert(**{**said, **more})


def lookout(*alerts: Alert, faults: tuple[str, ...] = ()) -> Lookout:
    return Lookout(
        name="Fleet",
        file="fleet.yaml",
        holdings=3,
        catalogue="abc",
        arrived={"new": 2},
        matched=2,
        again=False,
        alerts=alerts,
        faults=faults,
    )


@pytest.fixture
def shown(capsys):
    def printed(seen: Lookout) -> str:
        console(width=100).print(render(seen))
        return capsys.readouterr().out

    return printed


def test_nothing_new_says_so(shown):
    said = shown(lookout())
    assert "nothing new touches it" in said
    assert "legal advice" not in said


def test_the_most_pressing_matter_comes_first(shown):
    said = shown(lookout(alert("1"), alert("2", level="note"), alert("3", level="urgent")))
    assert said.index("CVE-2025-3") < said.index("CVE-2025-1") < said.index("CVE-2025-2")
    assert "1 urgent, 1 to act on, 1 to note" in said


def test_what_speaks_of_law_says_that_it_is_no_legal_advice(shown):
    assert "not legal advice" in shown(lookout(alert(legal="x")))


def test_faults_are_shown(shown):
    assert "feed.json: broken JSON" in shown(lookout(faults=("feed.json: broken JSON",)))


def test_text_of_others_can_not_drive_the_terminal(shown):
    said = shown(lookout(alert(title="\x1b[2J[bold]x[/bold]", why="\x07")))
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "[bold]x[/bold]" in said


def test_an_atom_feed_is_well_formed_whatever_stands_in_it():
    made = atom('a <b> & "c"', [alert("1", title="<&>\x00\ud800 ]]>", references=('http://x/?a="&b',)), alert("2")])
    feed = ElementTree.fromstring(made.encode())
    assert [one.text for one in feed.findall("a:entry/a:id", NAMESPACE)] == [
        "urn:polysilicon:alert:2",
        "urn:polysilicon:alert:1",
    ]
    assert feed.find("a:updated", NAMESPACE).text == EPOCH
    assert feed.find("a:title", NAMESPACE).text == 'Watch: a <b> & "c"'


def test_the_moment_of_a_feed_is_that_of_its_newest_entry():
    made = atom("x", [alert("1", moment="2026-01-02T03:04:05Z"), alert("2", published="2025-01-01")])
    feed = ElementTree.fromstring(made.encode())
    assert feed.find("a:updated", NAMESPACE).text == "2026-01-02T03:04:05Z"
    assert feed.find("a:entry/a:updated", NAMESPACE).text == "2025-01-01T00:00:00Z"


def test_the_same_alerts_give_the_same_bytes():
    assert atom("x", [alert("1")]) == atom("x", [alert("1")])
