import datetime as dt

import pytest

from polysilicon.facts import Catalogue, load


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture
def today() -> dt.date:
    return dt.date(2026, 11, 24)
