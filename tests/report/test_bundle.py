import datetime as dt
import json
import zipfile
from pathlib import Path

import pytest

from polysilicon.facts import load
from polysilicon.policy import Transaction, verdict
from polysilicon.records.errors import InputError
from polysilicon.report.bundle import SignOff, bundle, faults

CATALOGUE = load()
VERDICT = verdict(CATALOGUE, "nvidia-h20-96gb", Transaction("CN"), dt.date(2025, 6, 1))
SIGNED = SignOff("Counsel", "2025-06-02")


def packed(folder: Path, name: str = "bundle.zip") -> Path:
    path = folder / name
    path.write_bytes(bundle(CATALOGUE, [VERDICT], {"plan.json": b"{}"}, SIGNED))
    return path


def test_a_bundle_holds_the_verdict_the_records_and_sources_it_rests_on_and_who_signed(tmp_path: Path) -> None:
    with zipfile.ZipFile(packed(tmp_path)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        records, sources = (json.loads(archive.read(f"{name}.json")) for name in ("records", "sources"))
        assert archive.read("inputs/plan.json") == b"{}"
        assert json.loads(archive.read("verdicts/001.json"))["consequence"] == VERDICT.consequence
    assert manifest["catalogue"] == CATALOGUE.hash
    assert manifest["as_of"] == ["2025-06-01"]
    assert manifest["signed_off"]["by"] == "Counsel"
    assert "not legal advice" in manifest["notice"]
    assert {"US-13", "nvidia-h20-96gb"} <= records.keys()
    assert {"nvidia-filings", "intel-letter"} <= sources.keys()


def test_the_same_question_gives_the_same_bytes(tmp_path: Path) -> None:
    assert packed(tmp_path).read_bytes() == packed(tmp_path, "again.zip").read_bytes()


def test_a_bundle_as_it_was_packed_has_no_faults(tmp_path: Path) -> None:
    assert faults(packed(tmp_path)) == []


def test_an_entry_changed_added_or_taken_away_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(packed(tmp_path)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["verdicts/001.json"] += b" "
    entries["more.txt"] = b""
    del entries["sources.json"]
    forged = tmp_path / "forged.zip"
    with zipfile.ZipFile(forged, "w") as archive:
        for name, blob in entries.items():
            archive.writestr(name, blob)
    assert faults(forged) == ["sources.json: missing", "more.txt: not in the manifest", "verdicts/001.json: changed"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.zip"
    path.write_bytes(content)
    with pytest.raises(InputError, match="can't be read as a bundle"):
        faults(path)


def test_a_zip_without_a_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"")
    with pytest.raises(InputError, match="has no manifest"):
        faults(path)
