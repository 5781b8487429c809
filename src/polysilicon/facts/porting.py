"""What ties code to one vendor: how it is recognised, what it means for each target, and the targets themselves."""

from typing import Literal, get_args

from polysilicon.facts.record import Record

Category = Literal[
    "DEV", "MEM", "STR", "DST", "AMP", "APX", "ATT", "QNT", "TRI", "CUX", "PTX", "WRP", "GRD", "NVM", "FLG", "NUM",
    "SHP", "JIT", "DAL", "SRV", "REQ", "IMG", "CI", "PIN", "CKP", "ENT", "LIC",
]  # fmt: skip
Finding = Literal["runs", "note", "check", "slow", "wrong", "change", "blocked"]
Fix = Literal["safe", "review", "tool", "manual"]
Once = Literal["file", "key", "block"]
Band = Literal["minutes", "hours", "rewrite"]
TargetClass = Literal["cuda-named", "renamed", "graph"]
SupportTable = Literal["interfaces", "cuda-names", "operators", "deny", "triton"]
CLASSES: tuple[TargetClass, ...] = get_args(TargetClass)
# Kinds of Python syntax that readers look patterns up by, and kinds of file that are matched line by line.
SYNTAX = (
    "names", "attributes", "methods", "keywords", "strings", "fragments", "words", "company", "toolkit", "carries",
    "ladder", "everyday", "unless", "vendors", "texts", "docs", "loaders", "builders", "shapes",
)  # fmt: skip
LINES = ("kernel", "cmake", "docker", "shell", "yaml", "requirements", "ci")
# Forms that readers know by themselves and ask a rule for: each has one.
SHAPES = (
    "block-size", "build-word", "compare", "entry", "follows", "import-place", "kernel-ladder", "kernel-test", "ladder",
    "load-without-map", "test-skip", "to-integer", "torch-api", "triton-kernel", "unmapped", "version-word",
)  # fmt: skip
# What readers ask a rule for by name: a rule that has it can't lose it.
ASKED = {"shapes": SHAPES, "methods": ("cuda",), "strings": ("cuda",)}
# The columns of the support tables that differ by chip, in the order of the letters in their cells.
CHIP_COLUMNS = ("A2", "A3", "950DT")


class PortTarget(Record, frozen=True, kw_only=True):
    """A software stack that code is moved to.

    `targets` says how its devices are named: as CUDA's, by a plugin of another name, or not at all (graphs only).
    `stack` is the catalogue's software stack that a port is charged to. `words` are the parts of identifiers that show
    that code deals with this target already; `chips` maps its chips to the columns of its support tables, `versions`
    lists the framework versions those tables know, newest last. `kernels` names the tool that translates CUDA C++.
    """

    name: str
    targets: TargetClass
    stack: str | None = None
    device: str | None = None
    plugin: str | None = None
    backend: str | None = None
    visible: str | None = None
    kernels: str | None = None
    words: tuple[str, ...] = ()
    chips: dict[str, str] = {}
    versions: tuple[str, ...] = ()


class PortRule(Record, frozen=True, kw_only=True):
    """One way in which code is tied to a vendor.

    `python` holds patterns by kind of syntax (names, attributes, keywords, strings, words, shapes), `lines` regular
    expressions by kind of file. `verdicts` says what it means by class of target, or by one target's id, which wins.
    `table` names a support table that is asked first. `once` says that one place a file, one a key of a setting, or the
    last of neighbouring lines stands for all others like it. `fix` is the grade of the repair, `band` its effort.
    """

    category: Category
    what: str
    python: dict[str, tuple[str, ...]] = {}
    lines: dict[str, tuple[str, ...]] = {}
    verdicts: dict[str, Finding] = {}
    table: SupportTable | None = None
    once: Once | None = None
    fix: Fix = "review"
    band: Band = "minutes"
    advice: str = ""
