#!/usr/bin/env python3
"""Size and start of the function packages: zipped bytes, and process start to first response.

    cargo lambda build --release --x86-64 --output-format zip
    bench/functions.py target/lambda [STARTS]

The program is started as Lambda starts it, under a stand-in of the runtime's HTTP interface that
hands it one event and stops the clock at its answer. What works off a queue gets a batch without
messages, what runs on a schedule finds a DynamoDB and an S3 that answer "nothing" at once, and
`webhook` gets a notice of a tenant that nobody knows.
"""

import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

EVENTS = {
    "extract": {"Records": []},
    "schedule": {"sweep": True},
    "transform": {"Records": []},
    "compact": {"sweep": True},
    "export": {"due": True},
    "report": {"due": True},
    "intake": {"Records": []},
    "push": {"Records": []},
    "webhook": {
        "version": "2.0",
        "rawPath": "/webhooks/nobody/shop",
        "headers": {},
        "requestContext": {"http": {"method": "POST", "path": "/webhooks/nobody/shop"}},
        "body": "{}",
        "isBase64Encoded": False,
    },
}


class Runtime(http.server.BaseHTTPRequestHandler):
    """Lambda's runtime interface, and an S3 and DynamoDB that hold nothing."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.wfile = self.connection.makefile("wb", buffering=65536)

    def do_GET(self):
        if self.path.endswith("/runtime/invocation/next"):
            if self.server.handed.is_set():
                self.server.ended.wait()
                return
            self.server.handed.set()
            headers = {
                "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
            }
            self.answer(200, json.dumps(self.server.event).encode(), headers)
        elif "list-type=2" in self.path:
            body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
            self.answer(200, body, {"Content-Type": "application/xml"})
        else:
            body = b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>"
            self.answer(404, body, {"Content-Type": "application/xml"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/runtime/" in self.path:
            self.server.first = time.perf_counter()
            self.server.kind = self.path.rsplit("/", 1)[1]
            self.answer(202, b"{}", {})
            self.server.ended.set()
        else:
            nothing = b'{"Items":[],"Count":0,"ScannedCount":0}'
            self.answer(200, nothing, {"Content-Type": "application/x-amz-json-1.0"})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """A function that was killed leaves its connections: that is no error."""

    daemon_threads = True

    def handle_error(self, *_):
        pass


def start(program, name):
    server = Server(("127.0.0.1", 0), Runtime)
    server.event = EVENTS[name]
    server.handed, server.ended = threading.Event(), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    env = {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_ENDPOINT_URL": f"http://{address}",
        "LAKE_BUCKET": "lake",
        "STATE_TABLE": "state",
        "JOBS_QUEUE_URL": f"http://{address}/000000000000/jobs",
        "JOBS_DEAD_LETTERS_URL": f"http://{address}/000000000000/dead",
        "TRANSFORM_QUEUE_URL": f"http://{address}/000000000000/commits",
        "TRANSFORM_DEAD_LETTERS_URL": f"http://{address}/000000000000/commits-dead",
        "FILES_QUEUE_URL": f"http://{address}/000000000000/looks",
        "FILES_DEAD_LETTERS_URL": f"http://{address}/000000000000/looks-dead",
        "ATHENA_WORKGROUP": "headwater",
        "ATHENA_DATABASE": "headwater",
        "PUSH_QUEUE_URL": f"http://{address}/000000000000/pushes",
        "PUSH_DEAD_LETTERS_URL": f"http://{address}/000000000000/pushes-dead",
        "SECRETS_PREFIX": "headwater",
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [program], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if not server.ended.wait(10):
        process.kill()
        sys.exit(f"{name} gave no answer: {process.stderr.read().decode()}")
    with open(f"/proc/{process.pid}/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM")).split()[1]
    process.kill()
    process.wait()
    server.shutdown()
    server.server_close()
    return (server.first - began) * 1000, int(peak) / 1024, server.kind


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "target/lambda"
    starts = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    print("| function | zipped | unzipped | first response, median | slowest of "
          f"{starts} | memory |\n| --- | --: | --: | --: | --: | --: |")
    for name in EVENTS:
        package = os.path.join(folder, name, "bootstrap.zip")
        with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(package) as packed:
            program = packed.extract("bootstrap", unpacked)
            os.chmod(program, 0o755)
            times = [start(program, name) for _ in range(starts)]
            took = [one[0] for one in times]
            print(
                f"| `{name}` | {os.path.getsize(package) / 1e6:.2f} MB "
                f"| {os.path.getsize(program) / 1e6:.1f} MB "
                f"| {statistics.median(took):.1f} ms | {max(took):.1f} ms "
                f"| {max(one[1] for one in times):.1f} MiB |"
            )
            print(f"{name}: {sorted({one[2] for one in times})}", file=sys.stderr)


if __name__ == "__main__":
    main()
