"""A masked encoder's short description into an `Encoder`, and what it computes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.workloads.keys import MOST_LAYERS, Keys
from polysilicon.workloads.model import Encoder
from polysilicon.workloads.work import Work, attention, edge, product, streamed


def from_description(config: Mapping[str, Any], name: str) -> Encoder:
    """The encoder that a table of BERT's own configuration keys describes.

    Keys: `num_hidden_layers`, `hidden_size`, `intermediate_size`, `vocab_size`, `mlm_probability`; and of the data
    `padded_tokens` and `tokens`, those of a sample with and without padding.

    Raises:
        InputError: a key is missing, no sane number, or a sample has more tokens without padding than with it.
    """
    keys = Keys(config, name)
    padded = keys.positive("padded_tokens")
    tokens = keys.positive("tokens", default=padded)
    if tokens > padded:
        place = Place(name, None, "tokens")
        raise InputError(
            "more tokens without padding than with it", place=place, found=tokens, allowed=f"1 to {padded}"
        )
    return Encoder(
        name=name,
        layers=keys.positive("num_hidden_layers", most=MOST_LAYERS),
        hidden=keys.positive("hidden_size"),
        ffn_hidden=keys.positive("intermediate_size"),
        vocab=keys.positive("vocab_size"),
        tokens=tokens,
        padded_tokens=padded,
        predicted_share=keys.share("mlm_probability"),
    )


def text_work(model: Encoder) -> Work:
    """What one text costs on its way through the encoder: every block, and the head over the masked tokens.

    The head's last product shares its weights with the embedding, which is looked up and takes no arithmetic.

    Source: Devlin et al., BERT (arXiv 1810.04805), section 3 and appendix A.
    """
    h, wide, here = float(model.hidden), float(model.ffn_hidden), float(model.tokens)
    block = edge(here * h) + product(here, h, 3.0 * h) + attention(here, here, h) + product(here, h, h)
    block += streamed(here * 5.0 * h, here * 2.0 * h, 2.0)
    block += product(here, h, wide) + streamed(here * 2.0 * wide, here * wide) + product(here, wide, h)
    block += streamed(here * 5.0 * h, here * 2.0 * h, 2.0)
    whole = sum([block] * (model.layers - 1), block)
    masked = here * model.predicted_share
    whole += streamed(here * 3.0 * h, here * h, 2.0) + product(masked, h, h) + streamed(masked * 3.0 * h, masked * h)
    whole += product(masked, h, float(model.vocab)) + streamed(masked * 4.0 * model.vocab, masked * model.vocab)
    positions = float(model.padded_tokens) * h
    return replace(whole, parameters=whole.parameters + positions, layers=float(model.layers), hidden=h, tokens=here)
