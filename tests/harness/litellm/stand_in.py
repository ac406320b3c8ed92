"""A server that answers 200 to every request, for containers in tests of something else.

``python -m tests.harness.litellm.stand_in PORT TEXT``
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    text = b""

    def do_GET(self) -> None:
        """Answer with the text."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def main(port: int, text: str) -> None:
    """Serve on loopback until the process ends."""
    _Handler.text = text.encode()
    ThreadingHTTPServer(("127.0.0.1", port), _Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
