#!/usr/bin/env python3
"""Partner files to a CRM, the whole path: SFTP, archive, decoding, inbox, batches, calls, outcomes.

    bench/push.py [TRANSACTIONS] [USERS] [--files N] [--bin HEADWATER] [--work FOLDER]
    bench/push.py 400000 100000 --limit 1000 --minutes 3

Builds the command in the `demo` profile unless HEADWATER names one that is built already. One file of USERS (default 200,000) and N
files (default 1) with TRANSACTIONS (default 1,000,000) together wait on an OpenSSH server; `headwater up` takes them in and
pushes them to the sandbox's CRM, which runs as a process of its own. Without --limit the CRM counts calls and refuses none;
with it, it refuses more than so many a minute, and the run ends after so many minutes of calls. What the CRM holds in the end
is held against the files. Prints what went on as lines of JSON, then a summary with a projection.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from sshd import Sshd

ROOT = Path(__file__).resolve().parent.parent
TENANT = """feeds:
  loyalty:
    from:
      sftp: {{host: 127.0.0.1, port: {port}, user: {user}, host_keys: ["{fingerprint}"], path: loyalty}}
    config: {{private_key: {{secret: sftp-key}}}}
pushes:
  crm:
    destination: crm
    config:
      base_url: {crm}
      client_id: heron-crm-71d0
      client_secret: {{secret: crm-secret}}
      api_key: {{secret: crm-key}}
      calls_per_minute: {calls}
    from: [{{feed: loyalty}}]
