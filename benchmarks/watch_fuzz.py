"""Feed `polysilicon watch` changed, cut, glued and made-up documents: does any make a traceback or harm the state?

Starts from the records in tests/watch/published, changes each in one of several ways, and brings it through the
reader, the state, the matching and every output, as a run does. Prints counts; ends with the first exception, or with 1
if the state is not whole.

    python benchmarks/watch_fuzz.py --inputs 10000
"""

import argparse
import copy
import gzip
import io
import json
import random
import sqlite3
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Console

from polysilicon.facts import load
from polysilicon.report.files import to_json
from polysilicon.report.lookout import atom, render
from polysilicon.watch import Limits, State, read, watch
from polysilicon.watch.feeds.reading import read as read_feed

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "tests" / "watch" / "published"
FLEET = ROOT / "examples" / "watch" / "fleet.yaml"
LIMITS = Limits(most_bytes=4 * 2**20, partial_lists=True)
RULE = b"""
rules:
  US-99: {from: [cvelist-v5], confidence: press, regime: us-export, stage: prohibition, instrument: x, citation: x,
    effective: 2027-01-01, binds: {to: {in: [CN]}}, when: {tpp: {at_least: 100}},
    then: {consequence: "licence_required:presumption_of_denial"}}
"""
CSL = {"results": [{"id": "1", "name": "Moore Thread", "source": "Entity List (EL) - BIS", "alt_names": ["x"]}]}
ODD: list[Any] = [None, True, -1, 1e308, 10**30, "", "\u0000", "\ud800", "latest", "9" * 400, [], {}, [[]], {"": None}]
ODD += ["CVSS:3.1/AV:N", "<script>", "../../etc/passwd", "2024-02-30T99:99:99Z", "v" * 2000, "> < >= <="]


def originals() -> dict[str, bytes]:
    found = {one.name: one.read_bytes() for one in sorted(PUBLISHED.iterdir()) if one.suffix != ".md"}
    return found | {"rule.yaml": RULE, "consolidated.json": json.dumps(CSL).encode()}


def flipped(blob: bytes, draw: random.Random) -> bytes:
    changed = bytearray(blob)
    for _ in range(draw.randint(1, 20)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def cut(blob: bytes, draw: random.Random) -> bytes:
    return blob[: draw.randrange(len(blob))]


def glued(blob: bytes, draw: random.Random) -> bytes:
    at, until = sorted(draw.randrange(len(blob)) for _ in range(2))
    return blob[:until] + blob[at:until] * draw.randint(1, 4) + blob[until:]


def reencoded(blob: bytes, draw: random.Random) -> bytes:
    return blob.decode("utf-8").encode(draw.choice(["utf-16", "utf-32", "latin-1", "cp037"]), "replace")


def packed(blob: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.5:
        return flipped(gzip.compress(blob), draw) if draw.random() < 0.5 else gzip.compress(blob)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(draw.randint(1, 3)):
            archive.writestr(f"{at}.json", blob)
    return flipped(sink.getvalue(), draw) if draw.random() < 0.5 else sink.getvalue()


def altered(blob: bytes, draw: random.Random) -> bytes:
    """Well-formed JSON with odd values in some places."""
    try:
        tree = json.loads(blob)
    except ValueError:
        return flipped(blob, draw)
    for _ in range(draw.randint(1, 4)):
        spot = tree
        while True:
            keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            if not keys:
                break
            key = draw.choice(keys)
            if not isinstance(spot[key], dict | list) or draw.random() < 0.2:
                spot[key] = copy.deepcopy(draw.choice([*ODD, [spot[key]] * 3]))
                break
            spot = spot[key]
    return json.dumps(tree).encode()


def noise(blob: bytes, draw: random.Random) -> bytes:
    return draw.randbytes(draw.randint(0, 400))


WAYS = (flipped, cut, glued, reencoded, packed, altered, altered, altered, noise)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--batch", type=int, default=100)
    asked = options.parse_args()
    draw = random.Random(asked.seed)
    records = originals()
    catalogue = load()
    holdings = read(FLEET, catalogue)
    counts: Counter[str] = Counter()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        state_file, folder = Path(place, "state.sqlite"), Path(place, "feeds")
        folder.mkdir()
        with State(state_file) as state:
            for at in range(asked.inputs):
                name = draw.choice(list(records))
                way = draw.choice(WAYS)
                blob = way(records[name], draw)
                found = read_feed(blob, name, catalogue, LIMITS)
                counts[way.__name__] += 1
                counts["notices read"] += len(found.notices)
                counts["inputs refused in words"] += bool(found.faults)
                if any("\n" in one and len(one) > 2000 for one in found.faults):
                    raise SystemExit(f"a fault is no sentence: {found.faults}")
                (folder / f"{at % asked.batch:03d}-{name}").write_bytes(blob)
                if (at + 1) % asked.batch == 0:
                    seen = watch(holdings, [str(folder)], state, limits=LIMITS)
                    state.deliver("screen", seen.alerts)
                    Console(file=io.StringIO(), width=100).print(render(seen))
                    ElementTree.fromstring(atom("fuzz", state.alerts(500)).encode())
                    json.loads(to_json(seen.to_dict()))
                    counts["alerts"] += len(seen.alerts)
                    for one in folder.iterdir():
                        one.unlink()
        with closing(sqlite3.connect(state_file)) as base:
            whole = base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            doubled = base.execute("SELECT count(*) - count(DISTINCT id) FROM alert").fetchone()[0]
            left = base.execute("SELECT count(*) FROM unmatched").fetchone()[0]
    seconds = time.monotonic() - started
    print(f"{asked.inputs:,} inputs in {seconds:.0f} s, no exception")
    print(f"state whole: {whole}; alerts doubled: {doubled}; matters left unmatched: {left}")
    for what, count in counts.most_common():
        print(f"  {count:7,d} {what}")
    return int(not whole or doubled or left)


if __name__ == "__main__":
    raise SystemExit(main())
