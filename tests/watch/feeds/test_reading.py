"""Hostile, broken and odd documents: refused or absorbed with one clear sentence, and never a traceback."""

import gzip
import io
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.watch.conftest import PUBLISHED

from polysilicon.facts import load
from polysilicon.watch.feeds.reading import Limits, Reading, read

CATALOGUE = load()
SMALL = Limits(most_bytes=1 * 2**20)
RECORDS = sorted(one for one in PUBLISHED.iterdir() if one.suffix != ".md")


def opened(blob: bytes, name: str = "feed.json", limits: Limits = SMALL) -> Reading:
    return read(blob, name, CATALOGUE, limits)


def fault(blob: bytes, name: str = "feed.json") -> str:
    found = opened(blob, name)
    assert found.notices == ()
    (only,) = found.faults
    assert only.startswith(name)
    return only


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"", "is empty"),
        (b"   \n", "is empty"),
        (b"hello", "is of no format that is read"),
        (b"{", "broken JSON"),
        (b"[1, 2", "broken JSON"),
        (b'{"a": NaN}', "broken JSON"),
        (b"\xff\xfe{\x00}\x00", "is UTF-16"),
        (b'{"a": "\xe9"}', "is not UTF-8 text"),
        (b"\x00\x01\x02", "is of no format"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"x": 1}', "is of no format that is read"),
        (b"<html></html>", "XML of no format"),
        (b'<DIV5 TYPE="PART">', "broken XML"),
        (b'<DIV5 TYPE="PART"></DIV5>', "has no section"),
        (b'<?xml version="1.0" encoding="utf-7"?><DIV5/>', "feed.json"),
        (b'<?xml version="1.0" encoding="martian"?><DIV5/>', "feed.json"),
        (b'{"catalogVersion": "1", "vulnerabilities": 7}', "feed.json"),
        (b"\x1f\x8bnonsense", "broken gzip"),
        (b"PK\x03\x04nonsense", "broken zip"),
    ],
)
def test_what_is_no_feed_is_refused_in_words(blob, words):
    assert words in fault(blob)


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]><DIV5 TYPE="PART"><P>&z;</P></DIV5>"""


@pytest.mark.parametrize(
    "text",
    [
        BOMB % "".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(24)),
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><DIV5 TYPE="PART"/>',
        '<!DOCTYPE x [<!ENTITY z SYSTEM "file:///etc/passwd">]><DIV5 TYPE="PART"><P>&z;</P></DIV5>',
    ],
    ids=["billion laughs", "external document type", "external entity"],
)
def test_hostile_xml_is_refused(text):
    assert "hostile XML" in fault(text.encode(), "feed.xml")


def test_xml_nested_without_end_is_refused():
    assert "nested deeper" in fault(b"<DIV5>" + b"<a>" * 50_000, "feed.xml")


def test_a_document_larger_than_allowed_is_refused():
    assert "is larger than 1 MiB" in fault(b" " * (2**20 + 1))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused():
    assert "is larger than 1 MiB, unpacked" in fault(gzip.compress(bytes(50 * 2**20)))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros.json", bytes(50 * 2**20))
    assert "is larger than 1 MiB, unpacked" in fault(sink.getvalue())


def test_a_feed_packed_twice_is_refused():
    assert "packed twice" in fault(gzip.compress(gzip.compress(b"{}")))


def test_a_packed_feed_is_read(notice):
    blob = (PUBLISHED / "kev.json").read_bytes()
    assert opened(gzip.compress(blob)).notices == (notice("kev.json"),)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.json", blob)
        packed.writestr("b.json", b"{")
    found = opened(sink.getvalue())
    assert len(found.notices) == 1
    assert "feed.json!b.json: broken JSON" in found.faults[0]


def test_a_broken_record_costs_no_other():
    kev = json.loads((PUBLISHED / "kev.json").read_text())
    kev["vulnerabilities"] = [{"cveID": 1}, *kev["vulnerabilities"], {"cveID": "x", "vendorProject": []}, None]
    found = opened(json.dumps(kev).encode())
    assert [one.id for one in found.notices] == ["CVE-2024-54085"]
    assert [one.partition(":")[0] for one in found.faults] == [
        "feed.json.vulnerabilities[0]",
        "feed.json.vulnerabilities[2]",
        "feed.json.vulnerabilities[3]",
    ]


def test_a_record_without_measure_is_refused():
    entry = {"cveID": "C" * 1000, "vendorProject": "x", "product": "y"}
    assert "is no sane record" in opened(json.dumps(entry).encode()).faults[0]


def test_faults_are_counted_where_there_are_very_many():
    found = opened(json.dumps([{}] * 1000).encode())
    assert len(found.faults) == 51
    assert found.faults[-1] == "feed.json: 950 more faults"


def test_yaml_with_aliases_is_refused():
    assert "anchors" in fault(b"id: &a X\nmodified: *a\naffected: []\n", "feed.yaml")


def test_a_byte_order_mark_is_no_fault():
    blob = (PUBLISHED / "kev.json").read_bytes()
    assert opened(b"\xef\xbb\xbf" + blob).faults == ()


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one.name)
def test_a_record_cut_off_anywhere_is_refused_in_words(record):
    blob = record.read_bytes()
    for at in range(1, len(blob), max(1, len(blob) // 25)):
        opened(blob[:at], record.name)  # whatever it says, it does not raise


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_change_to_a_record_makes_the_reader_raise(data):
    record = data.draw(st.sampled_from(RECORDS))
    blob = bytearray(record.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    for one in opened(bytes(blob), record.name).notices:
        one.encoded()


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_value_in_any_field_makes_the_reader_raise(data):
    record = data.draw(st.sampled_from([one for one in RECORDS if one.suffix in (".json", ".JSON")]))
    tree = json.loads(record.read_bytes())
    spot = tree
    for _ in range(data.draw(st.integers(1, 8))):
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(spot[key], dict | list) or data.draw(st.booleans()):
            spot[key] = data.draw(JSONISH)
            break
        spot = spot[key]
    opened(json.dumps(tree).encode(), record.name)
