"""`polysilicon watch`, and screening a name with `judge`."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

import pytest
from tests.watch.conftest import FLEET, PUBLISHED

CSL = {
    "results": [
        {
            "id": "1",
            "name": "Moore Thread Intelligent Technology (Beijing) Co., Ltd.",
            "source": "Entity List (EL) - Bureau of Industry and Security",
        }
    ]
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "feeds").mkdir()
    for name in ("CVE-2024-0132.json", "CVE-2024-54085.json", "kev.json"):
        shutil.copy(PUBLISHED / name, tmp_path / "feeds" / name)
    (tmp_path / "csl.json").write_text(json.dumps(CSL))
    return tmp_path


def test_the_exit_code_says_whether_somebody_has_to_look(run, here):
    first = run("watch", "fleet.yaml", "--feeds", "feeds")
    assert first.code == 1, first.err
    assert "URGENT  CVE-2024-54085  CVSS 10 (4.0)  EXPLOITED" in first.out
    again = run("watch", "fleet.yaml", "--feeds", "feeds")
    assert (again.code, again.err) == (0, "")
    assert "nothing new touches it" in again.out


def test_json_is_one_document(run, here):
    seen = json.loads(run("watch", "fleet.yaml", "--feeds", "feeds", "--json").out)
    assert {one["matter"] for one in seen["alerts"]} == {"CVE-2024-0132", "CVE-2024-54085"}
    assert seen["needs_attention"] is True
    assert json.loads(run("watch", "fleet.yaml", "--feeds", "feeds", "--json").out)["alerts"] == []


def test_several_feeds_may_follow_one_option(run, here):
    ran = run("watch", "fleet.yaml", "--feeds", "feeds/kev.json", "feeds/CVE-2024-0132.json", "--json")
    assert json.loads(ran.out)["arrived"]["new"] == 2


def test_the_atom_feed_holds_every_alert_once(run, here):
    for _ in range(2):
        run("watch", "fleet.yaml", "--feeds", "feeds", "--atom", "out/alerts.xml")
    feed = ElementTree.parse(here / "out" / "alerts.xml").getroot()
    ids = [one.text for one in feed.findall("{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}id")]
    assert len(ids) == len(set(ids)) == 2


@pytest.fixture
def hook():
    """A webhook that answers as `status` says, and keeps what it was sent."""
    got: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        status = 204

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if Handler.status == 204:
                assert self.headers["Idempotency-Key"] == body["id"]
                got.append(body)
            self.send_response(Handler.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got, Handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_alert_is_posted_once(run, here, hook):
    address, got, _ = hook
    for _ in range(2):
        run("watch", "fleet.yaml", "--feeds", "feeds", "--webhook", address)
    assert sorted(one["matter"] for one in got) == ["CVE-2024-0132", "CVE-2024-54085"]


def test_what_can_not_be_posted_waits(run, here, hook):
    address, got, handler = hook
    handler.status = 404
    refused = run("watch", "fleet.yaml", "--feeds", "feeds", "--webhook", address)
    assert refused.code == 1
    assert "answered 404" in " ".join(refused.out.split())
    assert "2 alerts wait for the next run" in " ".join(refused.out.split())
    handler.status = 204
    again = run("watch", "fleet.yaml", "--feeds", "feeds", "--webhook", address)
    assert again.code == 0
    assert len(got) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["fleet.yaml"], "no feed is given"),
        (["fleet.yaml", "--feeds", "nowhere"], "there is no file or folder nowhere"),
        (["nothing.yaml", "--feeds", "feeds"], "can't be read"),
        (["fleet.yaml", "--feeds", "feeds", "--since", "yesterday"], "--since"),
        (["fleet.yaml", "--feeds", "feeds", "--webhook", "example.com"], "--webhook"),
        (["fleet.yaml", "--feeds", "feeds", "--most-mib", "0"], "--most-mib"),
        (["fleet.yaml", "--feeds", "feeds", "--state", "fleet.yaml"], "can't be used as state"),
        (["fleet.yaml", "--feeds", "feeds", "--atom", "feeds"], "--atom"),
        (["fleet.yaml", "--feeds", "feeds", "--atom", "feeds/alerts.xml"], "lies among the feeds"),
    ],
)
def test_bad_input_is_one_message(run, here, options, words):
    ran = run("watch", *options)
    assert ran.code == 2
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
    assert (here / "fleet.yaml").read_text() == FLEET


def test_a_broken_feed_beside_good_ones_is_named(run, here):
    (here / "feeds" / "broken.json").write_text("{")
    ran = run("watch", "fleet.yaml", "--feeds", "feeds")
    assert ran.code == 1
    assert "broken.json: broken JSON" in ran.out


def test_a_name_is_screened_alone_or_with_a_chip(run, here):
    ask = ["--entity", "Moore Threads", "--screening-list", "csl.json", "--partial-list"]
    alone = run("judge", *ask)
    assert alone.code == 0, alone.err
    assert "90.9" in alone.out
    assert "no hit is no clearance" in " ".join(alone.out.split())
    both = json.loads(run("judge", "nvidia-h20-96gb", "--to", "CN", "--on", "2026-06-01", *ask, "--json").out)
    assert both["screening"]["hits"][0]["score"] == 90.9
    assert both["item_class"] == "not_3A090"


def test_a_list_that_is_cut_short_is_refused(run, here):
    refused = run("judge", "--entity", "x", "--screening-list", "csl.json")
    assert refused.code == 2
    assert "looks cut short" in refused.err


def test_an_entity_needs_a_list(run, here):
    assert "it needs --screening-list" in run("judge", "--entity", "x").err
    assert "it needs --entity" in run("judge", "--screening-list", "csl.json").err
