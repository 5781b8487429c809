"""A recommender's short description into a `Recommender`, and what it computes."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.workloads.keys import MOST_LAYERS, Keys
from polysilicon.workloads.model import Recommender
from polysilicon.workloads.work import Work, convolution_flop, product, streamed


def from_description(config: Mapping[str, Any], name: str) -> Recommender:
    """The recommender that a table of MLPerf DLRM's own flag names describes.

    Keys: `num_embeddings_per_feature`, `multi_hot_sizes` (1 each where absent), `embedding_dim`,
    `num_dense_features`, `dense_arch_layer_sizes`, `over_arch_layer_sizes`, `dcn_num_layers`, `dcn_low_rank_dim`.

    Raises:
        InputError: a key is missing, no sane number, or the tables' two lists differ in length.
    """
    keys = Keys(config, name)
    rows = keys.sizes("num_embeddings_per_feature")
    lookups = keys.sizes("multi_hot_sizes") if keys.has("multi_hot_sizes") else (1,) * len(rows)
    if len(lookups) != len(rows):
        place = Place(name, None, "multi_hot_sizes")
        raise InputError(f"must have one entry for each of the {len(rows)} tables", place=place, found=len(lookups))
    return Recommender(
        name=name,
        rows=rows,
        lookups=lookups,
        embedding_dim=keys.positive("embedding_dim"),
        dense_features=keys.positive("num_dense_features"),
        bottom=keys.sizes("dense_arch_layer_sizes"),
        top=keys.sizes("over_arch_layer_sizes"),
        cross_layers=keys.count("dcn_num_layers", default=0, most=MOST_LAYERS),
        cross_rank=keys.count("dcn_low_rank_dim", default=0),
    )


def table_parameters(model: Recommender) -> float:
    """Parameters of the embedding tables."""
    return float(sum(model.rows)) * model.embedding_dim


def row_work(model: Recommender) -> Work:
    """What the perceptrons and the interaction compute for one sample's forward pass; the tables are not in it.

    Source: Naumov et al., DLRM (arXiv 1906.00091), section 2; Wang et al., DCN V2 (arXiv 2008.13535), equation 2 with
    the low-rank form of section 3.4.
    """
    vectors, features = float(len(model.rows) + 1), float((len(model.rows) + 1) * model.embedding_dim)
    work = streamed(2.0 * features, 0.0)
    for inner, outer in (*pairwise((model.dense_features, *model.bottom)), *pairwise((_top_width(model), *model.top))):
        work += product(1.0, inner, outer) + streamed(2.0 * outer)
    for _ in range(model.cross_layers):
        work += product(1.0, features, model.cross_rank) + product(1.0, model.cross_rank, features)
        work += streamed(4.0 * features, features)
    if not model.cross_layers:
        dots = convolution_flop(vectors, float(model.embedding_dim), vectors, 1.0)
        work += Work(dots, 0.0, features + vectors * vectors, features, 2.0, 0.0)
    return work


def _top_width(model: Recommender) -> int:
    vectors = len(model.rows) + 1
    if model.cross_layers:
        return vectors * model.embedding_dim
    return vectors * (vectors - 1) // 2 + model.embedding_dim
