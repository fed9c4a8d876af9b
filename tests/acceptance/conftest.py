"""One product for the tests that only use it; those that stop or kill one start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.product import Product


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    running = Product(tmp_path_factory.mktemp("product"), demo=True).start()
    yield running
    running.kill()
