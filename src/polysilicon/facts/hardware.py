"""Chips, the systems they come in, memory technologies and process nodes."""

from typing import Annotated, ClassVar, Literal

import msgspec

from polysilicon.facts.record import Day, Quantity, Ratio, Record

Status = Literal["shipping", "announced", "rumoured", "cancelled"]
# What a part has at all: a field that is nought says nothing that leaving it out does not, and figures divide by it.
Positive = Annotated[float, msgspec.Meta(gt=0)]
Parts = Annotated[float, msgspec.Meta(gt=0, extra={"unit": "count"})]
Energy = Annotated[float, msgspec.Meta(ge=0, extra={"unit": "pJ/bit"})]
Index = Annotated[float, msgspec.Meta(ge=0, extra={"unit": "index"})]
Score = Annotated[float, msgspec.Meta(ge=0, le=10, extra={"unit": "CVSS"})]


class Chip(Record, frozen=True, kw_only=True):
    """An accelerator or server CPU.

    Throughput is dense. `fp64` and `fp32` are vector peaks on GPUs and the systolic array's on TPU-like parts;
    `tf32` is the 19-bit matrix path. `die_area_mm2` is all compute silicon of the package. `compute_units`
    are the cores that each work on a tile of a product: streaming multiprocessors, compute units, Xe cores, cube cores.
    `sparse_gain` is the matrix peak with a weight pruned two of four over the dense one. `exponential_gain` is
    how many exponentials a compute unit takes a clock over the usual 16. `sustained_*` are the highest
    dense rates that large products were measured to keep up, below the peak where power bounds the clock.
    `scaleup_bw_gbs` is the bidirectional total a chip, as vendors quote it. `host_link_gbs` is what the link to the
    host carries in one direction, before protocol; of a processor that several chips share, a chip's part. `host_cpu`
    is the processor that is sold joined to it, where there is one. A field that is `None` was seen in no source.
    """

    BESIDE: ClassVar[dict[str, str]] = {"price_date": "price_usd", "price_basis": "price_usd"}

    name: str
    vendor: str
    vendor_country: str
    announced: Day | None = None
    available: Day | None = None
    status: Status
    segment: Literal["datacenter", "consumer", "workstation", "edge"]
    device_class: str
    family: str = ""
    process_node: str | None = None
    foundry: str | None = None
    die_area_mm2: Positive | None = None
    dies: Parts | None = None
    compute_units: Parts | None = None
    transistors_bn: Positive | None = None
    fp64_tflops: Positive | None = None
    fp32_tflops: Positive | None = None
    tf32_tflops: Positive | None = None
    fp16_tflops: Positive | None = None
    bf16_tflops: Positive | None = None
    fp8_tflops: Positive | None = None
    int8_tops: Positive | None = None
    fp4_tflops: Positive | None = None
    int4_tops: Positive | None = None
    sparse_gain: Ratio | None = None
    exponential_gain: Ratio | None = None
    sustained_bf16_tflops: Positive | None = None
    sustained_fp8_tflops: Positive | None = None
    memory_type: str | None = None
    memory_gb: Positive | None = None
    memory_convention: Literal["binary", "decimal", "unknown"] = "unknown"
    memory_bw_gbs: Positive | None = None
    sram_mb: Positive | None = None
    scaleup_link: str | None = None
    scaleup_bw_gbs: Quantity | None = None
    scaleup_domain: Parts | None = None
    scaleout_nic_gbps: Quantity | None = None
    host_link_gbs: Positive | None = None
    host_cpu: str | None = None
    tdp_w: Positive | None = None
    tee_support: Literal["yes", "no", "unknown"] = "unknown"
    software_stack: str | None = None
    price_usd: Quantity | None = None
    price_date: Day | None = None
    price_basis: str | None = None

    @property
    def silicon(self) -> str:
        """What chips share that differ in memory, links, clock or power alone: their family, units and what these do.

        A chip whose units are not known shares it with none.
        """
        if not (self.family and self.compute_units):
            return self.id
        more = f"-exp{self.exponential_gain:g}" if self.exponential_gain else ""
        return f"{self.family}-{self.compute_units:g}{more}"

    @property
    def sustained_tflops(self) -> dict[str, float]:
        """The rates that large products were measured to keep up, by precision, where a source says."""
        stated = {"bf16": self.sustained_bf16_tflops, "fp8": self.sustained_fp8_tflops}
        return {one: rate for one, rate in stated.items() if rate is not None}


