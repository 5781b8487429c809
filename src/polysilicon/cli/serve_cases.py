"""`polysilicon estimate serve --cases`: every row asks what the options ask of one deployment, in columns."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from polysilicon.cli.cases import answer_table, needed, say_unread
from polysilicon.cli.options import MOST, asked_by
from polysilicon.cli.serve import Cache, Demand, Replica
from polysilicon.records.errors import InputError, NothingFits, Place, UnknownName, Unsupported
from polysilicon.records.names import nearest

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.serving import ServingEstimate

NEEDS = ("model", "chip_id", "isl", "osl")
# The column that stands for an option, or for a field of the estimator, where it has another name.
COLUMN_OF = {
    "--tp": "tp",
    "--pp": "pp",
    "--attn-dp": "attn_dp",
    "--ep": "ep",
    "--input": "isl",
    "--output": "osl",
    "--ttft-ms": "ttft_target_ms",
    "--tpot-ms": "tpot_target_ms",
    "--draft-tokens": "draft_tokens",
    "--acceptance": "acceptance",
    "precision": "weight_precision",
    "cache": "kv_precision",
}
READ = (
    *("case_id", "model", "chip_id", "accelerator", "chip", "num_accelerators", "tp", "pp", "attn_dp", "ep"),
    *("weight_precision", "framework", "mode", "isl", "osl", "concurrency", "ttft_target_ms", "tpot_target_ms"),
    *("spec_decoding", "draft_tokens", "acceptance", "kv_precision"),
)
FIGURES = ("ttft_ms", "tpot_ms", "tokens_per_s_per_chip")
ANSWERS = (
    *("case_id", "model", "chip_id", "weight_precision", "kv_precision", "concurrency"),
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
    *("memory_gib", "fits", "misses", "status", "why"),
)


def table(known: "Catalogue", cases: Path, out: Path | None, *, as_json: bool) -> None:
    """Every row of a table of serving cases, answered as the options would be; columns not read are named."""
    from polysilicon.validation.serving_cases import chip_name

    columns: dict[str, None] = {}

    def ask(row: Mapping[str, str], place: Place) -> dict[str, Any]:
        columns.update(dict.fromkeys(row))
        named = {**row, "chip_id": chip_name(row)}
        needed(named, NEEDS)
        try:
            with asked_by(COLUMN_OF):
                told = _told(_estimate(known, named, place))
        except NothingFits as why:
            told = {"fits": False, "status": "implausible", "why": str(why)}
        return {"model": row["model"], "chip_id": named["chip_id"], **told}

    answer_table(cases, out, ANSWERS, ask, needs=("model",), as_json=as_json)
    say_unread(columns, READ)


def _estimate(known: "Catalogue", row: Mapping[str, str], place: Place) -> "ServingEstimate":
    """What the single command answers to the row.

    Raises:
        InputError: as the single command, or the row's chips are not those of its layout.
        Unsupported: no option asks for what the row measures.
        NothingFits: the weights do not fit on the chips of the layout.
    """
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.serving import estimate_serving
    from polysilicon.validation.serving_cases import WAYS
    from polysilicon.workloads import transformer

    mode = row.get("mode", "").strip().casefold()
    if WAYS.get(mode) != "steady":
        raise Unsupported(f"mode {mode!r} has no option: a row asks of one deployment under a constant load")
    described = transformer(known, row["model"])
    replica = _replica(known, row, place)
    layout = replica.layout(known, described.asked_precision)
    chips = whole(row, "num_accelerators", place, otherwise=layout.chips)
    if chips != layout.chips:
        allowed = f"{layout.chips}: tp x pp x attn_dp, the chips of one replica"
        raise InputError("contradicts the layout", place=Place(field="num_accelerators"), found=chips, allowed=allowed)
    lengths = (whole(row, name, place) for name in ("isl", "osl"))
    targets = (number(row, f"{name}_target_ms", place) for name in ("ttft", "tpot"))
    return estimate_serving(
        known,
        described,
        Demand(*lengths, *targets).task(),
        Cluster.from_catalogue(known, row["chip_id"], layout.chips),
        layout,
        concurrency=number(row, "concurrency", place),
        engine=engine_of(known, row, "vllm"),
    )


def _replica(known: "Catalogue", row: Mapping[str, str], place: Place) -> Replica:
    from polysilicon.validation.serving_cases import drafting

    degrees = {name: whole(row, name, place, otherwise=1) for name in ("tp", "pp", "attn_dp", "ep")}
    return Replica(
        chip=row["chip_id"],
        precision=row.get("weight_precision", "").strip() or None,
        draft_tokens=whole(row, "draft_tokens", place, otherwise=drafting(known, row).get("draft_tokens", 0), least=0),
        acceptance=number(row, "acceptance", place),
        kv_precision=cache_of(row, "auto"),
        **degrees,
    )


def cache_of(row: Mapping[str, str], otherwise: Cache) -> Cache:
    """The precision of the cache that a row states; the layout refuses what is none."""
    return cast("Cache", row.get("kv_precision", "").strip() or otherwise)


def engine_of(known: "Catalogue", row: Mapping[str, str], otherwise: str) -> str:
    """The serving engine that a row names.

    Raises:
        UnknownName: no engine is called so; says the nearest.
    """
    from polysilicon.facts.engines import ServingEngine

    name, ids = row.get("framework", "").strip() or otherwise, known.ids(ServingEngine)
    try:
        return known.get(ServingEngine, name).id
    except UnknownName as cause:
        place, near = Place(field="framework"), nearest(name, ids, 1)
        raise UnknownName("unknown serving engine", place=place, found=name, allowed=ids, nearest=near) from cause


def _told(made: "ServingEstimate") -> dict[str, Any]:
    told: dict[str, Any] = {"weight_precision": made.layout.precision, "kv_precision": made.layout.cache}
    told |= {"concurrency": made.concurrency}
    told |= {"memory_gib": made.memory_gib, "fits": made.fits}
    for name in FIGURES:
        figure = getattr(made, name)
        told |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return told | {"misses": made.misses}


def number(row: Mapping[str, str], name: str, place: Place) -> float | None:
    """A cell as a number; None where it is empty.

    Raises:
        InputError: it is none; names the line and the column.
    """
    text = row.get(name, "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError as cause:
        raise InputError("is no number", place=Place(place.file, place.line, name), found=text) from cause


def whole(row: Mapping[str, str], name: str, place: Place, *, otherwise: int | None = None, least: int = 1) -> int:
    """A cell as a count, `otherwise` where it is empty.

    Raises:
        InputError: it is no whole number from `least` up; names the line and the column.
    """
    value = number(row, name, place)
    if value is None and otherwise is not None:
        return otherwise
    if value is None or value != value // 1 or not least <= value <= MOST:
        spot = Place(place.file, place.line, name)
        raise InputError(f"is no whole number from {least} up", place=spot, found=row.get(name, ""))
    return int(value)
