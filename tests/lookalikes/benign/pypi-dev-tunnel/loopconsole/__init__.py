"""A Python console over a local socket, for debugging one's own process."""
import code
import socketserver
import threading


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        console = code.InteractiveConsole({"__name__": "console"})
        for line in self.rfile:
            more = console.push(line.decode().rstrip("\n"))
            self.wfile.write(b"... " if more else b">>> ")


def serve(port=4242):
    """Listen on 127.0.0.1 only; whoever can connect can run code, so use it on your own machine."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", port), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
