"""A scan as SARIF 2.1.0, the format in which editors and code hosts show findings.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, 2020.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from polysilicon import __version__
from polysilicon.facts.porting import PortRule
from polysilicon.porting import Finding, Scan
from polysilicon.records.names import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"blocked": "error", "change": "error", "wrong": "error", "slow": "warning", "check": "warning"}


def to_sarif(scan: Scan, rules: Mapping[str, PortRule]) -> dict[str, Any]:
    """One run a target, since a line means another thing for each; what follows a helper is a note."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(scan, rules, name) for name in scan.targets],
    }


def _run(scan: Scan, rules: Mapping[str, PortRule], target: str) -> dict[str, Any]:
    mine = [one for one in scan.findings if one.target == target]
    order = {name: at for at, name in enumerate(sorted({one.rule for one in mine}))}
    return {
        "tool": {
            "driver": {
                "name": "polysilicon",
                "version": __version__,
                "rules": [_rule(rules[name]) for name in order],
            }
        },
        "automationDetails": {"id": f"polysilicon-port/{target}/"},
        "originalUriBaseIds": {"ROOT": {"description": {"text": "the tree that was scanned"}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, order, rules[one.rule]) for one in mine],
        "properties": {"target": target, "catalogue": scan.catalogue},
    }


def _rule(rule: PortRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.what},
        "help": {"text": rule.advice or rule.what},
        "properties": {
            "category": rule.category,
            "fix": rule.fix,
            "effort": rule.band,
            "sources": list(rule.sources),
            "date": rule.date,
        },
    }


def _result(one: Finding, order: Mapping[str, int], rule: PortRule) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": order[one.rule],
        "level": LEVELS.get(one.verdict, "note") if one.role == "cause" else "note",
        "message": {"text": f"{one.why}. {rule.advice}".strip()},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(one.path), "uriBaseId": "ROOT"},
                    "region": {"startLine": one.line, "startColumn": one.column + 1},
                }
            }
        ],
        "partialFingerprints": {"tie/v1": f"{plain(one.path)}/{one.rule}/{plain(one.symbol)}"},
        "properties": {"verdict": one.verdict, "role": one.role, "symbol": one.symbol, "repeats": one.repeats},
    }
    if one.suppressed:
        result["suppressions"] = [{"kind": "inSource", "justification": one.suppressed}]
    return result
