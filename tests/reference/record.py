#!/usr/bin/env python3
"""Records what airbyte-cdk does with the cases in this folder: see README.md.

    pip install airbyte-cdk==7.39.1 freezegun
    python tests/reference/record.py                      # cases that have no expected.json yet
    python tests/reference/record.py decoders/gzip csv    # cases whose names hold one of these
    python tests/reference/record.py --check              # all again; names those that differ

No socket is opened: the reference's HTTP adapter is answered from answers.json. The clock stands
still but for the reference's own waits, which take no time and move it on.
"""
import argparse
import base64
import contextlib
import io
import json
import logging
import multiprocessing
import os
import pathlib
import random
import re
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
from importlib.metadata import version

import pandas  # noqa: F401  the reference loads it when it first reads a table: too late, once time stands still

HOME = pathlib.Path(__file__).resolve().parent
CDK = "7.39.1"
OPTIONS = {"now": ["2024-01-06T07:08:09.123456Z", "2024-01-07T07:08:09.123456Z"], "clock": "moves"}
PATIENCE = 60
# Sleeps of the machinery that shares work among threads are no part of what the reference does.
MACHINERY = ("airbyte_cdk.sources.concurrent_source", "airbyte_cdk.sources.streams.concurrent", "concurrent.", "threading")
# Identifiers come by chance.
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
real_sleep = time.sleep


def load(path, default):
    return json.loads(path.read_text()) if path.exists() else default


class Mock:
    """Answers by answers.json, and remembers what it was asked."""

    def __init__(self, answers, part):
        self.answers = [dict(a) for a in answers if a.get("pass") in (None, part)]
        self.requests, self.fetched = [], []
        self.lock = threading.Lock()

    def answer(self, request):
        parts = urllib.parse.urlsplit(request.url)
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        body = request.body or b""
        body = body.read() if hasattr(body, "read") else body
        body = body.encode() if isinstance(body, str) else body
        headers = {k.lower(): v if isinstance(v, str) else v.decode("latin-1") for k, v in request.headers.items()}
        path = urllib.parse.unquote(parts.path) or "/"
        asked = {
            "method": request.method, "url": f"{parts.scheme}://{parts.netloc}{path}",
            "query": sorted(list(pair) for pair in query), "headers": telling(headers), "body": shaped(body, headers)}
        with self.lock:
            fitting = (a for a in self.answers if fits(a, request.method, path, query, headers, body.decode("utf-8", "replace")))
            answer = next(fitting, {"status": 404, "json": {"error": "no such answer"}})
            # The reference keeps a parent's answers, but whether it has them yet is chance.
            if request.method != "GET" or answer.get("status", 200) >= 400 or asked not in self.fetched:
                self.requests.append(asked)
            if answer.get("status", 200) < 400:
                self.fetched.append(asked)
            if "times" in answer:
                answer["times"] -= 1
        return answer


def fits(answer, method, path, query, headers, body):
    return (answer.get("times", 1) > 0
            and answer.get("method", method) == method
            and answer["path"] == path
            and all([k, v] in [list(pair) for pair in query] for k, v in answer.get("query", {}).items())
            and all(headers.get(k.lower()) == v for k, v in answer.get("headers", {}).items())
            and answer.get("body_contains", "") in body)


def telling(headers):
    """Without what an HTTP library adds of itself."""
    import requests
    usual = {k.lower(): v for k, v in requests.utils.default_headers().items()}
    said = {k: v for k, v in headers.items() if usual.get(k) != v and k not in ("host", "connection", "content-length", "transfer-encoding")}
    if "content-type" in said:
        said["content-type"] = said["content-type"].split(";")[0].strip().lower()
    return dict(sorted(said.items()))


def shaped(body, headers):
    if not body:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {"form": sorted(list(pair) for pair in urllib.parse.parse_qsl(text, keep_blank_values=True))}
    try:
        return {"json": json.loads(text)}
    except ValueError:
        return {"text": text}


