from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disk import Disk


@pytest.fixture
def new_disk(tmp_path: Path) -> Iterator[Callable[..., Disk]]:
    """Makes disks; closes them all."""
    made: list[Disk] = []

    def make(name: str = "store", **options: Any) -> Disk:
        made.append(Disk(tmp_path / name, **options))
        return made[-1]

    yield make
    for disk in made:
        disk.close()


@pytest.fixture
def disk(new_disk: Callable[..., Disk]) -> Disk:
    return new_disk()
