import numpy as np
import pytest

from polysilicon.porting.verifying import levels, probes
from polysilicon.porting.verifying.graph import GIVEN
from polysilicon.porting.verifying.interpreter import evaluate


@pytest.fixture(scope="module")
def case(exported):
    return exported("transformer")


@pytest.fixture(scope="module")
def values(case):
    return evaluate(case.graph, case.feeds, "fp32")


def test_a_cut_graph_computes_every_node_from_given_values(case, values):
    nodes = [one for one in case.graph.nodes if one.inputs]
    part = case.graph.cut([[one] for one in nodes], values)
    assert all(one.endswith(GIVEN) for one in part.inputs)
    found = evaluate(part, probes.as_run(part, values), "fp32")
    for one in part.outputs:
        np.testing.assert_array_equal(found[one], values[one])


def test_blocks_are_those_of_the_module_and_compute_the_same(case, values):
    groups = levels.groups(case.graph)
    assert [group[0].scope[0] for group in groups] == ["embedding", "blocks.0", "blocks.1", "last_norm", "head"]
    part = case.graph.cut(groups, values)
    found = evaluate(part, probes.as_run(part, values), "fp32")
    for one in part.outputs:
        np.testing.assert_array_equal(found[one], values[one])


def test_a_graph_has_the_same_hash_again_and_another_weight_another(case, values):
    nodes = [[case.graph.nodes[0]]]
    assert case.graph.cut(nodes, values).sha256 == case.graph.cut(nodes, values).sha256 != case.graph.sha256


def test_nodes_know_the_module_and_the_operator_of_pytorch_that_they_came_from(case):
    named = {one.aten for one in case.graph.nodes}
    assert {"aten.linear", "aten.softmax.int", "aten.silu"} <= named
    assert any(one.scope[-1] == "blocks.0.attention.output" for one in case.graph.nodes if one.scope)


def test_small_probes_are_small_and_edges_hold_what_is_not_finite(case, values):
    part = case.graph.cut([[one] for one in case.graph.nodes if one.inputs], values)
    plain, small, edges = (probes.PROBES[one](part, values) for one in ("values of the run", "small", "edges"))
    name = next(one for one in part.inputs if plain[one].dtype == np.float32 and plain[one].size > 100)
    np.testing.assert_allclose(small[name], plain[name] * 1e-3, rtol=1e-6)
    assert np.isnan(edges[name]).any()
    assert np.isinf(edges[name]).any()


def test_ends_are_rows_that_the_table_has(case, values):
    part = case.graph.cut([[one] for one in case.graph.nodes if one.op == "Gather"], values)
    fed = probes.PROBES["first and last row"](part, values)
    index = next(one for one in part.inputs if fed[one].dtype == np.int64)
    assert set(np.unique(fed[index])) == {0, 255}


def test_nodes_of_a_kind_are_tried_once(case, values):
    kinds = probes.distinct(case.graph, values)
    assert len(kinds) < len(case.graph.nodes) / 2
    assert {one.op for one in case.graph.nodes} == {case.graph.nodes[at].op for at in kinds.values()}