def install(mock):
    import requests
    import urllib3

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        answer = mock.answer(request)
        headers = {"Content-Type": "application/json"} if "json" in answer else {}
        headers.update(answer.get("response_headers", {}))
        if "json" in answer:
            data = json.dumps(answer["json"]).encode()
        elif "base64" in answer:
            data = base64.b64decode(answer["base64"])
        else:
            data = answer.get("text", "").encode()
        raw = urllib3.HTTPResponse(
            body=io.BytesIO(data), headers=headers, status=answer.get("status", 200), reason="OK",
            preload_content=False, decode_content=False)
        return self.build_response(request, raw)

    requests.adapters.HTTPAdapter.send = send


def install_clock(frozen, moves):
    waits = []

    def sleep(seconds=0):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller.startswith(MACHINERY) or not seconds:
            return real_sleep(0.0002)
        waits.append(round(float(seconds), 3))
        if moves:
            frozen.tick(float(seconds))
        return real_sleep(0)

    time.sleep = sleep
    return waits


def source(manifest, config, catalog=None, state=None):
    from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
    return ConcurrentDeclarativeSource(catalog=catalog, config=config, state=state, source_config=manifest)


def reason(error):
    told = f"{type(error).__name__}: {getattr(error, 'internal_message', None) or error}"
    cause = getattr(error.__cause__, "message", "")
    return f"{told}: {cause}"[:500] if cause else told[:500]


def plain(serializer, value):
    import orjson
    return json.loads(orjson.dumps(serializer.dump(value), default=str))


def check(manifest, config):
    made = source(manifest, config)
    status = made.check(logging.getLogger("airbyte"), made._config or config)
    return {"status": status.status.value}


def specify(manifest, config):
    from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, Type
    made = source(manifest, config)
    message = AirbyteMessage(type=Type.SPEC, spec=made.spec(logging.getLogger("airbyte")))
    said = plain(AirbyteMessageSerializer, message)["spec"]
    return {"spec": {key: value for key, value in said.items() if value is not False}}


def discover(manifest, config):
    from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, Type
    made = source(manifest, config)
    found = made.discover(logging.getLogger("airbyte"), made._config or config)
    message = AirbyteMessage(type=Type.CATALOG, catalog=found)
    return {"streams": plain(AirbyteMessageSerializer, message)["catalog"]["streams"]}


def configured(catalog, streams):
    """The catalogue of the case, or every stream, incremental where it can be."""
    if isinstance(catalog, dict):
        return catalog
    by_name = {stream["name"]: stream for stream in streams}
    wanted = by_name.values() if catalog is None else [by_name[name] for name in catalog]

    def one(stream):
        mode = "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh"
        return {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}
    return {"streams": [one(stream) for stream in wanted]}


def read(manifest, config, catalog, states):
    from airbyte_cdk.models import AirbyteMessageSerializer, AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer
    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog)
    messages = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}} for name, state in states.items()]
    state = [AirbyteStateMessageSerializer.load(message) for message in messages]
    out = {"records": {}, "states": {}, "failed": {}, "controls": []}
    statuses, errors, gone = {}, {}, None
    made = None
    try:
        made = source(manifest, config, catalog, state)
        for message in made.read(logging.getLogger("airbyte"), made._config or config, catalog, state):
            said = plain(AirbyteMessageSerializer, message)
            if said["type"] == "RECORD":
                said = said["record"]
                out["records"].setdefault(said["stream"], []).append(said["data"])
                if said.get("file_reference"):
                    out.setdefault("files", {}).setdefault(said["stream"], []).append(kept(said))
            elif said["type"] == "STATE":
                stream = said["state"]["stream"]
                out["states"][stream["stream_descriptor"]["name"]] = stream.get("stream_state") or {}
            elif said["type"] == "CONTROL":
                out["controls"].append(said["control"]["connectorConfig"]["config"])
            elif said["type"] == "TRACE" and said["trace"].get("stream_status"):
                status = said["trace"]["stream_status"]
                statuses[status["stream_descriptor"]["name"]] = status["status"]
            elif said["type"] == "TRACE" and said["trace"].get("error"):
                error = said["trace"]["error"]
                name = (error.get("stream_descriptor") or {}).get("name", "")
                errors.setdefault(name, (error.get("internal_message") or error.get("message") or "")[:300])
    except Exception as error:
        gone = reason(error)
    if gone and not statuses:
        return {"refused": gone}
    for name, status in statuses.items():
        if status != "COMPLETE":
            out["failed"][name] = UUID.sub("<uuid>", errors.get(name) or gone or "")
    text = lambda record: json.dumps(record, sort_keys=True, ensure_ascii=False)
    for part in [part for part in ("records", "files") if part in out]:
        out[part] = {name: sorted(records, key=text) for name, records in sorted(out[part].items())}
    out["states"], out["failed"] = dict(sorted(out["states"].items())), dict(sorted(out["failed"].items()))
    return out


