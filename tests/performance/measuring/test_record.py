import pytest

from polysilicon.facts.catalogue import load
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.hardware import Chip
from polysilicon.performance.curves import Silicon
from polysilicon.performance.kernels import Kernels
from polysilicon.performance.measuring.campaign import LEARNED
from polysilicon.performance.measuring.kernels import MODES, STEPS, Kernel
from polysilicon.performance.measuring.learned import Learned
from polysilicon.performance.measuring.learning import Knowledge, Measured
from polysilicon.performance.measuring.reach import reached, rehearsed
from polysilicon.performance.measuring.record import Subject, checked_id, confidence, known_silicon, read, written
from polysilicon.performance.measuring.rooms import rooms
from polysilicon.performance.measuring.truth import predicted_s
from polysilicon.performance.measuring.work import Job
from polysilicon.records.errors import InputError

SILICON = Silicon(2.0, 20e9, 32e6, {"fp32": 1e11, "bf16": 2e11})
SUBJECT = Subject("our-cpu", 'A "CPU": #1', "cpu", "2026-11-28", "2.13.0", "wall", 16e9)


def learned(dtype="fp32", distrusted=0) -> Learned:
    known = {kind: Knowledge.none(kind, dtype, SILICON) for kind in LEARNED}
    steps = {mode: Measured(Kernel(STEPS[mode], 64.0, 512.0, 2.0), 0.02, 0.01) for mode in MODES}
    reach = {mode: reached(mode, [one], [0.018]) for mode, one in steps.items()}
    return Learned(dtype, SILICON, known, reach, 100, distrusted, 240.0, 0.01, {"to_device": 25e9})


@pytest.fixture
def facts(tmp_path):
    def written_to(subject=SUBJECT, found=None):
        path = tmp_path / "our.yaml"
        path.write_text(written(subject, found or learned()), encoding="utf-8")
        return load(path)

    return written_to


def test_the_catalogue_reads_the_file_back(facts):
    catalogue = facts()
    chip = catalogue.get(Chip, "our-cpu")
    assert chip.name == 'A "CPU": #1'
    assert chip.theirs
    assert (chip.fp32_tflops, chip.bf16_tflops, chip.memory_bw_gbs, chip.sram_mb) == (0.1, 0.2, 20.0, 32.0)
    origin = chip.origin("fp32_tflops")
    assert (origin.confidence, origin.sources, origin.date) == ("measured", ("measured-our-cpu",), "2026-11-28")
    assert origin.low <= chip.fp32_tflops <= origin.high
    assert str(catalogue.source("measured-our-cpu").read) == "2026-11-28"
    assert catalogue.get(Fit, "our-cpu-operators").parameters["link.to_device_gbs"] == 25.0


def test_a_job_is_predicted_the_same_from_the_file(facts):
    found, kept = learned(), read(facts())
    job = rehearsed(Kernel("step_training", 64.0, 512.0, 2.0))
    before = predicted_s(job, "fp32", found.parameters(), found.silicon)
    assert predicted_s(job, kept.dtype, kept.parameters, kept.silicon) == pytest.approx(before, rel=1e-4)


def test_the_kernels_of_a_measured_chip_are_left_to_its_own_rows(facts):
    assert Kernels.of(facts(), "our-cpu").timed == frozenset()


def test_every_parameter_states_its_interval_behind_it():
    lines = [one for one in written(SUBJECT, learned()).splitlines() if ".share: " in one]
    assert lines
    assert all(" # " in one and " to " in one for one in lines)


def test_a_busy_machine_measures_only_an_estimate(facts):
    busy = learned(distrusted=60)
    assert confidence(busy) == "estimate"
    assert facts(found=busy).get(Chip, "our-cpu").confidence == "estimate"


def test_a_chip_of_the_catalogue_keeps_its_own_figures(facts):
    name = "nvidia-h20-96gb"
    assert known_silicon(name, "gpu").peak_flop_per_s["bf16"] == pytest.approx(1.48e14)
    assert known_silicon("our-cpu", "cpu") is None
    subject = Subject(name, "H20", "gpu", "2026-11-28", "2.13.0", "wall", 96e9, ours=True)
    catalogue = facts(subject, learned("bf16"))
    assert not catalogue.get(Chip, name).theirs
    assert read(catalogue).chip.id == name


@pytest.mark.parametrize(("name", "timed"), [("nvidia-h20-96gb", "cpu"), ("cpu-amd-epyc-9654", "gpu")])
def test_a_cpu_never_stands_for_an_accelerator_nor_the_other_way_round(name, timed):
    with pytest.raises(InputError, match=r"--id: .* is of another class"):
        known_silicon(name, timed)


@pytest.mark.parametrize("lost", ["stream.fp32.add.memory", "gemm.fp32@few.share", "step.fp32.decode.stretch"])
def test_a_parameter_that_is_missing_is_named(facts, tmp_path, lost):
    facts()
    path = tmp_path / "our.yaml"
    kept = [one for one in path.read_text().splitlines() if f" {lost}: " not in one]
    path.write_text("\n".join(kept))
    with pytest.raises(InputError, match=rf"parameters\.{lost}: is missing"):
        read(load(path))


def test_a_file_without_a_measured_chip_is_refused():
    with pytest.raises(InputError, match="no measured chip"):
        read(load())


@pytest.mark.parametrize("name", ["Our CPU", "", "../our", "our_cpu", "-our"])
def test_what_is_no_id_is_refused(name):
    with pytest.raises(InputError, match="is no id"):
        checked_id(name)


def test_the_estimators_own_rooms_agree_with_the_kernels(facts):
    """Both rooms are fitted to jobs as the kernels predict them; `estimate` then reads the very file."""
    import numpy as np

    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.layouts import Layouts
    from polysilicon.performance.serving import Layout, estimate_serving
    from polysilicon.performance.training import estimate_training
    from polysilicon.workloads import Serving, Training
    from polysilicon.workloads.model import Transformer

    found = learned("bf16")
    subject = rooms(SUBJECT, found)
    assert set(subject.rooms) == {"training", "serving"}
    catalogue = facts(subject, found)
    cluster = Cluster.from_catalogue(catalogue, "our-cpu", 1.0)
    model = Transformer("own", 4, 1024, 16, 16, 64, 4096, 16384)
    sizes = {"hidden": 1024.0, "heads": 16.0, "ffn": 4096.0, "layers": 4.0, "vocab": 16384.0, "batch": 1.0}
    step = estimate_training(catalogue, model, Training(256, 1), cluster, Layouts.one(precision="bf16", zero_stage=0))
    told = predicted_s(Job("training", sequence=256.0, **sizes), "bf16", found.parameters(), SILICON)
    assert float(np.ravel(step.step_s)[0]) == pytest.approx(told, rel=0.25)
    assert "our-cpu-training" in step.fits_used
    served = estimate_serving(catalogue, model, Serving(256, 2), cluster, Layout(), concurrency=1.0)
    told = predicted_s(Job("decode", sequence=256.0, **sizes), "bf16", found.parameters(), SILICON)
    assert served.tpot_ms.value == pytest.approx(1e3 * told, rel=0.35)
    assert "our-cpu-serving" in served.fits_used
