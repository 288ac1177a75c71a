"""What the library's speed is measured by: `make bench` prints the figures, `pytest bench/micro` the parts."""
