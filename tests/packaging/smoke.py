"""Run by a clean environment with only the wheel in it: does the main job work there?"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import files
from pathlib import Path

import pyarrow as pa

import pykafkalite as pk

installed = {str(path) for path in files("pykafkalite") or ()}
assert "pykafkalite/py.typed" in installed
assert "pykafkalite/_core/__init__.pyi" in installed
assert not [name for name in installed if name.endswith((".pyx", ".pxd", ".c", ".h"))]

with tempfile.TemporaryDirectory() as directory:
    with pk.open(directory) as log:
        topic = log.create_topic("smoke", partitions=2)
        topic.append_batch(pa.table({"value": [b"one", b"two"], "key": [b"a", b"b"]}))
        topic.append(b"three", key=b"a", headers=[("h", b"v")])
    with pk.open(directory) as log:
        values = log.topic("smoke").scan(values="binary").to_arrow()["value"].to_pylist()
        assert sorted(values) == [b"one", b"three", b"two"], values
        with log.consumer(["smoke"], group="g") as consumer:
            assert sum(batch.num_rows for batch in consumer.batches(timeout=0)) == 3
            consumer.commit()
    script = Path(sys.executable).with_name("pykafkalite")
    environment = {**os.environ, "PYKAFKALITE_AT": directory}
    out = subprocess.run(
        [script, "consume", "smoke", "-o", "raw"], env=environment, check=True, capture_output=True
    ).stdout
    assert sorted(out.split()) == [b"one", b"three", b"two"], out

print("smoke test passed on", sys.version.split()[0], "with pykafkalite", pk.__version__)
