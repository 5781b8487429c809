import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.performance.operators import exposed_s, gemm_bytes, gemm_flop, gemm_s, roofline_s

SIZE = st.integers(1, 20_000).map(float)


@given(SIZE, SIZE, SIZE)
def test_a_product_is_never_faster_than_its_roofline(rows, columns, inner):
    flop, traffic = gemm_flop(rows, columns, inner), gemm_bytes(rows, columns, inner, 2.0, 2.0)
    assert gemm_s(flop, traffic, 500e12, 2e12) >= roofline_s(flop, traffic, 500e12, 2e12)


def test_columns_and_numbers_agree():
    sizes = np.array([16.0, 4096.0])
    table = gemm_flop(sizes, 128.0, 256.0)
    assert list(table) == [gemm_flop(one, 128.0, 256.0) for one in sizes]


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 1))
def test_what_is_exposed_lies_between_nothing_and_the_whole_transfer(transfer, hideable, overlap):
    exposed = exposed_s(transfer, hideable, overlap)
    assert transfer * (1 - overlap) <= exposed + 1e-12
    assert exposed <= transfer + 1e-12
