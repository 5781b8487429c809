"""The words that a condition may use, each with what it means: of the act, of what is judged, of the law itself.

Docs and the schema for editors print this table; `conditions` refuses any other word. Places are ISO 3166-1
alpha-2 codes or names of groups; a quantity's unit stands in its definition, a field's in its name.
"""

from collections.abc import Mapping

PLACES: Mapping[str, str] = {
    "to": "where it goes, or where the act takes place",
    "exported_from": "where it is exported from",
    "headquarters": "where the party, or its ultimate parent, has its headquarters",
    "onward_to": "where it goes next",
}

WORDS: Mapping[str, str] = {
    "party": "the consignee or end user",
    "end_use": "what it is for",
    "activity": "what is done",
    "region": "the subdivision of the place, as ISO 3166-2 writes it (CN-BJ, US-CA)",
    "exporter_role": "what the exporter is, where a rule asks for it (foundry, OSAT)",
    "party_kind": "what the party is, where a rule asks for it (AI company)",
}

# Numbers of the act. One that is not said is taken to be below every line, and the verdict says so.
AMOUNTS: Mapping[str, tuple[str, str]] = {
    "listed_ownership_pct": ("%", "the share of the party that listed parties own, in aggregate, directly or not"),
    "site_fp64_pflops": ("PFLOP/s", "double precision of the computing it goes into, within 41,600 cubic feet"),
    "site_fp32_pflops": ("PFLOP/s", "single precision of the computing it goes into, within 41,600 cubic feet"),
}

LABELS: Mapping[str, str] = {
    "vendor": "who sells it",
    "designer": "where its designer has its headquarters (a place)",
    "kind": "what it is: " + "processor, memory, material, equipment, model, data, site or service",
    "name": "what it is called",
}

FLAGS: Mapping[str, str] = {
    "datacenter": "designed or marketed for data centres",
    "non_planar": "its logic has non-planar transistors, or a node of 16/14 nm or below",
    "has_hbm": "high-bandwidth memory stands in its package",
    "approved_designer": "an approved designer (15 CFR 740 Supp. 6) attests what it is",
    "designer_applied": "the authorized designer has applied for approval, less than 180 days ago",
    "us_commercial": "commercially available in the United States on the day that the rule names",
    "chinese_origin": "of Chinese origin",
    "authorized_designer": "an authorized designer attests what it is",
    "packaged_outside": "packaged by the fabricator outside Macau and D:5, or by an approved OSAT, with attestation",
    "weights_published": "the parameters of the model are published",
    "derived_from_published": "trained further from a model whose parameters are published",
    "biological_data": "trained mainly on biological sequence data",
    "frontier_developer": "made by a developer of frontier models, as the law defines it",
    "important_data": "holds what China calls important data",
    "critical_infrastructure": "held by an operator of critical information infrastructure",
    "personal_data": "holds data on persons",
    "exempt_flow": "a route that needs no procedure: staff, a contract, an emergency, transit, a free-trade zone",
    "new_build": "built or expanded after the rule",
    "large": "large or super-large by the Chinese measure (3,000 racks of 2.5 kW and up)",
    "hub": "in a national computing hub",
    "public_facing": "offered to the public",
    "shapes_opinion": "able to shape public opinion or mobilise society",
    "bids_for_capacity": "answers a call for new capacity",
}

FINDINGS: Mapping[str, str] = {
    "item_class": "the class that an earlier stage gave; with a regime before the dot, another regime's",
    "required_by": "a requirement, by id, that binds and holds",
}

CHIP_FIELDS = (
    "die_area_mm2",
    "fp64_tflops",
    "fp32_tflops",
    "tf32_tflops",
    "fp16_tflops",
    "bf16_tflops",
    "fp8_tflops",
    "int8_tops",
    "fp4_tflops",
    "int4_tops",
    "memory_bw_gbs",
    "scaleup_bw_gbs",
)

# What is judged, by kind, and the numbers that can be said of it.
FIELDS_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "processor": (*CHIP_FIELDS, "transistors_bn", "available"),
    "memory": ("memory_bw_gbs", "package_area_mm2"),
    "material": ("chinese_content_pct",),
    "equipment": (),
    "model": ("train_flop", "extra_train_flop", "train_cost_usd"),
    "data": ("persons", "sensitive_persons"),
    "site": ("it_kw", "pue", "green_power_pct", "reused_heat_pct", "operation_start"),
    "service": (),
}
KINDS = tuple(FIELDS_BY_KIND)
FIELDS = tuple(dict.fromkeys(field for fields in FIELDS_BY_KIND.values() for field in fields))

# Quantities that may be stated as they are, without what their definition computes them from.
STATED = ("tpp", "performance_density", "applicable_die_area", "memory_bandwidth_density")

# What an exporter can be, with other words for it.
EXPORTER_ROLES: Mapping[str, str] = {"foundry": "foundry", "fab": "foundry", "osat": "OSAT"}

# What is done to each kind of thing; the first is meant where nothing is said.
ACTS_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "model": ("export", "reexport", "transfer", "train", "place_on_market"),
    "data": ("send_data",),
    "site": ("operate",),
    "service": ("offer",),
}
GOODS = ("export", "reexport", "transfer", "import", "use")

# Fields that hold a day of the calendar; conditions write it YYYY-MM-DD.
DAYS = frozenset({"operation_start", "available"})
