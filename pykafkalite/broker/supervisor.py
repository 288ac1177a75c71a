"""What systemd is told of a service of `Type=notify`: ready, stopping. Elsewhere, nothing."""

from __future__ import annotations

import contextlib
import os
import socket

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str) -> None:
    """`READY=1` or `STOPPING=1`, as sd_notify(3) sends it."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.connect("\0" + path[1:] if path.startswith("@") else path)
        supervisor.send(state.encode())
