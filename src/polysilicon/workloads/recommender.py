"""A recommender's short description into a `Recommender`, and what it computes."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.records.recorder import formula
from polysilicon.workloads.keys import Keys
from polysilicon.workloads.model import Recommender


def from_description(config: Mapping[str, Any], name: str) -> Recommender:
    """The recommender that a table of MLPerf DLRM's own flag names describes.

    Keys: `num_embeddings_per_feature`, `multi_hot_sizes` (1 each where absent), `embedding_dim`,
    `num_dense_features`, `dense_arch_layer_sizes`, `over_arch_layer_sizes`, `dcn_num_layers`, `dcn_low_rank_dim`.

    Raises:
        InputError: a key is missing, no sane number, or the tables' two lists differ in length.
    """
    keys = Keys(config, name)
    rows = keys.counts("num_embeddings_per_feature")
    lookups = keys.counts("multi_hot_sizes") if keys.has("multi_hot_sizes") else (1,) * len(rows)
    if len(lookups) != len(rows):
        place = Place(name, None, "multi_hot_sizes")
        raise InputError(f"must have one entry for each of the {len(rows)} tables", place=place, found=len(lookups))
    return Recommender(
        name=name,
        rows=rows,
        lookups=lookups,
        embedding_dim=keys.positive("embedding_dim"),
        dense_features=keys.positive("num_dense_features"),
        bottom=keys.counts("dense_arch_layer_sizes"),
        top=keys.counts("over_arch_layer_sizes"),
        cross_layers=keys.count("dcn_num_layers", default=0),
        cross_rank=keys.count("dcn_low_rank_dim", default=0),
    )


def table_parameters(model: Recommender) -> float:
    """Parameters of the embedding tables."""
    return float(sum(model.rows)) * model.embedding_dim


def dense_parameters(model: Recommender) -> float:
    """Parameters of the perceptrons and the interaction, biases included."""
    features = (len(model.rows) + 1) * model.embedding_dim
    crossed = model.cross_layers * (2 * features * model.cross_rank + features)
    return float(
        _perceptron((model.dense_features, *model.bottom)) + crossed + _perceptron((_top_width(model), *model.top))
    )


@formula
def sample_flop(dense_parameters: float, interaction_flop: float) -> float:
    """Arithmetic of one sample's forward pass: a multiply and an add for each dense parameter, and the interaction.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2; Wang et al., DCN V2 (arXiv 2008.13535), section 3.
    """
    return 2.0 * dense_parameters + interaction_flop


def interaction_flop(model: Recommender) -> float:
    """Arithmetic of the pairwise dot products; a DCN's is in its parameters already."""
    vectors = len(model.rows) + 1
    return 0.0 if model.cross_layers else 2.0 * vectors * vectors * model.embedding_dim


@formula
def lookup_bytes(lookups: float, embedding_dim: float, element_bytes: float) -> float:
    """Embedding rows that one sample reads, each in full.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2.1.
    """
    return lookups * embedding_dim * element_bytes


def _top_width(model: Recommender) -> int:
    vectors = len(model.rows) + 1
    if model.cross_layers:
        return vectors * model.embedding_dim
    return vectors * (vectors - 1) // 2 + model.embedding_dim


def _perceptron(widths: tuple[int, ...]) -> int:
    return sum(one * other + other for one, other in pairwise(widths))
