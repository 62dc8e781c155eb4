"""A proxy before the server that remembers what went through it, for tests of what is sent and what is not."""

import http.client
import http.server
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

# Of one connection only, or counted anew by whoever sends.
NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Exchange:
    method: str
    path: str
    body: bytes
    status: int


class Proxy:
    """Passes requests on to the server at `target`, which is asked by the name of the proxy, and so answers with URLs of it."""

    def __init__(self, target):
        self.exchanges = []
        address = urlsplit(target)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(handler):
                body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
                connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
                headers = {name: value for name, value in handler.headers.items() if name.lower() not in NOT_PASSED_ON}
                connection.request(handler.command, handler.path, body, headers | {"Content-Length": str(len(body))})
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                self.exchanges.append(Exchange(handler.command, handler.path, body, answer.status))
                handler.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in NOT_PASSED_ON:
                        handler.send_header(name, value)
                handler.send_header("Content-Length", str(len(content)))
                handler.end_headers()
                handler.wfile.write(content)

            do_GET = do_POST = do_PUT = pass_on

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def uploads(self):
        """The bodies that were put so far."""
        return [exchange.body for exchange in self.exchanges if exchange.method == "PUT"]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
