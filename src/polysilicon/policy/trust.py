"""Hardware trust that a buyer demands (secure boot, attestation, isolation, certificates) against what is on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, ChipSecurity, Trust, Trusted
from polysilicon.facts.record import Confidence
from polysilicon.policy.verdict import Answer
from polysilicon.records.errors import UnknownName
from polysilicon.records.names import nearest

# What may be demanded: features, with the words that describe them in a family's record; and certificates by scheme.
FEATURES = {
    "secure_boot": "secure_boot_root_of_trust",
    "attestation": "attestation",
    "confidential_computing": "tee_confidential_computing",
    "interconnect_protection": "interconnect_protection",
    "isolation": "isolation_partitioning",
    "memory_encryption": "memory_encryption_ecc",
}
SCHEMES = {
    "fips_140_3": "FIPS 140-3 validation of its cryptographic module",
    "common_criteria": "Common Criteria certificate (ISO/IEC 15408)",
    "mlps": "China's Multi-Level Protection Scheme (GB/T 22239)",
    "commercial_cryptography": "Chinese review of commercial cryptography",
}
DEMANDS = (*FEATURES, *SCHEMES)

ANSWERS: dict[Trusted, Answer] = {"documented": "yes", "absent": "no"}
UNKNOWN: Literal["unknown"] = "unknown"
# What rests on no document is trusted no more than that, whoever's documents the rest of the record rests on.
NO_DOCUMENT: dict[Trusted, Confidence | Literal["unknown"]] = {
    "unverified": "unverified",
    "not_read": UNKNOWN,
    "not_found": UNKNOWN,
}


@dataclass(frozen=True)
class Finding:
    """One demand on one chip: what is on record, in which words, how far to trust it."""

    chip: str
    demand: str
    met: Answer
    standing: str
    words: str
    confidence: Confidence | Literal["unknown"]
    sources: tuple[str, ...]


def trust(catalogue: Catalogue, chip: str | Chip, demands: Sequence[str]) -> list[Finding]:
    """Whether a chip meets each demand: yes where a document says so, no where one says that it does not.

    What is limited, found in research alone, remembered, or was not found is undetermined: absence of documents
    is not absence of the feature.

    Raises:
        UnknownName: no such chip or demand.
    """
    for demand in demands:
        if demand not in DEMANDS:
            raise UnknownName(f"unknown demand {demand!r}", allowed=DEMANDS, nearest=nearest(demand, DEMANDS))
    found = chip if isinstance(chip, Chip) else catalogue.get(Chip, chip)
    record = next((one for one in catalogue.every(Trust) if found.id in one.chips), None)
    return [_finding(catalogue, found.id, record, demand) for demand in demands]


def _finding(catalogue: Catalogue, chip: str, record: Trust | None, demand: str) -> Finding:
    if record is None:
        return Finding(chip, demand, "undetermined", UNKNOWN, "no source on this family was read", UNKNOWN, ())
    if demand in SCHEMES:
        certificate = record.certificates.get(demand)
        if certificate is None:
            return Finding(chip, demand, "undetermined", UNKNOWN, f"{SCHEMES[demand]}: none was read", UNKNOWN, ())
        origin = record.origin("certificates")
        return Finding(chip, demand, "yes", "certified", certificate, origin.confidence or "estimate", origin.sources)
    standing: Trusted = getattr(record, demand)
    words = getattr(catalogue.get(ChipSecurity, record.family), FEATURES[demand]) or record.notes
    origin = record.origin(demand)
    return Finding(
        chip=chip,
        demand=demand,
        met=ANSWERS.get(standing, "undetermined"),
        standing=standing,
        words=words,
        confidence=NO_DOCUMENT.get(standing) or origin.confidence or record.confidence,
        sources=origin.sources,
    )


def refused(catalogue: Catalogue, chip: Chip, demands: Sequence[str], *, undocumented: bool) -> str:
    """Why a chip does not meet a profile, in words; empty where it does.

    `undocumented` lets pass what nobody documented; what a document denies never passes.
    """
    open_or_no = [
        one
        for one in trust(catalogue, chip, demands)
        if one.met == "no" or (one.met == "undetermined" and not undocumented)
    ]
    return "; ".join(f"{one.demand.replace('_', ' ')}: {one.standing.replace('_', ' ')}" for one in open_or_no)
