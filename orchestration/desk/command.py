"""`python -m orchestration desk`: the desk on the loopback address, until it is stopped."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from orchestration.paths import DataDirectory

PORT = 3100


def register(commands: Any) -> None:
    desk = commands.add_parser(
        "desk",
        help="检查文件、处理待决定事项的网页 · a page where a department checks its file and a person decides what waits",
    )
    desk.add_argument("--port", type=int, default=PORT)
    desk.set_defaults(do=serve)


def serve(chosen: argparse.Namespace, data: DataDirectory, console: Console) -> int:
    import os
    import signal
    import socket

    import uvicorn

    from orchestration.desk.page import application

    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", chosen.port))
        except OSError:
            console.print(
                f" 端口 {chosen.port} 已被占用，请用 make desk PORT=… · port {chosen.port} is taken: make desk PORT=…",
                markup=False,
            )
            return 1
    console.print(f" http://127.0.0.1:{chosen.port} （Ctrl-C 结束 · Ctrl-C ends it）", markup=False)
    # Who closes the window of the terminal ends the desk too, and what it holds of people's files with it.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    uvicorn.run(application(data), host="127.0.0.1", port=chosen.port, log_level="warning")
    return 0
