"""Stands for a program that the fork server runs: has its streams, passes signals on, and ends as it does.

Its words: the folder of the server, the name of its socket, and the words after `python`.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def main(folder: str, imported: str, *words: str) -> None:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(f"{folder}/{imported}")
        asked = json.dumps({"words": words, "env": dict(os.environ), "folder": str(Path.cwd())}).encode()
        socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
        server.sendall(asked)
        for number in PASSED_ON:
            signal.signal(number, lambda number, _: server.sendall(bytes([number])))
        status = int(server.makefile().readline())
    except (OSError, ValueError):
        sys.exit(f"The fork server has ended.\n{Path(folder, 'log').read_text()}")
    if status < 0:
        for number in PASSED_ON:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


main(*sys.argv[1:])
