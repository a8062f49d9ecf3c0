"""Requests byte by byte, with the very headers that a test gives: no client library adds or mends any."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from http.client import HTTPConnection, HTTPResponse

from tests.server.serving import Answer, Server

FORM = "xYzZy"


class Line:
    """One connection that is kept open, since thousands of requests go over it; `with` closes it."""

    def __init__(self, server: Server) -> None:
        self.origin = server.origin
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=15)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Answer:
        """Send a request of the server's own page; the path goes out as it is."""
        headers = {} if body is None else {"Content-Type": kind, "Origin": self.origin}
        self.connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers | {"Content-Length": str(len(body or b""))}).items():
            self.connection.putheader(name, value)
        self.connection.endheaders(body)
        response = self.connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


def exchange(server: Server, request: bytes, timeout: float = 15) -> Answer:
    """Send some bytes and read one answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        return Answer(response.status, dict(response.getheaders()), response.read())


def request(server: Server, line: str, headers: Sequence[str] = (), body: bytes = b"") -> bytes:
    """A request; `{port}` in a header is the server's. A `Host` is added unless a header begins with it."""
    given = [header.format(port=server.port) for header in headers]
    if not any(header.lower().startswith("host") for header in given):
        given.insert(0, f"Host: 127.0.0.1:{server.port}")
    if body and not any(header.lower().startswith(("content-length", "transfer-encoding")) for header in given):
        given.append(f"Content-Length: {len(body)}")
    head = "\r\n".join((f"{line} HTTP/1.1", *(header for header in given if header != "Host"), "", ""))
    return head.encode("latin-1") + body


def ask(server: Server, line: str, headers: Sequence[str] = (), body: bytes = b"") -> Answer:
    return exchange(server, request(server, line, headers, body))


def form(fields: Iterable[tuple[str, str | None, bytes]]) -> bytes:
    """A multipart body of (name, file name, content)."""
    parts: list[bytes] = []
    for name, file, content in fields:
        where = f'; filename="{file}"' if file is not None else ""
        parts.append(f'--{FORM}\r\nContent-Disposition: form-data; name="{name}"{where}\r\n\r\n'.encode() + content)
    return b"\r\n".join((*parts, f"--{FORM}--\r\n".encode()))
