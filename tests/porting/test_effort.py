import msgspec
import pytest

from polysilicon.planning.formulation import porting_fee_musd
from polysilicon.porting.effort import PARTS, charge, effort
from polysilicon.records.document import Document

TIED = {
    "a.py": "import torch\nimport flash_attn\n"
    + "".join(f"x{at} = torch.zeros(3, device='cuda')\n" for at in range(30)),
    "k.cu": "__global__ void k(float *x) {\n" + "  x[0] += 1;\n" * 40 + "}\n",
}


@pytest.fixture
def efforts(scanned, catalogue):
    return {one.target: one for one in effort(catalogue, scanned(TIED, "ascend", "rocm", "mps"))}


def test_the_interval_is_in_order_and_the_parts_add_up(efforts):
    for one in efforts.values():
        assert 0 < one.days.p10 <= one.days.p50 <= one.days.p90
        assert set(one.parts) == set(PARTS)
        total = sum(one.parts.values()) + one.fixed_days + one.verify_days
        assert one.days.p10 < total < one.days.p90


def test_a_stack_of_another_name_costs_more_than_one_that_answers_as_cuda(efforts):
    assert efforts["ascend"].days.p50 > efforts["rocm"].days.p50
    assert "cux-kernel" in efforts["ascend"].blocked


def test_the_same_seed_gives_the_same_days(scanned, catalogue):
    told = scanned(TIED, "ascend")
    assert effort(catalogue, told) == effort(catalogue, told)
    assert effort(catalogue, told, seed=1) != effort(catalogue, told)


def test_days_a_line_are_the_users(scanned, catalogue):
    told = scanned(TIED, "ascend")
    cheap, dear = (effort(catalogue, told, rate)[0] for rate in (0.01, 0.1))
    assert (cheap.days_per_line, dear.days_per_line) == (0.01, 0.1)
    assert sum(dear.parts.values()) == pytest.approx(10 * sum(cheap.parts.values()))
    assert dear.lines == cheap.lines


def test_nothing_is_capped(scanned, catalogue):
    many = {f"m{at}.cu": TIED["k.cu"] for at in range(300)}
    assert effort(catalogue, scanned(many, "ascend"))[0].days.p50 > 150


def test_more_ties_are_never_less_work(scanned, catalogue):
    few = effort(catalogue, scanned({"a.py": "x.cuda()\n"}, "ascend"))[0]
    more = effort(catalogue, scanned({"a.py": "x.cuda()\n" * 20}, "ascend"))[0]
    assert more.lines.p50 > few.lines.p50
    assert more.lines.p50 < 20 * few.lines.p50


def test_a_plan_reads_it_as_the_charge_of_a_stack(scanned, catalogue):
    told = effort(catalogue, scanned(TIED, "ascend@910b", "ascend@950dt", "mps"))
    facts = charge(told)
    assert list(facts["stacks"]) == ["cann"]
    overlaid = catalogue.overlaid(Document("effort.json", msgspec.to_builtins(facts), {}))
    months = facts["stacks"]["cann"]["porting_effort_person_months"]["value"]
    before, after = (float(porting_fee_musd(one, "cann").value) for one in (catalogue, overlaid))
    assert after / before == pytest.approx(months / 18, rel=0.05)


def test_what_is_replaced_as_a_whole_is_replaced_once(scanned, catalogue):
    once = effort(catalogue, scanned({"a.py": "import bitsandbytes\n"}, "ascend"))[0]
    often = effort(catalogue, scanned({"a.py": "import bitsandbytes\n" + "bitsandbytes.f()\n" * 200}, "ascend"))[0]
    assert once.lines.p50 < often.lines.p50 < 3 * once.lines.p50
