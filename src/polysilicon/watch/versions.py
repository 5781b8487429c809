"""Versions: the prose of vendors read by a small grammar, compared by packages that know each scheme.

Nothing is compared by hand: `univers` compares an ecosystem's versions by that ecosystem's rules, and a vendor's own
numbers by those of PyPI (PEP 440) or, where letters stand among them, of Debian. What can't be compared is unknown,
never assumed safe.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from univers import versions as schemes
from univers.version_range import VersionRange

from polysilicon.watch.notice import Affected, Span

Standing = Literal["affected", "possible", "disputed", "unaffected"]
Within = Literal["yes", "no", "unknown"]

# The ecosystems of package registries (in OSV's words, then in those of `vers:`) and what compares their versions.
SCHEMES: dict[str, type[schemes.Version]] = {
    "pypi": schemes.PypiVersion,
    "go": schemes.GolangVersion,
    "npm": schemes.SemverVersion,
    "crates.io": schemes.SemverVersion,
    "semver": schemes.SemverVersion,
    "maven": schemes.MavenVersion,
    "rubygems": schemes.RubygemsVersion,
    "nuget": schemes.NugetVersion,
    "packagist": schemes.ComposerVersion,
    "debian": schemes.DebianVersion,
    "ubuntu": schemes.DebianVersion,
    "alpine": schemes.AlpineLinuxVersion,
    "rpm": schemes.RpmVersion,
    "red hat": schemes.RpmVersion,
    "rocky linux": schemes.RpmVersion,
    "almalinux": schemes.RpmVersion,
    "suse": schemes.RpmVersion,
    "golang": schemes.GolangVersion,
    "cargo": schemes.SemverVersion,
    "gem": schemes.RubygemsVersion,
    "composer": schemes.ComposerVersion,
    "deb": schemes.DebianVersion,
    "apk": schemes.AlpineLinuxVersion,
}

# In these a plus belongs to the version.
WITH_BUILDS = (schemes.DebianVersion, schemes.RpmVersion, schemes.AlpineLinuxVersion)

# Words that say no version: from the beginning, or up to whatever was newest on the day.
NOTHING = frozenset({"", "0", "*", "-", "n/a", "na", "unspecified", "unknown", "none", "all", "any", "all versions"})
NEWEST = frozenset({"*", "latest", "unspecified", "n/a", ""})

MOST_LETTERS = 300  # longer prose is no version range; a pattern need not wade through it

_NUMBER = r"(?:[a-z]{1,12}[ _-]?)?v?\.?\d[\w.+~-]*(?: ?(?:update|u|rc) ?\d+)?"
_UP_TO = re.compile(rf"(?:up to and including|prior to and including|through|<=|up to) ({_NUMBER})$")
_BEFORE = re.compile(rf"(?:prior to|before|earlier than|older than|lower than|<) (?:version )?({_NUMBER})$")
_EARLIER = re.compile(rf"^({_NUMBER}) (?:and|or) (?:earlier|prior|below|older|lower)$")
_LATER = re.compile(rf"^({_NUMBER}) (?:and|or) (?:later|newer|above|higher)$")
_FROM_TO = re.compile(rf"^({_NUMBER}) ?(?:to|through|-|–) ?({_NUMBER})$")
_ALONE = re.compile(rf"^({_NUMBER})$")
_COMPARATOR = re.compile(rf"(<=|>=|<|>|==|=) ?({_NUMBER})")
_SENTENCE = re.compile(rf"\b(?:before|prior to) versions? ({_NUMBER})")
_FIXED = re.compile(
    rf"(?:fixed|patched|resolved|addressed) (?:in|by)(?: the)?(?: versions?| releases?)? "
    rf"((?:{_NUMBER}(?:, and |, | and )?)+)"
)
_OR_LATER = re.compile(rf"versions? ({_NUMBER}) (?:or|and) (?:later|newer|above|higher)")
# What vendors put before a number, and means nothing for the order.
_LEADING = re.compile(r"^(?:version|versions|release|rev|cuda toolkit|rocm|roc|v|r)[ ._-]*(?=\d)", re.IGNORECASE)
_UPDATE = re.compile(r" ?(?:update|u) ?(\d+)$", re.IGNORECASE)


def plainly(text: str) -> str:
    """A vendor's version without the words before it: `CUDA Toolkit 12.6U1` as `12.6.1`, `v1.16.2` as `1.16.2`."""
    bare = _LEADING.sub("", text.strip())
    return _UPDATE.sub(r".\1", bare)


def order(first: str, second: str, scheme: str = "") -> int | None:
    """-1, 0 or 1 as `first` comes before, equals or comes after `second`; `None` where they can't be compared."""
    kind = SCHEMES.get(scheme.split(":")[0].casefold())
    if kind is not None:
        clean = [one.strip() if kind in WITH_BUILDS else _without_build(one) for one in (first, second)]
        return _order(kind, clean[0], clean[1])
    first, second = plainly(_without_build(first)), plainly(_without_build(second))
    found = _order(schemes.PypiVersion, first, second)
    if found is not None or _skeleton(first) != _skeleton(second):
        return found
    start = len(_prefix(first))
    return _order(schemes.DebianVersion, first[start:], second[start:])


