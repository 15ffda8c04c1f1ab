#!/usr/bin/env python3
"""Loading every manifest of a folder: `spec` and `discover` of each, each in a process of its own.

    bench/load.py "$HEADWATER_ORACLE" target/demo/headwater [CPU-SECONDS]

The configuration of a manifest is the one that the reference read it with; its values are made up,
so no pattern is held against them. A manifest that is
refused must be refused with a place, `file:line`; taking more than CPU-SECONDS is a fault.
"""

import glob
import gzip
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

PLACE = re.compile(r"\.yaml:\d+")


def main():
    folder, program = sys.argv[1:3]
    limit = float(sys.argv[3]) if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory() as scratch:
        calls = []
        for manifest in sorted(glob.glob(os.path.join(folder, "corpus", "*.yaml"))):
            name = os.path.basename(manifest).removesuffix(".yaml")
            config = os.path.join(scratch, name + ".json")
            with gzip.open(os.path.join(folder, "expected", name + ".json.gz")) as expected, open(config, "w") as file:
                json.dump(json.load(expected)["config"], file)
            calls.append((name, [program, "source", "spec", "--manifest", manifest]))
            calls.append((name, [program, "source", "discover", "--manifest", manifest, "--config", config, "--any-config"]))
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        ends = [(name, subprocess.run(call, capture_output=True, text=True)) for name, call in calls]
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    refused, vague, streams = {}, [], 0
    for name, end in ends:
        if end.returncode:
            refused[name] = end.stderr.strip()
            if not PLACE.search(end.stderr):
                vague.append(name)
        elif '"CATALOG"' in end.stdout[:40]:
            streams += len(json.loads(end.stdout)["catalog"]["streams"])
    for name, reason in refused.items():
        print(f"refused: {name}: {reason}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{len(ends) // 2} manifests, {streams} streams: {wall:.1f} s, {cpu:.1f} CPU s; {len(refused)} refused, {len(vague)} without a place")
    sys.exit(1 if vague or limit and cpu > limit else 0)


if __name__ == "__main__":
    main()
