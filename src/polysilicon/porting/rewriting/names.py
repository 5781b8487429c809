"""The catalogue's names of PyTorch, held against the release that a rewrite is for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from polysilicon.facts import Catalogue
from polysilicon.facts.porting import PortRule, PortTarget
from polysilicon.facts.porting_names import Grade, PortingName
from polysilicon.porting.patterns import vendor_words
from polysilicon.porting.rewriting import installed
from polysilicon.records.errors import InputError, Place

# The name whose twin every rewritten device text rests on.
DEVICE = "torch.device"
# Rules of texts and methods, which no single name of the catalogue stands for.
DEVICE_RULES = ("DEV-compared", "DEV-cuda")
_RELEASE = re.compile(r"\d+\.\d+(\.\d+)?([.+a-z]\w*)?")


@dataclass(frozen=True)
class Names:
    """Names by dotted path; `release` of PyTorch, and `checked`: how it is known which twins it has.

    `vendors` are the words by which code tells accelerators apart.
    """

    by_path: Mapping[str, PortingName]
    graded: Mapping[str, tuple[Grade, str]]
    release: str
    checked: str
    vendors: frozenset[str]

    def of(self, path: str) -> PortingName | None:
        """The name, or the longest known one that it lies below, as torch.backends.cudnn.benchmark does."""
        parts = path.split(".")
        for last in range(len(parts), 1, -1):
            known = self.by_path.get(".".join(parts[:last]))
            if known is not None and (last == len(parts) or known.form == "none"):
                return known
        return None

    @property
    def rules(self) -> list[str]:
        """Every rule that may change something."""
        return sorted({one.rule for one in self.by_path.values() if one.grade != "M"} | set(DEVICE_RULES))

    def modules(self, target: PortTarget | None) -> tuple[str, ...]:
        """The modules that have to be imported by hand before PyTorch knows the device of a target."""
        known = self.by_path.get(target.plugin or "") if target else None
        return (known.path,) if known and known.form == "plugin" else ()

    def grade(self, name: PortingName) -> tuple[Grade, str]:
        """The best grade a rewrite of this name may have in this release, and why it is not a better one."""
        return self.graded[name.path]


def names(catalogue: Catalogue, torch_version: str | None = None) -> Names:
    """The names for a release of PyTorch: the one given, else the installed one, else the newest that was read.

    Whether a twin exists is checked in the installed PyTorch where that is of the release, else by the catalogue.

    Raises:
        InputError: `torch_version` is no release.
    """
    known = {one.path: one for one in catalogue.every(PortingName)}
    if torch_version is not None and not _RELEASE.fullmatch(torch_version):
        raise InputError(
            "is no release of PyTorch",
            place=Place(field="--torch-version"),
            found=torch_version,
            allowed="such as 2.13",
        )
    here = installed.find()
    newest = max((one.same_since for one in known.values() if one.same_since), key=number)
    wanted = torch_version or (here.release if here else newest)
    if here is not None and number(here.release) == number(wanted):
        release, checked = here.release, f"names checked in the installed PyTorch {here.version}"
    else:
        here, release = None, ".".join(wanted.split(".")[:2])
        checked = f"names as the catalogue has them for PyTorch {release}"
    graded = {path: _graded(one, release, here) for path, one in known.items()}
    vendors = vendor_words(catalogue.every(PortRule), catalogue.every(PortTarget))
    return Names(known, graded, release, checked, vendors)


def number(release: str) -> tuple[int, int]:
    """Major and minor, to compare."""
    major, minor = release.split(".")[:2]
    return int(major), int(re.match(r"\d+", minor)[0])  # type: ignore[index]


def _graded(name: PortingName, release: str, here: installed.Installed | None) -> tuple[Grade, str]:
    """A twin that is missing leaves the name alone; one not read to behave the same is offered for review."""
    if not name.twin:
        return "M", name.notes
    exists = here.has(name.twin) if here else number(release) >= number(name.since)
    if not exists:
        return "M", f"PyTorch {release} has no {name.twin}"
    if name.grade == "S" and number(release) < number(name.same_since):
        return "R", f"{name.twin} was not read to behave the same in PyTorch {release}"
    return name.grade, name.notes
