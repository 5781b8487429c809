"""Why a step over unequal pools takes as long as it does: the tree of formulas and records behind it."""

from dataclasses import replace

from polysilicon.performance.explain import Known, known_job, plain
from polysilicon.performance.job import Job
from polysilicon.performance.pool_data import exposed_s
from polysilicon.performance.pool_layers import part_of, parts_of, place_of, times_of
from polysilicon.performance.pool_splits import Split, data_step_s, layer_step_s
from polysilicon.performance.pools import Link, overhead_s, with_overhead
from polysilicon.performance.step import breakdown
from polysilicon.performance.values import Values
from polysilicon.records.recorder import Recorder, Step


def explain_split(split: Split, link: Link) -> Step:
    """The explanation of the `step_s` of a split: formulas with citations down to records and the user's inputs."""
    recorder = Recorder()
    known = Known(recorder)
    recorder.known(link.bytes_per_s, "the link between pools: bandwidth")
    recorder.known(link.latency_s, "the link between pools: latency")
    jobs = [
        known_job(recorder, seat.catalogue, seat.model, seat.task, seat.pool.cluster, part.layouts)
        for seat, part in zip(split.seats, split.parts, strict=True)
    ]
    shares = [known.value(part.share, f"share of {part.pool}") for part in split.parts]
    chips = known.value(sum(part.pool.chips for part in split.parts), "chips of all pools")
    with recorder:
        step = (_by_data if split.by == "data" else _by_layers)(jobs, shares, chips, link)
    return plain(recorder.tree(step))


def _by_data(jobs: list[Job], shares: list[Values], chips: float, link: Link) -> Values:
    own = [replace(job, global_batch=share) for job, share in zip(jobs, shares, strict=True)]
    ready = [with_overhead(job, breakdown(job), chips).step_s for job in own]
    return data_step_s(ready, [exposed_s(job, len(own), chips, link) for job in own])


def _by_layers(jobs: list[Job], shares: list[Values], chips: float, link: Link) -> Values:
    places = [place_of(at, len(jobs)) for at in range(len(jobs))]
    own = [part_of(job, share, place) for job, share, place in zip(jobs, shares, places, strict=True)]
    times = [times_of(job, parts_of(job, place), link)[1:] for job, place in zip(own, places, strict=True)]
    return layer_step_s(times, lambda body: [overhead_s(job, {"layers_s": body}, chips) for job in own])
