"""Prompts read and answers decoded apart, for people."""

from rich.console import Group, RenderableType

from polysilicon.performance.serving import SplitEstimate, SplitSearch
from polysilicon.report.estimate import doubts
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import number, ranged


def split_search(found: SplitSearch) -> RenderableType:
    """The best pair of workers, what it gains, and the best of every other pair of chips."""
    tried = f"{found.tried:,} workers tried, every pair of them compared"
    return Group(_split(found.best), "", text(tried, "dim"), "", table(found.pairs))


def _split(best: SplitEstimate) -> RenderableType:
    named: list[tuple[str, object]] = [
        ("prefill", f"{best.prefill.spoken} of {best.prefill.layout.chips} x {best.prefill.name}"),
        ("decode", f"{best.decode.spoken} of {best.decode.layout.chips} x {best.decode.name}"),
        ("first token", f"{ranged(best.ttft_ms, 'ms')}; sending the cache {number(best.transfer_ms, 3)} ms"),
        ("each later token", ranged(best.tpot_ms, "ms")),
        ("throughput", ranged(best.tokens_per_s_per_chip, "tokens/s a chip")),
        ("requests", f"{number(best.requests_per_s, 3)} a second, {number(best.concurrency)} in flight"),
        ("prefill at work", f"{number(100 * best.prefill_busy, 3)} % of the time"),
        ("link", f"{number(best.link_gbs, 3)} GB/s between a pair of workers"),
        ("against one place", _gain(best)),
    ]
    return Group(
        text(f"serving {best.model}, prompts and answers apart, {best.engine}", "bold"),
        text(f"{number(best.input_tokens)} tokens in, {number(best.output_tokens)} out", "dim"),
        "",
        pairs(named),
        *doubts(str(one) for one in best.doubts),
    )


def _gain(best: SplitEstimate) -> str:
    if best.gain is None:
        return "neither chip meets the targets when it does both"
    verb = "gains" if best.gain >= 1 else "loses"
    return (
        f"{verb} {number(abs(100 * (best.gain - 1)), 3)} %: the better chip gives {number(best.together or 0.0, 3)} "
        "tokens/s when it does both"
    )
