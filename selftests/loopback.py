"""A file server on the loopback interface that stands for the public host, and can misbehave as one does."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Host:
    """What is served, what goes wrong, and what was asked for."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        """Body by path, less the leading slash."""
        self.headers: dict[str, dict[str, str]] = {}
        """Headers by path, of answers and refusals."""
        self.faults: list[str] = []
        """One an answer, first to last, then none: "503", "cut" (ends early), "hang up", "stall"."""
        self.asked: list[str] = []
        self.pause = 0.0
        """Seconds between the two halves of a body."""

    def publish(self, folder: Path, below: str) -> None:
        """Serve every file of a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.files[f"{below}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()


@contextmanager
def serving() -> Iterator[Host]:
    """Yield a running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            path = self.path.removeprefix("/")
            self.send_response(200 if path in host.files else 404)
            self.send_header("Content-Length", str(len(host.files.get(path, b""))))
            self.end_headers()

        def end_headers(self) -> None:
            for name, value in host.headers.get(self.path.removeprefix("/"), {}).items():
                self.send_header(name, value)
            super().end_headers()

        def do_GET(self) -> None:
            path = self.path.removeprefix("/")
            host.asked.append(path)
            fault = host.faults.pop(0) if host.faults else ""
            body = host.files.get(path)
            if fault == "hang up":
                return
            if fault.isdecimal() or body is None:
                self.send_error(int(fault or 404))
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "stall":
                stalled.wait(10)
            time.sleep(host.pause)
            if not fault:
                self.wfile.write(body[len(body) // 2 :])

        def log_message(self, *args: object) -> None:
            pass

    stalled = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield host
    finally:
        stalled.set()
        server.shutdown()
        thread.join()
        server.server_close()
