#!/usr/bin/env python3
"""States go both ways between airbyte-cdk and the command: see `cargo xtask prove`.

    interchange.py FOLDER COMMAND [NAMES…]

FOLDER holds the oracle's tools, set up; COMMAND reads one manifest, with {manifest} {config}
{catalog} {state}. Of each manifest's two reads, the first is made by one of the two and the
second by the other, from the state that the first wrote. Requests, records and states of the
second read must be those of the reference reading twice.
"""
import os
import sys
import tempfile

WANTED = 24
LEAST = 20
CDK = "fork:cdk --manifest {manifest} --config {config} --catalog {catalog} --state {state}"


def shape(state):
    return "global" if state.get("use_global_cursor") else "by partition" if "states" in state else "plain"


def exchange(name, command):
    """What differs in either direction."""
    import cdkrun
    import oracle
    from common import CORPUS
    expected = oracle.load(oracle.exp_path(name, False))
    session = oracle.Session(os.path.join(CORPUS, name + ".yaml"))
    differ = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for first, second, way in ((CDK, command, "reference to headwater"), (command, CDK, "headwater to reference")):
                before = oracle.run_cmd(first, session, expected["catalog"], None, expected["now"], 120, folder, "first")
                states = {stream: state for stream, state in before["states"].items() if state is not None}
                after = oracle.run_cmd(second, session, expected["catalog"], cdkrun.dump_state(states), expected["now2"], 120, folder, "second")
                apart, _ = oracle.compare_pass(expected["pass2"], after, session)
                if apart:
                    differ.append(f"{way}: {apart}"[:1500])
    finally:
        session.close()
    return differ


def candidates():
    """Manifests with incremental streams, those of rarer state shapes first."""
    import oracle
    found = []
    for line in open(os.path.join(oracle.HERE, "valid.txt")):
        name = line.strip()
        if not name or not os.path.exists(oracle.exp_path(name, False)):
            continue
        expected = oracle.load(oracle.exp_path(name, False))
        states = [read["state"] for read in expected["pass1"].values() if read["state"] and not read["error"]]
        shapes = {shape(state) for state in states if state.keys() - {"__ab_no_cursor_state_message"}}
        # A manifest of which the reference cannot read each stream says less.
        whole = not any(read["error"] for part in ("pass1", "pass2") for read in expected[part].values())
        requests = sum(len(read["requests"]) for read in expected["pass1"].values())
        if shapes and whole and requests < 400:
            found.append((sorted(shapes) == ["plain"], requests, name, sorted(shapes)))
    return [(name, shapes) for _, _, name, shapes in sorted(found)]


def main():
    folder, command, *names = sys.argv[1:]
    sys.path.insert(0, folder)
    os.environ.setdefault("PYTHONHASHSEED", "0")
    import cdkrun
    cdkrun.warm()
    chosen = [(name, shapes) for name, shapes in candidates() if not names or name in names]
    passed = failed = 0
    for name, shapes in chosen[:WANTED]:
        differ = exchange(name, command)
        passed, failed = passed + (not differ), failed + bool(differ)
        print(f"{'differs' if differ else 'both ways':>10}  {name} ({', '.join(shapes)})", flush=True)
        for text in differ:
            print(f"            {text}")
    print(f"states go both ways for {passed} of {passed + failed} manifests")
    sys.exit(0 if names and not failed or passed >= LEAST else 1)


if __name__ == "__main__":
    main()
