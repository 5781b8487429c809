"""Kill `polysilicon watch` at random moments: is an alert ever lost or doubled?

Each trial starts with no state, kills one run (signal 9) at a random moment, lets another run to its end, and compares
with a run that nobody disturbed: the alerts in the state, the entries of the Atom feed, what the webhook got, and what
was printed. Prints what was found; exits with 1 if an alert was lost, doubled or changed.

    python benchmarks/watch_kill.py --kills 50
"""

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

ENTRY = "{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}id"
FLEET = """
name: Killed
entities: {us: {name: NovaMind Inc., headquarters: US}}
sites: {sf: {entity: us, country: US}}
assets:
  serving: {site: sf, system: dgx-h100, units: 4, software: {vllm: 0.8.4, runc: 1.3.2}}
  training: {site: sf, chip: amd-mi300x, units: 8, software: {pypi/torch: 2.1.0, vllm: 0.9.0}}
"""


class Hook:
    """A webhook that keeps the ids it was sent."""

    def __init__(self) -> None:
        self.got: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    outer.got.append(json.loads(body)["id"])
                    self.send_response(204)
                    self.end_headers()
                except (ValueError, OSError):  # the sender was killed while it sent
                    return

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@dataclass
class Trial:
    """A folder of its own, and a command that may be killed."""

    folder: Path
    feeds: Path
    hook: Hook
    printed: Counter[str] = field(default_factory=Counter)

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from polysilicon.cli import main; main()", "watch", self.feeds / "fleet.yaml"]
        command += ["--feeds", self.feeds / "feeds", "--state", self.folder / "state.sqlite"]
        command += ["--atom", self.folder / "alerts.xml", "--webhook", self.hook.url, "--json"]
        return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self) -> None:
        with self.start() as run:
            out, err = run.communicate()
        if run.returncode not in (0, 1):
            raise SystemExit(f"a run after a kill ended with {run.returncode}: {err.decode()}")
        self.printed.update(one["id"] for one in json.loads(out)["alerts"])

    def kill_after(self, seconds: float) -> bool:
        """Whether it was still running."""
        with self.start() as run:
            time.sleep(seconds)
            alive = run.poll() is None
            run.send_signal(signal.SIGKILL)
            out, _ = run.communicate()
        if out:
            with suppress(ValueError):  # it was killed while it printed
                self.printed.update(one["id"] for one in json.loads(out)["alerts"])
        return alive

    def kept(self) -> list[str]:
        with closing(sqlite3.connect(self.folder / "state.sqlite")) as base:
            if base.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise SystemExit("the state is corrupt")
            return [row[0] for row in base.execute("SELECT id FROM alert")]

    def entries(self) -> list[str]:
        feed = ElementTree.parse(self.folder / "alerts.xml").getroot()
        return [str(one.text).rpartition(":")[2] for one in feed.findall(ENTRY)]


def write_feeds(folder: Path, count: int) -> None:
    """`count` CVE records that touch the fleet, one a file."""
    (folder / "feeds").mkdir(parents=True)
    (folder / "fleet.yaml").write_text(FLEET)
    for at in range(count):
        product = ("vllm", "runc", "torch")[at % 3]
        versions = [{"version": "< 99", "status": "affected"}]
        record = {
            "dataType": "CVE_RECORD",
            "dataVersion": "5.1",
            "cveMetadata": {"cveId": f"CVE-2026-{at:05d}", "state": "PUBLISHED", "dateUpdated": "2026-11-01T00:00:00Z"},
            "containers": {
                "cna": {
                    "title": f"Hole {at}",
                    "affected": [{"vendor": "", "product": product, "versions": versions}],
                }
            },
        }
        (folder / "feeds" / f"{at:05d}.json").write_text(json.dumps(record))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--records", type=int, default=120)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    draw = random.Random(asked.seed)
    wrong: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        feeds = Path(place)
        write_feeds(feeds, asked.records)
        calm = Trial(feeds / "calm", feeds, Hook())
        calm.folder.mkdir()
        started = time.monotonic()
        calm.finish()
        whole_s = time.monotonic() - started
        wanted = sorted(calm.kept())
        print(f"undisturbed: {len(wanted)} alerts in {whole_s:.1f} s")
        alive = 0
        for at in range(asked.kills):
            trial = Trial(feeds / f"trial-{at}", feeds, Hook())
            trial.folder.mkdir()
            alive += trial.kill_after(draw.uniform(0.1, 1.0) * whole_s)
            trial.finish()
            posted = Counter(trial.hook.got)
            wrong["alerts lost from the state"] += len(set(wanted) - set(trial.kept()))
            wrong["alerts in the state that should not be"] += len(set(trial.kept()) - set(wanted))
            wrong["alerts lost from the Atom feed"] += len(set(wanted) - set(trial.entries()))
            wrong["alerts doubled in the Atom feed"] += len(trial.entries()) - len(set(trial.entries()))
            wrong["alerts lost to the webhook"] += len(set(wanted) - set(posted))
            wrong["alerts never printed"] += len(set(wanted) - set(trial.printed))
            wrong["posted twice, under the same id"] += sum(posted.values()) - len(posted)
            wrong["printed twice, under the same id"] += sum(trial.printed.values()) - len(trial.printed)
            trial.hook.server.shutdown()
            trial.hook.server.server_close()
        print(f"{asked.kills} kills, {alive} of them before the run had ended")
        for what, count in wrong.items():
            print(f"  {count:5d} {what}")
    harmless = {name for name in wrong if name.endswith("under the same id")}
    return int(any(count for name, count in wrong.items() if name not in harmless))


if __name__ == "__main__":
    raise SystemExit(main())
