"""The same named workloads on a real Kafka and on `pykafkalite serve`, in turns; see __main__.py."""
