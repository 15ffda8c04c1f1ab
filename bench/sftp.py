#!/usr/bin/env python3
"""Download speed of our SFTP client beside OpenSSH's, from one OpenSSH server on loopback.

    bench/sftp.py [MEGABYTES] [--repeat N] [--work FOLDER] [--bin FETCH]

Builds `shared/sftp/examples/fetch` in the `demo` profile unless FETCH names a program that is built already. Both write the same file
of random bytes (default 1,000 MB) into the same folder, in turn. Prints one line of JSON a run and a table of medians.
"""

import argparse
import filecmp
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from sshd import Sshd

ROOT = Path(__file__).resolve().parent.parent


def run(command, **options):
    """Runs to the end; gives wall and CPU seconds and the peak of resident memory in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return {"wall": time.monotonic() - began, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("megabytes", nargs="?", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/headwater-sftp"))
    parser.add_argument("--bin", type=Path, default=None)
    options = parser.parse_args()
    fetch = options.bin
    if fetch is None:
        subprocess.run(["cargo", "build", "--profile", "demo", "-q", "-p", "sftp", "--example", "fetch"], check=True, cwd=ROOT)
        fetch = ROOT / "target/demo/examples/fetch"
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    source, ours, theirs = work / "source.bin", work / "ours.bin", work / "theirs.bin"
    with open(source, "wb") as file:
        for _ in range(options.megabytes):
            file.write(os.urandom(1_000_000))
    server = Sshd(work / "sshd", work)
    try:
        known = ["-o", f"UserKnownHostsFile={server.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
        login = ["-i", server.key, "-P", str(server.port), "-q", *known, f"{server.user}@127.0.0.1"]
        tools = {
            "headwater": [fetch, str(server.port), server.user, server.key, server.fingerprint, str(source), str(ours)],
            "sftp": ["sftp", "-b", work / "commands", *login],
        }
        (work / "commands").write_text(f"get {source} {theirs}\n")
        runs = {name: [] for name in tools}
        for _ in range(options.repeat):
            for name, command in tools.items():
                taken = run([str(part) for part in command])
                runs[name].append(taken)
                print(json.dumps({"tool": name, **{key: round(value, 2) for key, value in taken.items()}}), flush=True)
        same = filecmp.cmp(source, ours, shallow=False) and filecmp.cmp(source, theirs, shallow=False)
    finally:
        server.stop()
        for file in (source, ours, theirs):
            file.unlink(missing_ok=True)
    print(f"\n{'client':10} {'wall s':>8} {'MB/s':>8} {'CPU s':>8} {'MiB':>6}   contents {'equal' if same else 'DIFFER'}")
    for name, taken in runs.items():
        wall, cpu, mib = (statistics.median(one[key] for one in taken) for key in ("wall", "cpu", "mib"))
        print(f"{name:10} {wall:8.2f} {options.megabytes / wall:8.0f} {cpu:8.2f} {mib:6.0f}")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
