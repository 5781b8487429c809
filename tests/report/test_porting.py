"""A scan as SARIF, JSON, a tree and a page: the same findings in each."""

import json
import re

import pytest

from polysilicon.facts import load
from polysilicon.facts.porting import PortRule
from polysilicon.porting import Options, scan
from polysilicon.porting.effort import effort
from polysilicon.report import porting, porting_page, porting_sarif
from polysilicon.report.files import to_json
from polysilicon.report.terminal import console

CODE = (
    "import torch\n\ndef get_gpu_device():\n    return torch.device('cuda')\n\nx.cuda()  # port: allow -- a demo <b>\n"
)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    (root / "sub").mkdir()
    (root / "sub" / "a b.py").write_text(CODE)
    (root / "c.py").write_text("from sub.a import get_gpu_device\nd = get_gpu_device()\n<script>\n")
    (root / "d.py").write_text("s = 'cuda:<script>alert(1)</script>'\nfrom sub.a import get_gpu_device\n")
    catalogue = load()
    scanned = scan(catalogue, root, ["ascend@950dt", "rocm"], options=Options(cached=False))
    return scanned, {one.id: one for one in catalogue.every(PortRule)}, effort(catalogue, scanned)


def test_sarif_has_what_its_readers_need(told):
    scanned, rules, _ = told
    log = json.loads(to_json(porting_sarif.to_sarif(scanned, rules)))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 2)
    for run in log["runs"]:
        ids = [one["id"] for one in run["tool"]["driver"]["rules"]]
        assert len(set(ids)) == len(ids)
        for result in run["results"]:
            assert ids[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("error", "warning", "note")
            place = result["locations"][0]["physicalLocation"]
            assert re.fullmatch(r"[\w%./-]+", place["artifactLocation"]["uri"])
            assert min(place["region"].values()) >= 1


def test_a_suppressed_finding_stays_visible_with_its_reason(told):
    scanned, rules, _ = told
    results = porting_sarif.to_sarif(scanned, rules)["runs"][0]["results"]
    assert {one["suppressions"][0]["justification"] for one in results if "suppressions" in one} == {"a demo <b>"}


def test_json_holds_every_finding_and_its_rule(told):
    scanned, rules, efforts = told
    answer = json.loads(to_json(porting.to_dict(scanned, rules, efforts, None)))
    assert {one["rule"] for one in answer["scan"]["findings"]} == answer["rules"].keys()
    assert all(one["sources"] for one in answer["rules"].values())
    assert sum(row["ascend@950dt"] for row in answer["matrix"]["rows"]) == sum(
        one.counts and one.target == "ascend@950dt" for one in scanned.findings
    )


def test_a_screen_shows_targets_matrix_and_days(told, capsys):
    scanned, rules, efforts = told
    console(80).print(porting.render(scanned, rules, efforts, team=3))
    said = capsys.readouterr().out
    for words in ("ascend@950dt:", "rocm:", "person-days", "team of 3", "findings by folder", "suppressed"):
        assert words in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_page_holds_nothing_that_runs_but_our_scripts(told):
    page = porting_page.render(*told)
    assert "<script>alert" not in page
    assert "get_gpu_device" in page
