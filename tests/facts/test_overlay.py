from pathlib import Path

import pytest

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.facts.money import Assumption
from polysilicon.facts.porting import PortRule, PortTarget
from polysilicon.facts.record import USER
from polysilicon.records.document import parse_yaml
from polysilicon.records.errors import InputError, UnknownName

catalogue = load()
WHOLE = """{name: A1, vendor: Acme, vendor_country: NO, status: announced, segment: datacenter, device_class: npu,
  bf16_tflops: 500}"""


def with_theirs(text: str):  # type: ignore[no-untyped-def]
    return catalogue.overlaid(parse_yaml(text, "mine.yaml"))


def test_an_override_is_theirs_and_everything_else_stays_ours() -> None:
    ours = catalogue.get(Chip, "huawei-ascend-910c")
    chip = with_theirs("chips: {huawei-ascend-910c: {tdp_w: 650}}").get(Chip, "910C")
    assert (chip.tdp_w, chip.theirs, chip.overridden) == (650, "mine.yaml", ("tdp_w",))
    assert chip.is_theirs("tdp_w")
    assert not chip.is_theirs("price_usd")
    assert chip.origin("tdp_w").sources == (USER,)
    for field in ("memory_gb", "price_usd", "fp16_tflops"):
        assert chip.origin(field) == ours.origin(field)
    assert chip.also == ours.also
    assert chip.sources == ours.sources


def test_an_override_may_give_its_own_confidence_and_source() -> None:
    text = """
sources: {quote-7: {title: Quote 7, publisher: A reseller, url: null, read: 2026-11-01}}
chips: {nvidia-h20-96gb: {price_usd: {value: 11000, from: quote-7, confidence: official, date: 2026-11}}}
"""
    mine = with_theirs(text)
    origin = mine.get(Chip, "nvidia-h20-96gb").origin("price_usd")
    assert (origin.sources, origin.confidence, origin.date) == (("quote-7",), "official", "2026-11")
    assert mine.source("quote-7").publisher == "A reseller"


def test_a_whole_new_chip_needs_no_source_and_is_theirs_throughout() -> None:
    mine = with_theirs(f"chips: {{acme-a1: {WHOLE}}}")
    chip = mine.get(Chip, "A1")
    assert (chip.id, chip.sources, chip.confidence) == ("acme-a1", (USER,), "estimate")
    assert chip.is_theirs("bf16_tflops")
    assert mine.source(USER).title == "mine.yaml"


def test_an_alias_of_theirs_resolves() -> None:
    mine = with_theirs("chips: {nvidia-h20-96gb: {aliases: [our inference card]}}")
    assert mine.get(Chip, "Our Inference Card").id == "nvidia-h20-96gb"
    assert mine.get(Chip, "H20 96GB").id == "nvidia-h20-96gb"


def test_overlays_lie_on_each_other() -> None:
    mine = with_theirs("chips: {nvidia-h20-96gb: {price_usd: 9000}}")
    both = mine.overlaid(parse_yaml("chips: {nvidia-h20-96gb: {tdp_w: 450}}", "shock.yaml")).get(
        Chip, "nvidia-h20-96gb"
    )
    assert (both.price_usd, both.tdp_w) == (9000, 450)
    assert both.overridden == ("price_usd", "tdp_w")


def test_the_catalogue_itself_is_not_touched_and_the_hash_tells_them_apart() -> None:
    mine = with_theirs("chips: {nvidia-h20-96gb: {price_usd: 9000}}")
    assert catalogue.get(Chip, "nvidia-h20-96gb").price_usd != 9000
    assert len({catalogue.hash, mine.hash, with_theirs("chips: {nvidia-h20-96gb: {price_usd: 9001}}").hash}) == 3


