#!/usr/bin/env python3
"""Landing objects to typed Parquet: Headwater's transform beside DuckDB's COPY and Polars' sink, on the same files.

    bench/transform.py [ORDERS] [--repeat N] [--work FOLDER] [--peers PYTHON]

Builds the command and the sandbox in release, pulls ORDERS (default 1,000,000) of the sandbox's large shop once, and then
makes the shipped `order` model's rows of what landed: Headwater by `replay` (commits, digests, contract checks, quarantine,
drift, receipts and all), the peers by one statement over the same objects, one thread each. PYTHON is an interpreter that has
`duckdb` and `polars`. Prints one line of JSON a run and a table of medians.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORT = 7717
TENANT = """connections:
  shop:
    source: rutter
    streams: [orders]
    parallel: 4
    config:
      base_url: http://127.0.0.1:{port}/rutter/versioned
      start_date: "{since}"
      page_size: 500
      client_id: {{secret: rutter-client-id}}
      client_secret: {{secret: rutter-client-secret}}
      access_token: {{secret: shop-access-token}}
"""


def run(command, env=None, log=None):
    """Runs to the end; gives wall and CPU seconds and the peak of resident memory in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=log, stderr=subprocess.STDOUT)
    _, status, usage = os.wait4(process.pid, 0)
    cpu = usage.ru_utime + usage.ru_stime
    taken = {"wall": time.monotonic() - began, "cpu": cpu, "mib": usage.ru_maxrss / 1024}
    return {**taken, "failed": status} if status else taken


def landed(data):
    return sum(file.stat().st_size for file in (data / "lake/landing").rglob("*.zst"))


def prepare(work, orders, headwater, sandbox):
    """A data folder with that many orders landed."""
    data, config = work / "data", work / "config"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("tenants", "customers"))
    overlay = config / "sources/rutter.headwater.yaml"
    kept = [line for line in overlay.read_text().splitlines() if not line.startswith(("budget:", "reconcile:"))]
    overlay.write_text("\n".join(kept) + "\n")
    for model in (config / "models").glob("*.yaml"):
        if model.stem != "order":
            model.unlink()
    server = subprocess.Popen([sandbox, work / "world", f"127.0.0.1:{PORT}", str(orders)])
    try:
        admin = f"http://127.0.0.1:{PORT}/__admin"
        for _ in range(100):
            told = subprocess.run(["curl", "-sf", f"{admin}/world"], capture_output=True, check=False)
            if told.returncode == 0:
                break
            time.sleep(0.1)
        subprocess.run(["curl", "-sf", "-X", "POST", f"{admin}/limits?enforced=false"], check=True, stdout=subprocess.DEVNULL)
        since = json.loads(told.stdout)["since"]
        (config / "tenants").mkdir()
        (config / "tenants/bluebird.yaml").write_text(TENANT.format(port=PORT, since=since))
        keys = sandbox_keys()
        for name, value in keys.items():
            file = data / "secrets/bluebird" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(value)
        env = {"HEADWATER_DATA": str(data)}
        if run([headwater, "sync", "bluebird", "--folder", str(config), "--limit", "1h"], env).get("failed"):
            sys.exit("the orders cannot be pulled")
    finally:
        server.kill()
        server.wait()
    return data, config


def sandbox_keys():
    """The large shop's keys, which are constants of the sandbox."""
    text = (ROOT / "shared/sandbox/src/account/directory.rs").read_text()
    names = ["rutter-client-id", "rutter-client-secret", "shop-access-token"]
    constants = dict(zip(["client_id", "client_secret"], [None, None]))
    for name in constants:
        constants[name] = text.split(f"{name}: \"", 1)[1].split('"', 1)[0]
    token = text.split("access_token: \"", 1)[1].split('"', 1)[0]
    return dict(zip(names, [constants["client_id"], constants["client_secret"], token]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("orders", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/headwater-transform"))
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--bin", type=Path, default=None, help="a folder with headwater and sandbox, built already")
    options = parser.parse_args()
    if options.bin is None:
        build = ["cargo", "build", "--release", "-q", "-p", "headwater", "-p", "sandbox", "--example", "sandbox", "--bin", "headwater"]
        subprocess.run(build, check=True, cwd=ROOT)
        release = ROOT / "target/release"
        headwater, sandbox = release / "headwater", release / "examples/sandbox"
    else:
        headwater, sandbox = options.bin / "headwater", options.bin / "sandbox"
    data, config = prepare(options.work, options.orders, headwater, sandbox)
    folder, size = data / "lake/landing/rutter/orders", landed(data)
    plain = sum(
        int(subprocess.run(f"zstd -dc '{file}' | wc -c", shell=True, capture_output=True, check=True).stdout)
        for file in folder.rglob("*.zst")
    )
    print(json.dumps({"orders": options.orders, "landed": size, "plain": plain}), flush=True)
    env = {"HEADWATER_DATA": str(data), "POLARS_MAX_THREADS": "1"}
    peers = ROOT / "bench/transform"
    tools = {
        "headwater": [headwater, "replay", "--model", "order", "--folder", str(config)],
        "duckdb": [options.peers, peers / "peer_duckdb.py", folder, options.work / "duckdb.parquet"],
        "duckdb-512MB": [options.peers, peers / "peer_duckdb.py", folder, options.work / "duckdb.parquet", "512MB"],
        "polars": [options.peers, peers / "peer_polars.py", folder, options.work / "polars.parquet"],
    }
    runs = {name: [] for name in tools}
    for _ in range(options.repeat):
        for name, command in tools.items():
            with open(options.work / f"{name}.log", "w") as log:
                taken = run([str(part) for part in command], env, log)
            runs[name].append(taken)
            print(json.dumps({"tool": name, **{key: round(value, 2) for key, value in taken.items()}}), flush=True)
    print(f"\n{'tool':14} {'wall s':>8} {'CPU s':>8} {'MB/s a CPU s':>13} {'rows/CPU s':>11} {'MiB':>7}")
    for name, taken in runs.items():
        taken = [one for one in taken if "failed" not in one]
        if not taken:
            print(f"{name:14} failed, see {options.work / name}.log")
            continue
        wall, cpu, mib = (statistics.median(one[key] for one in taken) for key in ("wall", "cpu", "mib"))
        print(f"{name:14} {wall:8.1f} {cpu:8.1f} {plain / cpu / 1e6:13.0f} {options.orders / cpu:11,.0f} {mib:7.0f}")


if __name__ == "__main__":
    main()