class System(Record, frozen=True, kw_only=True):
    """A node, rack or pod as it is sold. `power_kw` is the whole system at the stated basis."""

    BESIDE: ClassVar[dict[str, str]] = {
        "power_basis": "power_kw",
        "price_date": "price_usd",
        "price_basis": "price_usd",
    }

    name: str
    vendor: str
    vendor_country: str
    status: Status
    announced: Day | None = None
    available: Day | None = None
    chip_id: str | None = None
    chips: Parts | None = None
    hosts: str | None = None
    accel_memory_gb: Positive | None = None
    power_kw: Positive | None = None
    power_basis: str | None = None
    scaleup_topology: str | None = None
    scaleup_bw_per_chip_gbs: Quantity | None = None
    scaleup_total_tbs: Quantity | None = None
    scaleup_domain: Parts | None = None
    scaleout_total_gbps: Quantity | None = None
    cooling: Literal["air", "liquid", "air|liquid"] | None = None
    price_usd: Quantity | None = None
    price_date: Day | None = None
    price_basis: str | None = None


class MemoryFact(Record, frozen=True, kw_only=True):
    """One row on a memory technology: a specification, a price, a price change, an index or a supply share.

    `bandwidth_gbs`, `capacity_gb` and `unit_price_usd` are of one `unit`: a stack, a package, a module.
    """

    technology: str
    row_type: str
    bandwidth_gbs: Quantity | None = None
    capacity_gb: Quantity | None = None
    unit: str | None = None
    pj_per_bit: Energy | None = None
    usd_per_gb: Quantity | None = None
    unit_price_usd: Quantity | None = None
    change_low_pct: float | None = None
    change_high_pct: float | None = None
    period: str | None = None
    basis: str | None = None
    sk_hynix_share_pct: Quantity | None = None
    samsung_share_pct: Quantity | None = None
    micron_share_pct: Quantity | None = None
    cxmt_share_pct: Quantity | None = None
    embodied_kg_per_gb: Quantity | None = None
    index_value: Index | None = None
    export_status: str | None = None


class NodeFact(Record, frozen=True, kw_only=True):
    """One row on a process node: a specification, a wafer price, a yield, an output or who may use it.

    `relative_energy_per_op` is against TSMC N7; densities are of logic; yields of the product the notes name.
    """

    foundry: str
    node: str
    row_type: str
    hvm_date: Day | None = None
    density_mtr_per_mm2: Quantity | None = None
    wafer_price_usd: Quantity | None = None
    yield_pct: Quantity | None = None
    defect_density_per_cm2: Quantity | None = None
    mask_set_cost_musd: Quantity | None = None
    design_cost_musd: Quantity | None = None
    relative_energy_per_op: Ratio | None = None
    fab_energy_kwh_per_cm2: Quantity | None = None
    gas_95pct_abated_g_per_cm2: Quantity | None = None
    gas_99pct_abated_g_per_cm2: Quantity | None = None
    materials_g_per_cm2: Quantity | None = None
    imec_netzero_kg_per_cm2: Quantity | None = None
    embodied_taiwan_kg_per_cm2: Quantity | None = None
    reticle_limit_mm2: Quantity | None = None
    cn_designer_access: str | None = None


class ChipSecurity(Record, frozen=True, kw_only=True):
    """What a chip family is known to offer for hardware trust; the words of the sources."""

    family: str
    vendor: str
    chips: str
    secure_boot_root_of_trust: str | None = None
    attestation: str | None = None
    tee_confidential_computing: str | None = None
    interconnect_protection: str | None = None
    isolation_partitioning: str | None = None
    memory_encryption_ecc: str | None = None
    limits_known: str | None = None


Trusted = Literal["documented", "limited", "absent", "not_found", "research", "unverified", "not_read"]


class Trust(Record, frozen=True, kw_only=True):
    """Where a chip family stands on each feature of hardware trust; `family` is the record that holds the words.

    `certificates` names, by scheme, a certificate that a source shows; a scheme that is not named is unknown.
    """

    family: str
    chips: tuple[str, ...]
    secure_boot: Trusted
    attestation: Trusted
    confidential_computing: Trusted
    interconnect_protection: Trusted
    isolation: Trusted
    memory_encryption: Trusted
    certificates: dict[str, str] = {}


class Advisory(Record, frozen=True, kw_only=True):
    """A published vulnerability in a chip's firmware, driver, management controller or framework."""

    title: str
    vendor: str
    product: str
    component: str
    published: Day | None = None
    cvss_version: str | None = None
    cvss_score: Score | None = None
    cvss_vector: str | None = None
    cvss_source: str | None = None
    fixed_versions: str | None = None
    affected_versions: str | None = None
    exploited: str | None = None
    advisory_id: str | None = None


class SoftwareStack(Record, frozen=True, kw_only=True):
    """A vendor's software platform, and what moving code onto it has been reported to take."""

    name: str
    vendor: str
    porting_effort_person_months: Quantity | None = None
