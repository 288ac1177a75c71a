"""The broker: a store served over Kafka's wire protocol.

`wire` is the door to kio, which reads and writes every message; `frames`, `connection` and `server`
move bytes; `router` finds the handler of a request; `handlers/` has one file per API.
"""
