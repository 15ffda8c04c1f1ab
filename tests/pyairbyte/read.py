"""Headwater as a local executable source of PyAirbyte, against an API on loopback.

    python read.py path/to/headwater folder-for-its-files

Every step holds what PyAirbyte got against what the API has; the first difference ends the
program with an assertion and the exit code 1.
"""

import http.server
import json
import os
import stat
import sys
import threading
import urllib.parse
from pathlib import Path

# No registry is asked and nothing is reported: all that runs is on this machine.
os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}

HEADWATER = Path(sys.argv[1]).resolve()
FOLDER = Path(sys.argv[2]).resolve()
os.environ["AIRBYTE_LOGGING_ROOT"] = str(FOLDER / "logs")
MANIFEST = Path(__file__).with_name("shop.yaml").resolve()
TOKEN = "t0ken-of-the-shop"
PAGE = 40

FOLDER.mkdir(parents=True, exist_ok=True)
os.chdir(FOLDER)


def order(number: int, updated: str) -> dict:
    return {
        "id": number,
        "name": None if number % 7 == 0 else f"Zoë \U0001f600 {number}",
        "total": number * 1.25,
        "paid": number % 2 == 0,
        "address": {"city": f"Łódź {number}"},
        "tags": ["a", "b"][: number % 3],
        "updated": updated,
    }


ORDERS = [order(n, f"2024-01-{1 + n // 10:02}T00:00:{n % 60:02}Z") for n in range(1, 101)]
CALLS: list[str] = []


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status: int, body) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        CALLS.append(self.path)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "who are you?"})
        if url.path == "/orders":
            found = [o for o in ORDERS if o["updated"] >= query.get("since", "")]
            first = int(query.get("page", 0))
            last = first + PAGE
            following = str(last) if last < len(found) else None
            return self.answer(200, {"orders": found[first:last], "next": following})
        if url.path.startswith("/orders/") and url.path.endswith("/lines"):
            number = int(url.path.split("/")[2])
            return self.answer(200, [{"line": n, "sku": f"{number}-{n}"} for n in (1, 2)])
        return self.answer(404, {"error": "nothing here"})


def refused(what) -> Exception:
    try:
        what()
    except Exception as error:  # noqa: BLE001 - PyAirbyte's own classes, told apart by name
        return error
    raise AssertionError("this must not succeed")


def own(records) -> list[dict]:
    """The records without the columns that PyAirbyte adds."""
    return [{k: v for k, v in dict(r).items() if not k.startswith("_airbyte")} for r in records]


def main() -> None:
    import airbyte as ab

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "base_url": f"http://127.0.0.1:{server.server_port}/",
        "token": TOKEN,
        "start_date": "2024-01-01T00:00:00Z",
    }
    executable = FOLDER / "source-shop"
    executable.write_text(f'#!/bin/sh\nexec "{HEADWATER}" source "$@" --manifest "{MANIFEST}"\n')
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR)

    def source(**changed):
        return ab.get_source(
            "source-shop", config=config | changed, local_executable=str(executable)
        )

    shop = source()
    assert shop.config_spec["required"] == ["base_url", "token", "start_date"], shop.config_spec
    shop.check()
    assert shop.get_available_streams() == ["orders", "lines", "broken"]
    print("spec, check, discover: as the manifest says")

    got = own(shop.get_records("orders"))
    assert got == ORDERS, (len(got), got[:2])
    got = own(shop.get_records("lines"))
    truth = [{"line": n, "sku": f"{o['id']}-{n}", "order": o["id"]} for o in ORDERS for n in (1, 2)]
    order_of = lambda r: (r["order"], r["line"])  # noqa: E731
    assert sorted(got, key=order_of) == truth, (len(got), got[:2])
    assert len(own(shop.get_records("orders", limit=5))) == 5
    print(f"read: {len(ORDERS)} orders and {len(truth)} lines, equal to what the API has")

    cache = ab.new_local_cache("shop", cache_dir=FOLDER / "cache", cleanup=False)
    shop.select_streams(["orders"])
    assert shop.read(cache=cache).processed_records == len(ORDERS)
    latest = max(o["updated"] for o in ORDERS)
    ORDERS.append(order(101, "2024-02-01T00:00:00Z"))
    ORDERS[0] |= {"paid": True, "updated": "2024-02-02T00:00:00Z"}
    CALLS.clear()
    again = source()
    again.select_streams(["orders"])
    read = again.read(cache=cache)
    since = urllib.parse.parse_qs(urllib.parse.urlsplit(CALLS[0]).query)["since"]
    assert since == [latest], (since, latest)
    changed = [o for o in ORDERS if o["updated"] >= latest]
    assert read.processed_records == len(changed), (read.processed_records, len(changed))
    rows = {row["id"]: row["paid"] for row in cache["orders"]}
    assert rows == {o["id"]: o["paid"] for o in ORDERS}, len(rows)
    print(f"incremental: the second read asks since {latest}, the cache holds the truth")

    error = refused(source(token="wrong").check)
    assert type(error).__name__ == "AirbyteConnectorCheckFailedError", repr(error)
    assert "401" in str(error), str(error)
    broken = source()
    broken.select_streams(["broken"])
    error = refused(lambda: broken.read(cache=cache))
    assert type(error).__name__ == "AirbyteConnectorFailedError", repr(error)
    error = refused(source(start_date=5).validate_config)
    assert type(error).__name__ == "AirbyteConnectorValidationFailedError", repr(error)
    print("refusals: a wrong token, a stream that fails and a wrong setting are errors")

    # PyAirbyte logs a message that it cannot read, and goes on without it.
    logged = "".join(file.read_text() for file in (FOLDER / "logs").rglob("*.log"))
    assert logged, "PyAirbyte logs somewhere else"
    for kind in ("SPEC", "CATALOG", "RECORD", "STATE", "STREAM_STATUS"):
        assert f'"type":"{kind}"' not in logged, f"PyAirbyte did not understand a {kind}"
    print("messages: PyAirbyte understood all of them")


main()