def kept(record):
    """The file of a record, as it lies where files are staged."""
    said = record["file_reference"]
    path = pathlib.Path(said["staging_file_url"])
    if str(path) != os.path.join(os.environ["AIRBYTE_STAGING_DIRECTORY"], said["source_file_relative_path"]):
        raise ValueError(f"a file lies elsewhere: {said}")
    return {"of": record["data"], "path": UUID.sub("<uuid>", said["source_file_relative_path"]), "bytes": said["file_size_bytes"], "text": path.read_bytes().decode("latin-1")}


def phase(work, arguments, options, now, answers, part, pipe):
    """One call of the reference, in a process of its own: it keeps caches in classes."""
    import freezegun
    from airbyte_cdk.sources.utils import files_directory
    place = tempfile.TemporaryDirectory(prefix="reference-")
    os.environ["REQUEST_CACHE_PATH"] = os.environ["AIRBYTE_STAGING_DIRECTORY"] = place.name
    files_directory.AIRBYTE_STAGING_DIRECTORY = place.name
    random.seed(0)
    mock = Mock(answers, part)
    printed = io.StringIO()
    try:
        install(mock)
        with freezegun.freeze_time(now) as frozen, contextlib.redirect_stdout(printed):
            waits = install_clock(frozen, options["clock"] == "moves")
            try:
                result = work(*arguments)
            except (ImportError, NameError):
                raise
            except Exception as error:
                result = {"refused": reason(error)}
        for line in printed.getvalue().splitlines():
            if line.startswith("{") and json.loads(line).get("type") == "CONTROL":
                result.setdefault("controls", []).append(json.loads(line)["control"]["connectorConfig"]["config"])
        if not result.get("controls"):
            result.pop("controls", None)
        result["requests"] = counted(mock.requests)
        if waits:
            result["waits"] = sorted(waits)
        pipe.send(result)
    except BaseException:
        pipe.send({"broken": traceback.format_exc()})
    pipe.close()
    place.cleanup()
    os._exit(0)


def counted(requests):
    counts = {}
    for request in requests:
        text = json.dumps(request, ensure_ascii=False)
        counts[text] = counts.get(text, 0) + 1
    return [dict(json.loads(text), n=n) for text, n in sorted(counts.items())]


def run(work, arguments, options, now, answers, part=None):
    here, there = multiprocessing.Pipe(False)
    child = multiprocessing.get_context("fork").Process(target=phase, args=(work, arguments, options, now, answers, part, there))
    child.start()
    there.close()
    result = None
    if here.poll(PATIENCE):
        with contextlib.suppress(EOFError):
            result = here.recv()
    if child.is_alive():
        child.join(1)
        child.kill()
    child.join()
    if result is None or "broken" in result:
        sys.exit((result or {}).get("broken") or f"the reference did not end within {PATIENCE} s in {work.__name__}")
    return result


def record(folder):
    import yaml
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    config, answers = load(folder / "config.json", {}), load(folder / "answers.json", [])
    options = {**OPTIONS, **load(folder / "options.json", {})}
    first, second = options["now"]
    specified = run(specify, (manifest, config), options, first, answers)
    checked = run(check, (manifest, config), options, first, answers)
    found = run(discover, (manifest, config), options, first, answers)
    catalog = configured(load(folder / "catalog.json", None), found.get("streams", []))
    names = [entry["stream"]["name"] for entry in catalog["streams"]]
    passes, states = [], load(folder / "state.json", {})
    for number, now in enumerate((first, second), 1):
        result = run(read, (manifest, config, catalog, states), options, now, answers, number)
        passes.append({"now": now, **result})
        states = result.get("states", {})
    status = checked.get("status", "FAILED")
    expected = {"cdk": CDK, "spec": specified.get("spec"), "check": status, "streams": found.get("streams"), "selected": names, "passes": passes}
    if "refused" in found:
        expected["refused"] = found["refused"]
    return shown(expected) + "\n"