def test_a_kind_nobody_knows_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"mine.yaml:1: chip: unknown kind of fact 'chip'.*did you mean chips"):
        with_theirs("chip: {}")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("chips: {nvidia-h20-96gb: {tdp_v: 400}}", "unknown field 'tdp_v'.*did you mean tdp_w"),
        ("chips: {nvidia-h20-96gb: {tdp_w: -1}}", r"chips.nvidia-h20-96gb.tdp_w: expected a number > 0.0; found -1"),
        ("chips: {nvidia-h20-96gb: {memory_gb: 0}}", r"memory_gb: expected a number > 0.0; found 0"),
        ("regions: {cn-nm-ulanqab: {electricity_usd_per_kwh: 45}}", r"expected a number <= 10.0; found 45"),
        ("chips: {nvidia-h20: {tdp_w: 400}}", r"no id of ours is 'nvidia-h20'; did you mean nvidia-h20-141gb or"),
        ("chips: {nvidia-h20-96gb: {tdp_w: 400, from: hearsay}}", "cites 'hearsay'"),
        ("chips: {nvidia-h20-96gb: 400}", "must be a table of fields"),
        ("chips: [nvidia-h20-96gb]", "must be a table of records"),
        ("chips: {acme-a1: {tdp_w: 400}}", "missing field 'name'"),
        ("sources: {quote-7: {title: Quote}}", "missing field 'publisher'"),
        (
            "porting/rules: {cux-x: {category: CUX, what: x, lines: {shell: ['(x']}}}",
            r"porting/rules.cux-x.lines.shell: not a regular expression: missing \), .*found '\(x'",
        ),
        ("porting/rules: {dev-word: {python: {name: [x]}}}", r"dev-word.python.name: no reader .*did you mean names"),
        ("porting/rules: {dev-word: {lines: {dockr: [x]}}}", r"lines.dockr: no reader .*did you mean docker"),
        ("porting/rules: {dev-word: {table: nosuch}}", r"dev-word.table: is none .*'nosuch'; allowed: cuda-names"),
        ("porting/rules: {dev-word: {python: {shapes: [nosuch]}}}", r"python.shapes: no reader .*allowed: block-size"),
        ("porting/rules: {dev-word: {verdicts: {asend: note}}}", r"verdicts.asend: neither .*did you mean ascend"),
        ("porting/rules: {dev-word: {verdicts: {rocm: chang}}}", r"verdicts.rocm: is none .*did you mean change"),
        ("porting/rules: {dev-word: {verdicts: change}}", r"dev-word.verdicts: expected a table"),
        ("porting/rules: {dev-word: {python: {company: [a], words: [b]}, lines: {shell: x}}}", "lines.shell: expected"),
        (
            "porting/rules: {dev-x: {category: DEV, what: x, python: {company: [a]}}}",
            r"dev-x.python.company: is said of words, and the rule has none",
        ),
        (
            "porting/rules: {dev-method: {python: {methods: [foo]}}}",
            r"dev-method.python.methods: lacks 'cuda', .*found \['foo'\]; allowed: a list with 'cuda'",
        ),
        ("porting/rules: {dev-follows: {python: {shapes: []}}}", r"python.shapes: lacks 'follows'"),
        (
            "porting/targets: {ascend: {chips: {new: A9}}}",
            r"chips.new: no support table .*'A9'; allowed: A2, A3, 950DT",
        ),
        ("assumptions: {port-days-per-line: {value: -5}}", r"port-days-per-line.value: nothing of a port is negative"),
        ("assumptions: {port-share-verify: {low: -1}}", r"port-share-verify.low: nothing of a port is negative"),
        ("just text", "must be tables of records by kind"),
    ],
)
def test_what_is_wrong_in_their_file_is_named_with_its_line(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        with_theirs(text)
    assert caught.value.place.file == "mine.yaml"
    assert caught.value.place.line == 1


@pytest.mark.parametrize("field", ["theirs: ''", "overridden: [name]", "id: h20", "exceptions: {tdp_w: {low: 1}}"])
def test_a_record_may_not_say_what_the_loader_fills_in(field: str) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml:1: .*is no field to write"):
        with_theirs(f"chips: {{nvidia-h20-96gb: {{tdp_w: 400, {field}}}}}")


@pytest.mark.parametrize(
    "text",
    [
        "chips: {nvidia-h20-96gb: {tdp_w: {value: 400, low: 500, high: 600}}}",
        "chips: {nvidia-h20-96gb: {tdp_w: {value: 400, high: 300}}}",
        "assumptions: {server-life: {value: 9, high: 8}}",
    ],
)
def test_a_value_lies_in_its_own_range(text: str) -> None:
    with pytest.raises(InputError, match="outside its own range"):
        with_theirs(text)


def test_the_range_of_our_value_is_not_that_of_theirs() -> None:
    mine = with_theirs("assumptions: {server-life: {value: 9}}").get(Assumption, "server-life")
    assert (mine.value, mine.low, mine.high) == (9, None, None)


@pytest.mark.parametrize("aliases", ["5", "null", "true", "{a: b}"])
def test_aliases_that_are_no_list_are_refused(aliases: str) -> None:
    with pytest.raises(InputError, match="aliases"):
        with_theirs(f"chips: {{nvidia-h20-96gb: {{aliases: {aliases}}}}}")


def test_a_file_is_laid_over_on_loading(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("chips: {nvidia-h20-96gb: {price_usd: 9000}}")
    assert load(mine).get(Chip, "nvidia-h20-96gb").price_usd == 9000


def test_an_override_of_a_rule_names_some_verdicts_and_patterns_and_leaves_the_others() -> None:
    ours = catalogue.get(PortRule, "dev-method")
    rules = "porting/rules: {dev-method: {verdicts: {rocm: check}, python: {words: [acme]}, lines: {shell: [acme]}}}"
    rule = with_theirs(rules).get(PortRule, "dev-method")
    assert rule.verdicts == {**ours.verdicts, "rocm": "check"}
    assert rule.python == {**ours.python, "words": ("acme",)}
    assert rule.lines == {**ours.lines, "shell": ("acme",)}
    both = with_theirs("porting/targets: {ascend: {chips: {a5: 950DT}}}").get(PortTarget, "ascend")
    assert both.chips == {**catalogue.get(PortTarget, "ascend").chips, "a5": "950DT"}


def test_a_rule_may_speak_of_a_target_that_stands_below_it() -> None:
    mine = with_theirs(
        "porting/rules: {dev-method: {verdicts: {acme: blocked}}}\n"
        "porting/targets: {acme: {name: Acme, targets: renamed}}"
    )
    assert mine.get(PortRule, "dev-method").verdicts["acme"] == "blocked"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("parameters: {gemm_16bit: .nan}", r"mine\.yaml:1: .*parameters\.gemm_16bit: must be a finite number"),
        ("parameters: {gemm_16bit: .inf}", r"parameters\.gemm_16bit: must be a finite number"),
        ("low_ratio: 5, high_ratio: 1.2", r"low_ratio: lies above high_ratio; found 5"),
    ],
)
def test_a_fit_of_no_numbers_or_without_an_interval_is_refused(fields: str, said: str) -> None:
    fit = f"{{room: training, level: chip, applies_to: nvidia-h20-96gb, {fields}}}"
    with pytest.raises(InputError, match=said):
        with_theirs(f"efficiency: {{mine: {fit}}}")