def _without_build(version: str) -> str:
    """`2.5.1+cu124` as `2.5.1`: what was built in says nothing of what was mended."""
    return version.strip().partition("+")[0]


def _order(kind: type[schemes.Version], first: str, second: str) -> int | None:
    try:
        one, two = kind(first), kind(second)
        return -1 if one < two else int(one != two)
    except (ValueError, TypeError, AttributeError, IndexError):  # what univers raises on versions it can't compare
        return None


def _prefix(text: str) -> str:
    found = re.match(r"[^\d]*", text)
    return found[0] if found else ""


def _skeleton(text: str) -> tuple[str, bool]:
    """What two versions of one numbering share: the letters before the first digit, and whether letters follow."""
    return _prefix(text).casefold(), bool(re.search(r"[a-z]", text[len(_prefix(text)) :], re.IGNORECASE))


def within(span: Span, version: str) -> Within:
    """Whether a version lies in a range."""
    if not span.parsed:
        return "unknown"
    verdicts: list[Within] = []
    for end, included, side in ((span.low, span.low_included, 1), (span.high, span.high_included, -1)):
        if end is None:
            continue
        place = order(version, end, span.scheme)
        verdicts.append("unknown" if place is None else "yes" if place == side or (place == 0 and included) else "no")
    return "no" if "no" in verdicts else "unknown" if "unknown" in verdicts else "yes"


def exactly(version: str, scheme: str = "") -> Span:
    """One version."""
    return Span(text=version, scheme=scheme, low=version, high=version, high_included=True)


def unread(text: str) -> Span:
    """Prose that stays prose."""
    return Span(text=text, parsed=False)


def from_prose(text: str, scheme: str = "") -> tuple[Span, ...]:
    """The ranges that a vendor's words say; one unread span where the grammar does not know them."""
    words = " ".join(text.replace("\t", " ").split())
    low = words.casefold().rstrip(".;")
    if low in NOTHING or len(low) > MOST_LETTERS:
        return (unread(words[:MOST_LETTERS]),)
    compared = tuple(_comparators(low, words, scheme))
    if compared:
        return compared
    outside = re.sub(r"\(.*?\)", " ", low).strip() or low  # a remark in brackets repeats the range in other numbers
    inside = re.findall(r"\((.*?)\)", low)
    found = _phrase(_unworded(outside), words, scheme)
    if found and inside and found.low == found.high:
        # `535.183.01 (All versions up to and including vGPU 16.6)`: the number alone is the last one affected
        remark = inside[0]
        if re.search(r"all (?:\w+ )*versions (?:up to|prior to)", remark):
            found = Span(text=words, scheme=scheme, high=found.high, high_included=True)
    return (found,) if found else (unread(words),)


def _unworded(text: str) -> str:
    """Without the nouns that stand around a range."""
    text = re.sub(
        r"^(?:all |any )?(?:\w+ ){0,3}?versions?(?: of [\w .-]+?)? (?=(?:prior|before|up|through|earlier|<))", "", text
    )
    text = re.sub(r"^(?:all )?(?:versions? |release )?(?=v?\d)", "", text)
    text = re.sub(r"^(?:cuda toolkit|(?:bmc|sbios|vbios)(?: firmware)?) (?=v?\d)", "", text)
    return re.sub(r"(prior to|before|including|up to) (?:cuda toolkit|the|version) ", r"\1 ", text).strip()


def _phrase(text: str, words: str, scheme: str) -> Span | None:
    def span(low: str | None = None, high: str | None = None, *, included: bool = False) -> Span:
        return Span(text=words, scheme=scheme, low=low, high=high, high_included=included)

    if found := _UP_TO.search(text):
        return span(high=found[1], included=True)
    if found := _BEFORE.search(text):
        return span(high=found[1])
    if found := _EARLIER.match(text):
        return span(high=found[1], included=True)
    if found := _LATER.match(text):
        return span(low=found[1])
    if found := _ALONE.match(text):
        return span(found[1], found[1], included=True)
    if found := _FROM_TO.match(text):
        return span(found[1], found[2], included=True)
    return None


def _comparators(low: str, words: str, scheme: str) -> Iterator[Span]:
    """`>= 1.3.0-rc.1, < 1.3.3`, and nothing else beside it."""
    if not re.match(r"^[<>=]", low):
        return
    pairs = _COMPARATOR.findall(low)
    if not pairs or _COMPARATOR.sub("", low).strip(" ,"):
        return
    span = Span(text=words, scheme=scheme)
    for sign, end in pairs:
        lows = (end, sign != ">", span.high, span.high_included) if sign in (">", ">=") else None
        highs = (span.low, span.low_included, end, sign == "<=") if sign in ("<", "<=") else None
        one = lows or highs or (end, True, end, True)
        span = Span(text=words, scheme=scheme, low=one[0], low_included=one[1], high=one[2], high_included=one[3])
    yield span


