"""From the time of one pass to what a user sees: continuous batching in its steady state.

Ways of asking: `steady` keeps `concurrency` requests in flight, each replaced when it ends; `burst` sends them all at
once and no more, and so does the `batch` of an offline benchmark, which tells its throughput only; `offline` always has
more waiting than fit; `prefill` does nothing but read prompts.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import MICRO, MS_PER_S


@formula
def prompt_s(work_s: Values, pass_overhead_s: Values, prompt_tokens: Values, chunk_tokens: Values) -> Values:
    """Time to read one prompt alone: its arithmetic, and the overhead of each chunk's pass.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4.1: chunked prefills.
    """
    return work_s + pass_overhead_s * np.maximum(prompt_tokens / chunk_tokens, 1.0)


@formula
def prompts_in_pass(prompt_tokens: Values, chunk_tokens: Values, waiting: Values) -> Values:
    """Short prompts that a rank reads in one pass: up to a chunk, and no more than wait.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4.
    """
    return np.clip(chunk_tokens / prompt_tokens, 1.0, np.maximum(waiting, 1.0))


@formula
def prompt_among_others_s(
    work_s: Values, pass_overhead_s: Values, prompt_tokens: Values, chunk_tokens: Values, together: Values
) -> Values:
    """Time that one prompt occupies the chips when `together` are read in a pass.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4.
    """
    return work_s + pass_overhead_s * np.maximum(prompt_tokens / chunk_tokens, 1.0) / together


@formula
def held_sequences(running: Values, room: Values, attn_dp: Values) -> Values:
    """Sequences on the fullest attention rank of a replica that has room for `room` in all.

    What runs on average over time need not be whole; a rank without room for one would have to hold one all the same.

    Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 4.
    """
    return np.minimum(np.ceil(running / attn_dp), np.maximum(room / attn_dp, 1.0))


@formula
def fed_batch(
    output_tokens: Values, input_tokens: Values, chunk_tokens: Values, prompts_first: Values, attn_dp: Values
) -> Values:
    """Sequences that can be kept decoding when each pass reads at most one chunk of prompts a rank.

    An engine that reads all waiting prompts first has no such bound.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4: stall-free batching.
    """
    fed = np.maximum(output_tokens * chunk_tokens / input_tokens, 1.0) * attn_dp
    return np.where(prompts_first > 0.0, np.inf, fed)


@formula
def running_batch(concurrency: Values, memory_batch: Values, fed_batch: Values, engine_batch: Values) -> Values:
    """Sequences that decode together: what is asked for, what fits, what prompts can feed, what the engine allows.

    Source: Yu et al., Orca (OSDI'22), section 4.
    """
    return np.maximum(np.minimum(np.minimum(concurrency, memory_batch), np.minimum(fed_batch, engine_batch)), 1.0)


@formula
def in_step(varied: Values, prompts_first: Values, together: Values, fade: Values, output_tokens: Values) -> Values:
    """Share of the requests in flight that started together and still run in step.

    Where lengths vary (`varied` is 1), or prompts ride along, requests drift apart, the more the longer their outputs.
    Those of equal lengths whose prompts are all read first start and end together, and so do the next.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 3; fitted, see scripts/calibrate_serving.py.
    """
    drifting = np.minimum(together * (output_tokens / 1000.0) ** -fade, 1.0)
    return np.maximum(drifting, (1.0 - varied) * prompts_first)


@formula
def prompt_in_the_way_s(work_s: Values, busy_s: Values, interference: Values, separate: Values) -> Values:
    """Time that reading one prompt takes from those who decode.

    `interference` is the fitted part of the arithmetic that decoding does not hide, `separate` that of what a pass
    costs whatever its size: all of it where prompts have passes of their own, none where they ride along.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 3: hybrid batches and prefill-first schedules.
    """
    return interference * work_s + separate * (busy_s - work_s)


@formula
def interference_s(
    prompt_s: Values, running: Values, output_tokens: Values, attn_dp: Values, pp: Values, in_step: Values
) -> Values:
    """Time that reading others' prompts adds to each token: every sequence brings one prompt in its lifetime.

    Of those in step, half of the prompts are read before the first token. So it is for the last of a burst, whose
    share takes the place of those in step: after them no prompts follow.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 3; conservation of work.
    """
    others = np.maximum(running / (attn_dp * pp) - 1.0, 0.0)
    return (1.0 - 0.5 * in_step) * prompt_s * others / output_tokens


@formula
def tpot_ms(decode_s: Values, interference_s: Values) -> Values:
    """Time per output token after the first.

    Source: MLCommons, MLPerf Inference rules, definition of TPOT.
    """
    return MS_PER_S * (decode_s + interference_s)


@formula
def answer_s(tpot_ms: Values, output_tokens: Values) -> Values:
    """Time from the first token to the last.

    Source: MLCommons, MLPerf Inference rules, definition of TPOT.
    """
    return (output_tokens - 1.0) * tpot_ms / MS_PER_S


@formula
def stay_s(
    prompt_s: Values, token_s: Values, output_tokens: Values, running: Values, attn_dp: Values, pp: Values
) -> Values:
    """Time that a request holds its place: its prompt is read, which gives the first token, then the others follow.

    Where others decode, the first token waits for them and for the prompts beside its own, as later ones do; nobody
    decodes where answers have one token. However short the answers, the prompts of those who run together are read one
    after the other on a rank and stage.

    Source: Yu et al., Orca (OSDI'22), section 4; conservation of work.
    """
    sharing = np.maximum(running / (attn_dp * pp), 1.0)
    later = output_tokens - 1.0
    beside = (1.0 - 1.0 / sharing) * np.minimum(later, 1.0)
    return np.maximum(prompt_s + (beside + later) * token_s, prompt_s * sharing)


@formula
def completions_per_s(running: Values, stay_s: Values) -> Values:
    """Requests that end a second while `running` of them hold a place for `stay_s` each.

    Source: Little, A Proof for the Queuing Formula L = lambda W (Operations Research 9(3), 1961).
    """
    return running / stay_s


@formula
def steady_wait_s(
    prefill_s: Values,
    running: Values,
    concurrency: Values,
    completions_per_s: Values,
    attn_dp: Values,
    pp: Values,
    in_step: Values,
    answer_s: Values = np.inf,
) -> Values:
    """Waiting before the first token with a constant number in flight: for others' prompts, and for a free place.

    Those in step wait for half of one another's prompts. Where answers are over in `answer_s`, before the prompts of
    all others are read, a request waits for what is left of those.

    Source: Little (1961); Yu et al., Orca (OSDI'22), first come, first served.
    """
    others = np.maximum(running / (attn_dp * pp) - 1.0, 0.0)
    prompts = np.maximum(0.5 * in_step * others * prefill_s, others * prefill_s - answer_s)
    return prompts + np.maximum(concurrency - running, 0.0) / completions_per_s


@formula
def unseen_s(
    look_passes: Values,
    decode_s: Values,
    prefill_s: Values,
    completions_per_s: Values,
    running: Values,
    attn_dp: Values,
    pp: Values,
) -> Values:
    """How long a request waits until the engine looks for new ones, and for prompts that are read in one pass with its.

    An engine with nothing to decode looks at once, as where but one of `running` requests has a place at all.

    Source: SGLang, `scheduler_recv_interval`: new requests are taken in after so many passes that decode, or after one
    that read; NVIDIA, TensorRT-LLM, `attention_dp_config`: prompts wait for those of all ranks, for so many passes.
    """
    gap = (look_passes - 1.0) * decode_s * (1.0 - 1.0 / np.maximum(running, 1.0))
    return gap * (0.5 + completions_per_s / (attn_dp * pp) * prefill_s)


@formula
def wave_s(prefill_s: Values, running: Values, completions_per_s: Values, attn_dp: Values, pp: Values) -> Values:
    """How long a burst's places are taken before they are free again: a wave of prompts and their answers.

    Source: Little (1961): places over completions, where prompts aren't read more slowly than answers end.
    """
    return running * np.maximum(prefill_s / (attn_dp * pp), 1.0 / completions_per_s)


@formula
def placed_s(
    prefill_s: Values, riding_s: Values, wave_s: Values, running: Values, attn_dp: Values, pp: Values
) -> Values:
    """Time between two requests of a wave: a prompt's own and `riding_s`, its share of the decoding done beside it.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4; a wave is no longer than its places are taken.
    """
    return np.minimum((prefill_s + riding_s) / (attn_dp * pp), wave_s / running)


@formula
def burst_wait_s(concurrency: Values, running: Values, wave_s: Values, placed_s: Values) -> Values:
    """Mean waiting when all requests come at once: each for the waves before its own, and for those before it in that.

    Source: Little (1961); arrival in waves of as many as find a place, as answers of one length end in their order.
    """
    waves = np.floor(concurrency / running)
    over = concurrency / running - waves
    earlier = wave_s * waves * (0.5 * (waves - 1.0) + over)
    return (earlier + 0.5 * running * placed_s * (waves + over**2)) * running / concurrency


@formula
def last_wave(concurrency: Values, running: Values) -> Values:
    """Requests of a burst's last wave: as many as find a place, or those that are left.

    Source: as the mean waiting of a burst.
    """
    return concurrency - running * (np.ceil(concurrency / running) - 1.0)


@formula
def burst_last_s(concurrency: Values, running: Values, last_wave: Values, wave_s: Values, placed_s: Values) -> Values:
    """Waiting of the last request of a burst: for the waves before its own, and for all others of that.

    Source: as the mean waiting of a burst.
    """
    return (concurrency - last_wave) / running * wave_s + last_wave * placed_s


@formula
def ttft_ms(first_us: Values, prefill_s: Values, wait_s: Values, decode_s: Values) -> Values:
    """Time to the first token: handling the request, waiting, half a pass already under way, reading the prompt.

    Source: MLCommons, MLPerf Inference rules, definition of TTFT; Yu et al., Orca (OSDI'22).
    """
    return MS_PER_S * (first_us * MICRO + wait_s + 0.5 * decode_s + prefill_s)


@formula
def tokens_per_s_per_chip(
    concurrency: Values, output_tokens: Values, ttft_ms: Values, tpot_ms: Values, chips: Values
) -> Values:
    """Output tokens a second and chip with a constant number of requests in flight.

    Source: Little (1961): the number in flight over the time each stays.
    """
    return concurrency * output_tokens * MS_PER_S / (ttft_ms + (output_tokens - 1.0) * tpot_ms) / chips


@formula
def saturated_tokens_per_s_per_chip(completions_per_s: Values, output_tokens: Values, chips: Values) -> Values:
    """Output tokens a second and chip when more requests wait than fit.

    Source: Little (1961).
    """
    return completions_per_s * output_tokens / chips


@formula
def burst_tokens_per_s_per_chip(
    concurrency: Values, output_tokens: Values, last_ttft_ms: Values, last_token_ms: Values, chips: Values
) -> Values:
    """Output tokens a second and chip over a burst, from its start to its last token.

    Nobody's prompt comes after that of the last request.

    Source: Little (1961).
    """
    return concurrency * output_tokens * MS_PER_S / (last_ttft_ms + (output_tokens - 1.0) * last_token_ms) / chips


@formula
def emptied_share(run_s: Values, alone_s: Values, longest_tokens: Values, output_tokens: Values) -> Values:
    """Part of its saturated throughput that a run of `run_s` seconds of work shows: its end waits for one long answer.

    Once nothing waits, answers end one after another; the longest, of the last to begin, is decoded nearly alone, a
    token in `alone_s`. Of those seconds the others' remaining tokens fill as many as an answer of mean length takes.

    Source: MLCommons, LoadGen: offline throughput counts all tokens over the time until the last; conservation of work.
    """
    return run_s / (run_s + alone_s * np.maximum(longest_tokens - output_tokens, 0.0))


@formula
def riding_s(decode_s: Values, prompt_tokens: Values, chunk_tokens: Values, prompts_first: Values) -> Values:
    """A prompt's share of the decoding done in the passes that read it; none where prompts have passes of their own.

    Source: Agrawal et al., Sarathi-Serve (arXiv 2403.02310), section 4: hybrid batches.
    """
    return (1.0 - prompts_first) * decode_s * prompt_tokens / chunk_tokens


@formula
def prompt_tokens_per_s_per_chip(
    input_tokens: Values, prefill_s: Values, attn_dp: Values, pp: Values, chips: Values
) -> Values:
    """Prompt tokens a second and chip of a replica that only reads prompts, one to a rank and stage.

    Source: Zhong et al., DistServe (arXiv 2401.09670), section 3.
    """
    return input_tokens * attn_dp * pp / prefill_s / chips
