"""The rules as the readers need them: one look-up by kind of syntax, built once in each process."""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from polysilicon.facts.porting import PortRule, PortTarget

# A part of an identifier: `MULTI_GPUs2` has MULTI, GPUs and 2; `getCudaDevice` has get, Cuda and Device.
PARTS = re.compile(r"[A-Z]+(?![a-z])s?|[A-Z]?[a-z]+|\d+")
IDENTIFIER = re.compile(rb"[A-Za-z_]\w*")
EVERY_TARGET = -1


@dataclass(frozen=True, repr=False)
class Patterns:
    """Look-ups from what stands in code to the rule that speaks of it.

    `carries` are the parts of a name by which a tie may travel, `toolkit` parts that make a name about CUDA one about
    its toolkit; `company` holds, for some rules, the only other parts that may stand beside theirs. `bits` gives each
    target's bit; `ladder` maps a part of an identifier to the bits of the targets it names, 0 for an accelerator that
    is no target of ours; `elsewhere` finds paths that belong to one of those. Those in `everyday` are words of other
    trades too, and meant so beside a part in `unless`. `unmapped` are names of CUDA that a translator has no
    counterpart for. `shapes` are the rules that a reader recognises by form. `loaders` are names that load compiled
    code, `builders` the calls that compile an extension; `compiled` says that the tree holds kernels of its own, so
    that a reader notes who uses whom. Of the rules in `once`, one place stands for a whole file.
    """

    names: Mapping[str, str]
    attributes: Mapping[str, str]
    methods: Mapping[str, str]
    keywords: Mapping[str, str]
    strings: Mapping[str, str]
    prefixes: tuple[tuple[str, str], ...]
    fragments: tuple[tuple[str, str], ...]
    words: Mapping[str, str]
    texts: Mapping[str, str]
    docs: Mapping[str, str]
    shapes: Mapping[str, str]
    ladder: Mapping[str, int]
    lines: Mapping[str, tuple[tuple[str, str], ...]]
    hot: frozenset[str]
    pieces: re.Pattern[str] | None
    toolkit: frozenset[str]
    carries: frozenset[str]
    company: Mapping[str, frozenset[str]]
    everyday: frozenset[str]
    unless: frozenset[str]
    bits: Mapping[str, int]
    elsewhere: re.Pattern[str]
    unmapped: frozenset[str]
    loaders: frozenset[str]
    builders: frozenset[str]
    once: frozenset[str]
    compiled: bool = False

    @functools.cached_property
    def _expressions(self) -> dict[str, list[tuple[re.Pattern[str], str]]]:
        """What `expressions` compiled so far."""
        return {}

    def expressions(self, kind: str) -> list[tuple[re.Pattern[str], str]]:
        """The expressions for lines of that kind of file, each with its rule; compiled when such a file comes."""
        if kind not in self._expressions:
            self._expressions[kind] = [(re.compile(text), rule) for text, rule in self.lines.get(kind, ())]
        return self._expressions[kind]

    @functools.cached_property
    def parted(self) -> dict[str, "Word"]:
        """What was found out about identifiers so far; filled by `word`."""
        return {}

    def word(self, identifier: str) -> "Word":
        """What an identifier says: the rule its parts call for, the targets' bits, and what it may stand for."""
        known = self.parted.get(identifier)
        if known is None:
            known = self.parted[identifier] = self._word(identifier)
        return known

    def _word(self, identifier: str) -> "Word":
        if not self._may_say(identifier):
            return NOTHING
        parts = [part.lower() for part in PARTS.findall(identifier)]
        rule = next((self.words[part] for part in parts if part in self.words), "")
        if rule in self.company and not self.company[rule].issuperset(parts):
            rule = ""
        elif rule and rule == self.words.get("cuda") and not self.toolkit.isdisjoint(parts):
            rule = self.shapes["version-word"]
        bits = 0
        for part in parts:
            if part in self.ladder:
                bits |= self.ladder[part]
                if part not in self.everyday or self.unless.isdisjoint(parts):
                    rule = rule or self.shapes.get("ladder", "")
        travels = len(parts) > 1 and not self.carries.isdisjoint(parts) and not identifier.startswith("__")
        is_block = BLOCKS.search(identifier) is not None and len(identifier) < LONGEST_NAME
        piece = self.pieces is not None and self.pieces.search(identifier) is not None
        hot = identifier in self.hot or bool(rule or bits) or travels or is_block or piece
        return Word(rule, bits, travels, is_block, hot)

    def _may_say(self, identifier: str) -> bool:
        """Whether an identifier is worth a closer look: most of a file's are not, and each of them is new once."""
        lowered = identifier.lower()
        if lowered == identifier and identifier.isascii() and identifier.replace("_", "").isalpha():
            parts = identifier.split("_")
        else:
            parts = [part.lower() for part in PARTS.findall(identifier)]
        return (
            not self._telling.isdisjoint(parts)
            or identifier in self.hot
            or "size" in lowered
            or "threads" in lowered
            or (self.pieces is not None and self.pieces.search(identifier) is not None)
        )

    @functools.cached_property
    def _telling(self) -> frozenset[str]:
        """The parts of identifiers that say anything."""
        return frozenset((*self.words, *self.ladder, *self.carries))