def in_sentence(sentence: str) -> tuple[Span, ...]:
    """The ranges in a running sentence: `... in some software before version 1.18 may allow ...`."""
    found = _SENTENCE.findall(sentence[: 20 * MOST_LETTERS].casefold())
    return tuple(Span(text=f"before version {end}", high=end) for end in dict.fromkeys(map(_trimmed, found)))


def fixed_in_sentence(sentence: str) -> tuple[str, ...]:
    """The versions of `fixed in versions 1.2.8, 1.3.3 and 1.4.0-rc.3`."""
    found = _FIXED.findall(sentence[: 20 * MOST_LETTERS].casefold())
    numbers = [_trimmed(one) for group in found for one in re.split(r", and |, | and ", group)]
    return tuple(dict.fromkeys(one for one in numbers if re.search(r"\d", one)))


def _trimmed(text: str) -> str:
    return text.strip().rstrip(".,;-")


def recommended(sentence: str) -> tuple[str, ...]:
    """The versions of `updating ... to version 1.18 or later`."""
    found = _OR_LATER.findall(sentence[: 20 * MOST_LETTERS].casefold())
    return tuple(dict.fromkeys(map(_trimmed, found)))


def from_vers(text: str) -> tuple[Span, ...]:
    """The ranges of a `vers:` expression (`vers:pypi/>=1.0|<2.0`), as CSAF and others write them."""
    try:
        said = VersionRange.from_string(text)  # type: ignore[no-untyped-call]
        scheme = said.scheme
        bounds = [(one.comparator, str(one.version)) for one in said.constraints]
    except (ValueError, TypeError, AttributeError, KeyError):  # what univers raises on expressions it does not know
        return (unread(text),)
    spans: list[Span] = []
    low: tuple[str, bool] | None = None
    for sign, version in bounds:
        if sign in (">", ">="):
            low = (version, sign == ">=")
        elif sign in ("<", "<="):
            start, included = low or (None, True)
            spans.append(
                Span(
                    text=text,
                    scheme=scheme,
                    low=start,
                    low_included=included,
                    high=version,
                    high_included=sign == "<=",
                )
            )
            low = None
        elif sign == "=":
            spans.append(exactly(version, scheme))
        else:
            return (unread(text),)
    if low:
        spans.append(Span(text=text, scheme=scheme, low=low[0], low_included=low[1]))
    return tuple(spans) or (unread(text),)


def standing(said: Affected, version: str | None) -> Standing:
    """What a notice means for a product in that version; what can't be compared is possibly affected, never safe."""
    if version is None:
        return "affected" if said.others == "affected" and not said.fix_planned else "possible"
    in_range, after_fix = _in_versions(said, version), _after_fix(said, version)
    if after_fix == "yes":
        return "disputed" if in_range == "yes" else "unaffected"
    if in_range == "yes" or (said.others == "affected" and (after_fix == "no" or not said.fix_planned)):
        return "affected"
    if after_fix == "no" and not said.versions:
        return "affected"
    if in_range == "no" and said.others != "affected":
        alone = all(one.low == one.high for one in said.versions)
        return "possible" if alone and said.others == "unknown" else "unaffected"
    return "possible"


def _in_versions(said: Affected, version: str) -> Within:
    if not said.versions:
        return "unknown"
    answers = [within(one, version) for one in _of_its_branch(said.versions, version)]
    if "yes" in answers:
        return "yes"
    return "unknown" if "unknown" in answers else "no"


def _after_fix(said: Affected, version: str) -> Within:
    """Whether the version is a fix, or comes after the fix of its branch."""
    ends = [one.low for one in said.fixed if one.parsed and one.low is not None]
    scheme = said.fixed[0].scheme if said.fixed else ""
    places = {order(version, one, scheme) for one in _nearest(ends, version)}
    if not places or None in places:
        return "unknown"
    return "no" if places == {-1} else "yes" if -1 not in places else "unknown"


def _of_its_branch(spans: Sequence[Span], version: str) -> Sequence[Span]:
    """A vendor that mends several branches says `prior to` once for each: that of the version's own branch counts.

    Where no branch is the version's own, the ranges of others speak for it only if they all agree.
    """
    ends = {one.high: one for one in spans if one.parsed and one.low is None and one.high is not None}
    if len({_branch(one) for one in ends}) < 2:
        return spans
    others = [one for one in spans if one not in ends.values()]
    own = [ends[one] for one in _nearest(list(ends), version)]
    answers = {within(one, version) for one in own}
    return [*own, *others] if len(answers) == 1 else [unread("its branch is not listed"), *others]


def _nearest(ends: Sequence[str], version: str) -> Sequence[str]:
    """The ends of the version's own branch: those that share two leading numbers, else one, else all."""
    for depth in (2, 1):
        own = [one for one in ends if _branch(one, depth) == _branch(version, depth)]
        if own:
            return own
    return ends


def _branch(version: str, depth: int = 1) -> tuple[str, ...]:
    """The leading numbers of a version: 550 of 550.90.07."""
    return tuple(re.findall(r"\d+", plainly(version))[:depth])
