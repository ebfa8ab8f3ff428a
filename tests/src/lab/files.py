"""Serves a folder by GET and stores what PUT sends: FOLDER PORT."""

import functools
import http.server
import pathlib
import socket
import sys


class Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        length = int(self.headers["Content-Length"])
        path = pathlib.Path(self.directory) / pathlib.PurePosixPath(self.path).name
        path.write_bytes(self.rfile.read(length))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and IPv4 besides


folder, port = sys.argv[1:]
handler = functools.partial(Files, directory=folder)
with Server(("::", int(port)), handler) as server:
    print("ready")
    server.serve_forever()