def shown(value, indent=""):
    """JSON whose short parts stand on one line."""
    text = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(text) <= 140 or not isinstance(value, (dict, list)):
        return text
    inner = indent + " "
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + shown(item, inner) for item in value) + "\n" + indent + "]"
    fields = (f"{inner}{json.dumps(key, ensure_ascii=False)}: {shown(item, inner)}" for key, item in value.items())
    return "{\n" + ",\n".join(fields) + "\n" + indent + "}"


def language():
    """Every component type of the language; parts without a type of their own with the fields that hold them."""
    import airbyte_cdk.sources.declarative.concurrent_declarative_source as declarative
    schema = declarative.get_declarative_component_schema()
    everything = {"DeclarativeSource": schema, **schema["definitions"]}
    kind = {name: part.get("properties", {}).get("type", {}).get("enum", [None])[0] for name, part in everything.items()}

    def holds(part, name):
        if isinstance(part, list):
            return any(holds(item, name) for item in part)
        return isinstance(part, dict) and (part.get("$ref") == f"#/definitions/{name}" or any(holds(item, name) for item in part.values()))

    def places(name, seen=()):
        for owner, part in everything.items():
            for field, value in part.get("properties", {}).items():
                if holds(value, name) and owner not in (name, *seen):
                    yield from [f"{kind[owner]}.{field}"] if kind[owner] else places(owner, (name, *seen))
    return {kind[name] or name: [] if kind[name] else sorted(set(places(name))) for name in sorted(everything, key=lambda name: kind[name] or name)}


def places():
    """The fields of each component type that hold components which need no Python code."""
    import airbyte_cdk.sources.declarative.concurrent_declarative_source as declarative
    schema = declarative.get_declarative_component_schema()
    everything = {"DeclarativeSource": schema, **schema["definitions"]}
    kind = {name: part.get("properties", {}).get("type", {}).get("enum", [None])[0] for name, part in everything.items()}

    def holds(part):
        if isinstance(part, list):
            return any(holds(item) for item in part)
        if not isinstance(part, dict):
            return False
        held = kind.get(part.get("$ref", "").split("/")[-1])
        return bool(held and not held.startswith("Custom")) or any(holds(item) for item in part.values())
    fields = lambda part: [field for field, value in part.get("properties", {}).items() if holds(value)]
    return {kind[name]: fields(part) for name, part in sorted(everything.items()) if kind[name] and fields(part)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", help="only cases whose names hold one of these, again")
    arguments.add_argument("--all", action="store_true", help="every case, again")
    arguments.add_argument("--check", action="store_true", help="write nothing; name what differs")
    arguments.add_argument("--language", action="store_true", help="write language.json and places.json: the component types there are, and where they stand")
    arguments = arguments.parse_args()
    if version("airbyte-cdk") != CDK:
        sys.exit(f"airbyte-cdk {version('airbyte-cdk')} is installed, the reference is {CDK}")
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The reference walks through sets; their order must be the same each time.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    logging.disable(logging.CRITICAL)
    if arguments.language:
        (HOME / "language.json").write_text(shown(language()) + "\n")
        (HOME / "places.json").write_text(shown(places()) + "\n")
        return
    import airbyte_cdk.sources.declarative.concurrent_declarative_source as declarative
    schema = declarative.get_declarative_component_schema()
    declarative.get_declarative_component_schema = lambda: schema
    differ = []
    for manifest in sorted(HOME.glob("*/*/manifest.yaml")):
        folder, name = manifest.parent, str(manifest.parent.relative_to(HOME))
        target = folder / "expected.json"
        if arguments.names and not any(part in name for part in arguments.names):
            continue
        if not (arguments.names or arguments.all or arguments.check) and target.exists():
            continue
        text = record(folder)
        if arguments.check and text != target.read_text():
            differ.append(name)
        elif not arguments.check:
            target.write_text(text)
        records = sum(len(rows) for part in json.loads(text)["passes"] for rows in part.get("records", {}).values())
        print(f"{name}: {records} records" + (" DIFFERS" if name in differ else ""), flush=True)
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