class Word(NamedTuple):
    """What an identifier says.

    `rule` is the one its parts call for, `bits` are the targets they name. A tie `travels` by a name of several parts
    that speaks of devices: `device` alone is anybody's variable. `is_block` is said of sizes of blocks and warps, `hot`
    of all that make a line worth looking at.
    """

    rule: str
    bits: int
    travels: bool
    is_block: bool
    hot: bool


NOTHING = Word("", 0, travels=False, is_block=False, hot=False)


def compiled(
    rules: Iterable[PortRule],
    targets: Iterable[PortTarget],
    interfaces: Iterable[str] = (),
    unmapped: Iterable[str] = (),
) -> Patterns:
    """The look-ups of `rules`; `interfaces` are dotted names whose support differs, `unmapped` names of C++."""
    rules, targets = list(rules), list(targets)
    words = _by_pattern(rules, "words")
    tables = {kind: _by_pattern(rules, kind) for kind in ("names", "attributes", "methods", "keywords", "strings")}
    strings = {text: rule for text, rule in tables["strings"].items() if not text.endswith("*")}
    globs = {text[:-1]: rule for text, rule in tables["strings"].items() if text.endswith("*")}
    shapes = _by_pattern(rules, "shapes")
    for name in interfaces:
        tables["names"].setdefault(name, shapes["torch-api"])
    bits = {one.id: 1 << at for at, one in enumerate(targets)}
    ladder = {word: sum(bits[one] for one in of) for word, of in _told_apart(rules, targets).items()}
    hot = {_telling(name) for name in tables["names"]} | tables["attributes"].keys() | tables["methods"].keys()
    hot |= tables["keywords"].keys() | {one for text in strings for one in _first_identifiers(text)}
    fragments = _by_pattern(rules, "fragments")
    pieces = sorted({_longest_identifier(text, words) for text in (*globs, *fragments)} - {""})
    return Patterns(
        names=tables["names"],
        attributes=tables["attributes"],
        methods=tables["methods"],
        keywords=tables["keywords"],
        strings=strings,
        prefixes=tuple(globs.items()),
        fragments=tuple(fragments.items()),
        words=words,
        texts=_by_pattern(rules, "texts"),
        docs=_by_pattern(rules, "docs"),
        shapes=shapes,
        ladder=ladder,
        lines=_by_file_kind(rules),
        hot=frozenset(hot | HOT_FORMS),
        pieces=re.compile("|".join(map(re.escape, pieces))) if pieces else None,
        toolkit=frozenset(_by_pattern(rules, "toolkit")),
        carries=frozenset(_by_pattern(rules, "carries")),
        company={
            one.id: frozenset((*one.python["company"], *one.python["words"]))
            for one in rules
            if "company" in one.python
        },
        everyday=frozenset(_by_pattern(rules, "everyday")),
        unless=frozenset(_by_pattern(rules, "unless")),
        bits=bits,
        unmapped=frozenset(unmapped),
        loaders=frozenset(_by_pattern(rules, "loaders")),
        builders=frozenset(_by_pattern(rules, "builders")),
        once=frozenset(rule.id for rule in rules if rule.once == "file" and not rule.table),
        elsewhere=re.compile(rf"(^|[/_])({'|'.join(map(re.escape, sorted(ladder)))})([/_.]|$)"),
    )


def vendor_words(rules: Iterable[PortRule], targets: Iterable[PortTarget]) -> frozenset[str]:
    """The parts of identifiers by which code tells accelerators apart."""
    rules = list(rules)
    return frozenset((*_told_apart(rules, targets), *_by_pattern(rules, "vendors")))


def _told_apart(rules: list[PortRule], targets: Iterable[PortTarget]) -> dict[str, list[str]]:
    """The words that call for a rule where devices are told apart, each with the targets it names: none for some.

    A target that takes graphs is not asked for at run time, so its words tell nothing.
    """
    words: dict[str, list[str]] = {word: [] for word in _by_pattern(rules, "ladder")}
    for one in targets:
        for word in one.words if one.targets != "graph" else ():
            words.setdefault(word, []).append(one.id)
    return words


LONGEST_NAME = 80
# Identifiers that the forms of `shapes` begin with.
HOT_FORMS = frozenset({"load", "jit", "skipif", "skipUnless", "skipIf"})
BLOCKS = re.compile(r"(block|warp|wave)_?size|threads_per_block|num_threads", re.IGNORECASE)


def _by_pattern(rules: list[PortRule], kind: str) -> dict[str, str]:
    return {pattern: rule.id for rule in rules for pattern in rule.python.get(kind, ())}


def _by_file_kind(rules: list[PortRule]) -> dict[str, tuple[tuple[str, str], ...]]:
    kinds = sorted({kind for rule in rules for kind in rule.lines})
    return {kind: tuple((text, rule.id) for rule in rules for text in rule.lines.get(kind, ())) for kind in kinds}


def _telling(name: str) -> str:
    """The component of a dotted name that gives it away."""
    parts = name.split(".")
    return next((one for one in ("cuda", "jit") if one in parts), parts[-1])


def _first_identifiers(text: str) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", text)[:1]


def _longest_identifier(text: str, words: Mapping[str, str]) -> str:
    """The part of a piece of text by which lines with it are found: one that says CUDA, else the longest."""
    named = re.findall(r"[A-Za-z_]\w*", text)
    return next((one for one in named if one in words), max(named, key=len, default=""))