"""
SECRETS = {"crm-secret": "heron-crm-secret-5e02c8", "crm-key": "heron-crm-key-a41f"}
# What is allowed when nothing is refused: more calls than can be made.
LIFTED = 100_000
# The partner's real load, for the projection.
REAL = {"transactions": 100_000_000, "users": 20_000_000, "calls a minute": 1_000}


def write_users(path, count):
    with open(path, "w") as file:
        file.write("external_id,email,mobile,first_name,last_name,source,updated_at\n")
        for n in range(count):
            file.write(f"U-{n:09},u{n}@example.test,+4915{n:09},Ada,Lovelace,INSTORE,2026-02-01T{n % 24:02}:00:00Z\n")


def write_transactions(path, first, count, users):
    with open(path, "w") as file:
        file.write("trx_id,external_id,bill_number,billing_date,amount,currency,source,type\n")
        for n in range(first, first + count):
            user = n * 7919 % users
            cents = 99 + n * 104_729 % 250_000
            file.write(
                f"T-{n:010},U-{user:09},B-2026-{n:010},2026-02-{1 + n % 28:02}T{n % 24:02}:15:00,"
                f"{cents // 100}.{cents % 100:02},EUR,INSTORE,REGULAR\n"
            )


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def ask(url, method="GET", body=None):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def usage(pid):
    """CPU seconds so far, resident memory now and at its peak in MiB."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status if line.startswith(("VmRSS", "VmHWM")))
    return cpu, *(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def count(folder):
    return sum(1 for file in folder.rglob("*.json")) if folder.exists() else 0


class Run:
    """Sandbox, SFTP server and `headwater up`, over folders of their own."""

    def __init__(self, options, headwater):
        self.options, self.work = options, options.work
        shutil.rmtree(self.work, ignore_errors=True)
        self.data, self.config, self.drop = self.work / "data", self.work / "config", self.work / "drop/loyalty"
        self.drop.mkdir(parents=True)
        port = free_port()
        self.admin, crm = f"http://127.0.0.1:{port}/__admin/crm", f"http://127.0.0.1:{port}"
        self.log = open(self.work / "log", "w")
        sandbox = [headwater, "sandbox", "--port", str(port), "--data", self.work / "world"]
        self.sandbox = subprocess.Popen(sandbox, stdout=self.log, stderr=self.log)
        self.sshd = Sshd(self.work / "sshd", self.work / "drop")
        self.prepare(crm)
        self.await_sandbox()
        limit = options.limit or LIFTED
        settings = {"enforced": options.limit is not None, "rate_calls": limit, "idempotency_seconds": 600}
        ask(f"{self.admin}/settings", "POST", settings)
        places = ["--data", self.data, "--folder", self.config]
        env = {**os.environ, "HEADWATER_ALLOW_HOSTS": f"127.0.0.1:{port},127.0.0.1:{self.sshd.port}"}
        self.began = time.monotonic()
        self.up = subprocess.Popen([headwater, "up", "--json", *places], env=env, stdout=self.log, stderr=self.log)

    def prepare(self, crm):
        shutil.copytree(ROOT / "config", self.config, ignore=shutil.ignore_patterns("tenants", "customers", "sources", "models"))
        feed = self.config / "feeds/loyalty.yaml"
        # Files are whole before anything looks at them.
        feed.write_text(feed.read_text().replace("stable_for: 2s", "stable_for: 0s"))
        (self.config / "tenants").mkdir()
        tenant = TENANT.format(
            port=self.sshd.port, user=self.sshd.user, fingerprint=self.sshd.fingerprint, crm=crm,
            calls=self.options.limit or LIFTED,
        )
        (self.config / "tenants/heron.yaml").write_text(tenant)
        secrets = self.data / "secrets/heron"
        secrets.mkdir(parents=True)
        for name, value in {**SECRETS, "sftp-key": self.sshd.key.read_text()}.items():
            (secrets / name).write_text(value)
        each = self.options.transactions // self.options.files
        write_users(self.drop / "heron_USER_20260201000000_001.csv", self.options.users)
        for n in range(self.options.files):
            name = f"heron_TRX_20260201000000_{n + 1:03}.csv"
            write_transactions(self.drop / name, n * each, each, self.options.users)
        self.bytes = sum(file.stat().st_size for file in self.drop.iterdir())

    def await_sandbox(self):
        for _ in range(600):
            try:
                return ask(self.admin)
            except OSError:
                time.sleep(0.1)
        sys.exit(f"the sandbox did not start, see {self.work}/log")

    def watch(self):
        """Says what goes on until all files have ended, or the minutes are up."""
        lake, files = self.data / "lake", 1 + self.options.files
        first_call, accepted, marks = None, None, []
        while self.up.poll() is None:
            time.sleep(1)
            elapsed = time.monotonic() - self.began
            cpu, resident, peak = usage(self.up.pid)
            totals = json.loads(ask(self.admin))["accounts"][0]["holds"]
            held = totals["customers"] + totals["transactions"]
            mark = {"s": round(elapsed, 1), "cpu": round(cpu, 1), "mib": round(resident), "peak": round(peak), **totals}
            marks.append(mark)
            if len(marks) % 10 == 1:
                print(json.dumps(mark), flush=True)
            if accepted is None and count(lake / "inbox/files") == files:
                accepted = elapsed
                print(json.dumps({"all accepted after s": round(elapsed, 1)}), flush=True)
            if first_call is None and held:
                first_call = elapsed
            ended = count(lake / "outcomes/done") == files
            is_up = self.options.limit and first_call and elapsed - first_call >= self.options.minutes * 60 + 5
            if ended or is_up or elapsed > self.options.most:
                return {"wall": elapsed, "accepted": accepted, "first call": first_call, "ended": ended, "marks": marks}
        sys.exit(f"headwater ended by itself, see {self.work}/log")

    def stop(self):
        """Ends everything; gives the command's CPU seconds and peak memory."""
        self.up.send_signal(signal.SIGINT)
        _, _, used = os.wait4(self.up.pid, 0)
        self.sshd.stop()
        self.sandbox.terminate()
        self.sandbox.wait()
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    def compare(self):
        """Whether the CRM holds what the files hold: each once, amounts included."""
        options = self.options
        customers = {json.loads(line)["external_id"] for line in ask(f"{self.admin}/heron/customers").splitlines()}
        each = options.transactions // options.files * options.files
        ids = set()
        with urllib.request.urlopen(f"{self.admin}/heron/transactions", timeout=600) as answer:
            for line in answer:
                ids.add(json.loads(line)["trx_id"])
        wanted = {f"U-{n:09}" for n in range(options.users)}, {f"T-{n:010}" for n in range(each)}
        return {"equal": (customers, ids) == wanted, "customers": len(customers), "transactions": len(ids)}


def used_limit(calls, limit):
    """Of the whole minutes of calls: how many of what is allowed."""
    minutes = [calls["by_minute"][name] for name in sorted(calls["by_minute"])][1:-1]
    return minutes, sum(minutes) / len(minutes) / limit if minutes else None


def project(share):
    """How long the partner's real load takes, by the use of the limit that was measured."""
    hours = {name: REAL[name] / 100 / (REAL["calls a minute"] * share) / 60 for name in ("transactions", "users")}
    return (f"at 1,000 calls a minute, {share:.1%} of them used: 100 M transactions {hours['transactions']:.1f} h,"
            f" 20 M users {hours['users']:.1f} h")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transactions", nargs="?", type=int, default=1_000_000)
    parser.add_argument("users", nargs="?", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=1, help="files of transactions")
    parser.add_argument("--limit", type=int, default=None, help="calls a minute that the CRM takes")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--most", type=float, default=7_200, help="longest time in seconds")
    parser.add_argument("--bin", type=Path, default=None, help="headwater, built already")
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/headwater-push"))
    options = parser.parse_args()
    headwater = options.bin
    if headwater is None:
        subprocess.run(["cargo", "build", "--profile", "demo", "-q", "-p", "headwater"], check=True, cwd=ROOT)
        headwater = ROOT / "target/demo/headwater"
    run = Run(options, headwater.resolve())
    print(json.dumps({"bytes": run.bytes, "transactions": options.transactions, "users": options.users}), flush=True)
    told, compared, calls = None, None, None
    try:
        told = run.watch()
        calls = json.loads(ask(f"{run.admin}/calls")).get("heron", {})
        sandbox_cpu = usage(run.sandbox.pid)[0]
        compared = run.compare() if told["ended"] else None
    finally:
        cpu, peak = run.stop()
    rows = options.transactions + options.users
    held = told["marks"][-1]["customers"] + told["marks"][-1]["transactions"]
    wall, pushing = told["wall"], told["wall"] - (told["first call"] or 0)
    print(json.dumps({"wall s": round(wall, 1), "cpu s": round(cpu, 1), "peak MiB": round(peak), "sandbox cpu s": round(sandbox_cpu, 1),
                      "calls": calls.get("calls"), "statuses": calls.get("statuses"), "most in any minute": calls.get("most_in_any_window"),
                      "all accepted s": told["accepted"], "compared": compared}))
    print(f"\n{held:,} of {rows:,} rows in {wall:.0f} s: {held / wall:,.0f} rows/s; {cpu:.1f} CPU s, {held / cpu:,.0f} rows a CPU second;"
          f" peak {peak:.0f} MiB")
    if options.limit:
        minutes, share = used_limit(calls, options.limit)
        print(f"calls by whole minute: {minutes}; most in any minute {calls.get('most_in_any_window')} of {options.limit}")
        if share:
            print(project(share))
    else:
        print(f"calls: {calls.get('calls')} in {pushing:.0f} s, {(calls.get('calls') or 0) / pushing * 60:,.0f} a minute")
    sys.exit(0 if told["ended"] and compared["equal"] or options.limit else 1)


if __name__ == "__main__":
    main()
