"""Feeds from addresses, and alerts to them, against a server of our own."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.watch.conftest import PUBLISHED

from polysilicon.watch import Line, Unreachable

BODY = (PUBLISHED / "CVE-2024-0132.json").read_bytes()


class Server:
    """Answers with what `answers` says in turn, then the last one again; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(200, {}, BODY)]
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                outer.asked.append((self.path, dict(self.headers), self.rfile.read(length)))
                status, headers, body = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if "If-None-Match" in self.headers and self.headers["If-None-Match"] == headers.get("ETag"):
                    status, body = 304, b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", headers.get("Length", str(len(body))))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815 - names of the library

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/feed.json"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def line() -> Iterator[Callable[..., Line]]:
    """A connection that does not really wait; `waited` keeps how long it would have."""
    waited: list[float] = []
    with Line(pause=waited.append) as one:
        one.waited = waited  # type: ignore[attr-defined]
        yield one


def test_a_feed_is_fetched_and_asked_for_again_only_if_it_changed(server, line):
    server.answers = [(200, {"ETag": '"7"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, BODY)]
    found = line.fetch(server.url, 2**20)
    assert (found.content, found.etag) == (BODY, '"7"')
    assert line.fetch(server.url, 2**20, found.etag, found.modified) is None
    assert server.asked[1][1]["If-Modified-Since"] == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_what_passes_is_tried_again_with_longer_pauses(server, line):
    server.answers = [(503, {}, b""), (429, {"Retry-After": "7"}, b""), (200, {}, BODY)]
    assert line.fetch(server.url, 2**20).content == BODY
    assert line.waited == [0.5, 7.0]


def test_what_will_not_pass_is_not_tried_again(server, line):
    server.answers = [(404, {}, b"")]
    with pytest.raises(Unreachable, match=r"answered 404 \(tried 1 time\)"):
        line.fetch(server.url, 2**20)
    assert line.waited == []


def test_a_server_that_is_not_there_is_said_to_be_so(line):
    with pytest.raises(Unreachable, match=r"tried 4 times"):
        line.fetch("http://127.0.0.1:9/feed.json", 2**20)
    assert line.waited == [0.5, 1.0, 2.0]


def test_an_answer_that_is_too_large_unpacked_is_cut_off(server, line):
    server.answers = [(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(50 * 2**20)))]
    with pytest.raises(Unreachable, match="larger than 1 MiB, unpacked"):
        line.fetch(server.url, 2**20)


def test_an_answer_that_breaks_off_is_no_answer(server, line):
    server.answers = [(200, {"Length": "100000"}, BODY)]
    with pytest.raises(Unreachable, match="tried 4 times"):
        line.fetch(server.url, 2**20)


def test_an_answer_that_is_no_gzip_is_no_answer(server, line):
    server.answers = [(200, {"Content-Encoding": "gzip"}, b"nonsense")]
    with pytest.raises(Unreachable):
        line.fetch(server.url, 2**20)


def test_redirects_end_somewhere(server, line):
    server.answers = [(302, {"Location": "/feed.json"}, b"")]
    with pytest.raises(Unreachable, match="redirects more than 5 times"):
        line.fetch(server.url, 2**20)
    assert len(server.asked) < 30


def test_an_address_that_is_none_is_refused(line):
    from polysilicon.records.errors import InputError

    with pytest.raises((InputError, Unreachable)):
        line.fetch("http://[::1", 2**20)


def test_a_feed_at_an_address_is_watched(server, look):
    server.answers = [(200, {"ETag": '"7"'}, BODY)]
    assert [one.matter for one in look(server.url).alerts] == ["CVE-2024-0132"]
    assert look(server.url).arrived == {"unchanged documents": 1}
    assert server.asked[1][1]["If-None-Match"] == '"7"'


def test_a_broken_answer_is_asked_for_whole_again(server, look):
    server.answers = [(200, {"ETag": '"7"'}, b"{"), (200, {"ETag": '"7"'}, BODY)]
    assert "broken JSON" in look(server.url).faults[0]
    assert "If-None-Match" not in server.asked[0][1]
    assert len(look(server.url).alerts) == 1
    assert "If-None-Match" not in server.asked[1][1]


def test_a_post_that_is_sent_elsewhere_is_not_delivered(server, line):
    server.answers = [(302, {"Location": "/other"}, b"")]
    with pytest.raises(Unreachable, match="answered 302"):
        line.post(server.url, b"{}", "x")
    assert len(server.asked) == 1


def test_a_post_names_what_it_posts(server, line):
    server.answers = [(503, {}, b""), (204, {}, b"")]
    line.post(server.url, b'{"id": "x"}', "x")
    assert [(one[1]["Idempotency-Key"], json.loads(one[2])) for one in server.asked] == [("x", {"id": "x"})] * 2
