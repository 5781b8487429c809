"""Arrays with the coordinates of the programme's variables, as linopy aligns by label."""

from typing import Any

import numpy as np


def labelled(values: Any, *dims: str) -> Any:
    """`values` as an xarray array over `dims`, each numbered from 0."""
    import xarray

    table = np.asarray(values, dtype=np.float64)
    coords = {dim: np.arange(size) for dim, size in zip(dims, table.shape, strict=True)}
    return xarray.DataArray(table, dims=dims, coords=coords)
