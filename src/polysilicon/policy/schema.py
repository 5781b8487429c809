"""The JSON Schema of a file of rules, for editors: what a record may say, each word with its meaning.

Source: JSON Schema, draft 2020-12.
"""

from typing import Any, get_args

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Consequence, Definition, Group, Permission, Regime, Stage
from polysilicon.facts.record import CONFIDENCES
from polysilicon.policy.conditions import COMPARISONS
from polysilicon.policy.law import ISO
from polysilicon.policy.transaction import ACTIVITIES
from polysilicon.policy.vocabulary import AMOUNTS, FINDINGS, FLAGS, KINDS, LABELS, PLACES, WORDS

Schema = dict[str, Any]

DAY: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
LINES = {
    "at_least": "the figure is this or more (or more, not less than)",
    "above": "strictly more (exceeding, greater than)",
    "at_most": "this or less (not exceeding, up to)",
    "below": "strictly less (less than)",
}
FIELDS = {
    "from": "keys of the sources that were read",
    "confidence": "how far the reading can be trusted; guidance known from the press is press, never official",
    "regime": "the body of law it belongs to",
    "stage": "what it does: class, requirement, review, exception, prohibition, duty, guidance or notice",
    "instrument": "what the text is called",
    "citation": "where it stands",
    "effective": "the day it takes effect; inclusive",
    "until": "the day it ends; exclusive, so the old rule's end is the new rule's effect",
    "released": "the day it was made known",
    "published": "the day it was published",
    "compliance": "the day from which it is applied, where later than its effect",
    "enforced_until": "the day from which it is printed and not enforced",
    "supersedes": "ids of rules that it replaces while it is in force",
    "rank": "within a stage the lower speaks first",
    "binds": "whom and where: a condition on the act",
    "when": "what: a condition on the thing",
    "then": "what follows",
    "conditions": "what must be done besides, in words",
    "notes": "what a reader should know",
    "still_valid_on": "the last day on which it was seen to hold",
}


def rules_schema(catalogue: Catalogue) -> Schema:
    """The schema of a user's file (`rules:` and `sources:`, as --facts reads it), with the words of this catalogue."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "polysilicon: your own rules",
        "type": "object",
        "properties": {
            "rules": {"type": "object", "additionalProperties": {"$ref": "#/$defs/rule"}},
            "sources": {"type": "object", "additionalProperties": {"$ref": "#/$defs/source"}},
        },
        "$defs": {
            "rule": _rule(catalogue),
            "condition": _condition(catalogue),
            "then": _then(catalogue),
            "source": _source(),
        },
    }


def catalogue_schema(catalogue: Catalogue) -> Schema:
    """The schema of a file of `facts/data/rules`: rules by id."""
    whole = rules_schema(catalogue)
    del whole["properties"]
    return {**whole, "title": "polysilicon: rules", "additionalProperties": {"$ref": "#/$defs/rule"}}


def _rule(catalogue: Catalogue) -> Schema:
    said: dict[str, Schema] = {
        "from": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "confidence": {"enum": list(CONFIDENCES)},
        "regime": {"enum": catalogue.ids(Regime)},
        "stage": {"enum": list(get_args(Stage))},
        "instrument": {"type": "string"},
        "citation": {"type": "string", "minLength": 1},
        **dict.fromkeys(("effective", "until", "released", "published", "compliance", "enforced_until"), DAY),
        "supersedes": {"type": "array", "items": {"type": "string"}},
        "rank": {"type": "integer", "minimum": 0, "default": 50},
        "binds": {"$ref": "#/$defs/condition"},
        "when": {"$ref": "#/$defs/condition"},
        "then": {"$ref": "#/$defs/then"},
        "conditions": {"type": "array", "items": {"type": "string"}},
        "notes": {"type": "string"},
        "still_valid_on": {"type": "string"},
    }
    return {
        "type": "object",
        "required": ["regime", "stage", "instrument", "citation", "effective"],
        "properties": {name: {**one, "description": FIELDS[name]} for name, one in said.items()},
        "additionalProperties": False,
    }


def _condition(catalogue: Catalogue) -> Schema:
    inner = {"$ref": "#/$defs/condition"}
    several = {"type": "array", "items": inner, "minItems": 1}
    places = sorted({one.group for one in catalogue.every(Group)})
    codes = next(one.members for one in catalogue.every(Group) if one.group == ISO)
    quantities = {one.quantity: f"[{one.unit}] {one.citation}" for one in catalogue.every(Definition)}
    amounts = {name: f"[{unit}] {words}" for name, (unit, words) in AMOUNTS.items()}
    return {
        "type": "object",
        "description": "What must hold. Several words side by side must all hold; an empty condition always does.",
        "properties": {
            "all": {**several, "description": "each of these holds"},
            "any": {**several, "description": "at least one of these holds"},
            "not": {**inner, "description": "this does not hold"},
            "unless_shown": {**inner, "description": "presumed: holds until this is certainly the case"},
            **{name: _asked({"in": {"enum": [*places, *codes]}}, words) for name, words in PLACES.items()},
            **{name: _asked(_of_words(name), words) for name, words in WORDS.items()},
            **{name: _asked(_of_labels(name, [*places, *codes]), words) for name, words in LABELS.items()},
            **{name: _asked({"is": None}, words) for name, words in FLAGS.items()},
            **{name: _lines(words) for name, words in sorted({**quantities, **amounts}.items())},
            **{name: _asked({"in": {"type": "string"}}, words) for name, words in FINDINGS.items()},
        },
        "patternProperties": {r"^[a-z-]+\.item_class$": _asked({"in": {"type": "string"}}, FINDINGS["item_class"])},
        "additionalProperties": False,
    }


def _of_words(name: str) -> dict[str, Schema | None]:
    word: Schema = {"enum": list(ACTIVITIES)} if name == "activity" else {"type": "string"}
    return {"in": word, "named": {"type": "string"}, "exactly": {"type": "string"}, "given": None}


def _of_labels(name: str, places: list[str]) -> dict[str, Schema | None]:
    word: Schema = {"enum": list(KINDS)} if name == "kind" else {"type": "string"}
    return {"in": {"enum": places} if name == "designer" else word, "named": {"type": "string"}}


def _asked(tests: dict[str, Schema | None], words: str) -> Schema:
    """A word with the tests it can be asked: lists of words, or true and false."""
    properties = {
        test: {"type": "boolean"} if word is None else {"type": "array", "items": word, "minItems": 1}
        for test, word in tests.items()
    }
    return {
        "type": "object",
        "description": words,
        "properties": properties,
        "minProperties": 1,
        "additionalProperties": False,
    }


def _lines(words: str) -> Schema:
    number: Schema = {"anyOf": [{"type": "number"}, DAY]}
    return {
        "type": "object",
        "description": words,
        "properties": {test: {**number, "description": LINES[test]} for test in COMPARISONS},
        "minProperties": 1,
        "additionalProperties": False,
    }


def _then(catalogue: Catalogue) -> Schema:
    consequences = {one.id: one.words for one in catalogue.every(Consequence)}
    word: Schema = {"oneOf": [{"const": name, "description": words} for name, words in consequences.items()]}
    cap = {"of": {"type": "string"}, "units": {"type": "number"}, "share": {"type": "number"}}
    return {
        "type": "object",
        "properties": {
            "item_class": {"type": "string", "description": "the class a classification gives"},
            "consequence": {**word, "description": "what follows; a requirement may leave it to the review policy"},
            "unenforced": {**word, "description": "what is left of it once it is printed and not enforced"},
            "permission": {
                "enum": list(get_args(Permission)),
                "description": "what it means for a plan, where unusual",
            },
            "duty_share": {"type": "number", "minimum": 0, "description": "a share of the price"},
            "cap": {"type": "object", "required": ["of"], "properties": cap, "additionalProperties": False},
        },
        "additionalProperties": False,
    }


def _source() -> Schema:
    text: Schema = {"type": "string"}
    optional: Schema = {"type": ["string", "null"]}
    return {
        "type": "object",
        "required": ["title", "publisher", "url", "read"],
        "properties": {
            "title": text,
            "publisher": text,
            "url": optional,
            "read": optional,
            "published": optional,
            "licence": optional,
        },
        "additionalProperties": False,
    }
