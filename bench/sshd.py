"""The machine's own OpenSSH server over a folder, for benchmarks."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path


class Sshd:
    """An `sshd` that serves a folder by SFTP to the user who started it, with a key made for it."""

    def __init__(self, work, root):
        work.mkdir(parents=True, exist_ok=True)
        program = next((place for place in ("/usr/sbin/sshd", shutil.which("sshd") or "") if os.path.exists(place)), None)
        if program is None:
            raise SystemExit("no sshd on this machine: install openssh-server")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.key, host = work / "user_key", work / "host_key"
        for key in (self.key, host):
            for old in (key, key.with_suffix(".pub")):
                old.unlink(missing_ok=True)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        shutil.copy(self.key.with_suffix(".pub"), work / "authorized_keys")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (work / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {host}\nAuthorizedKeysFile {work}/authorized_keys\n"
            "PidFile none\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin prohibit-password\nPermitTTY no\nSubsystem sftp internal-sftp\n"
            f"ForceCommand internal-sftp -d {root}\n"
        )
        told = subprocess.run(["ssh-keygen", "-l", "-f", host], check=True, capture_output=True, text=True).stdout
        self.fingerprint = told.split()[1]
        self.user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
        public = host.with_suffix(".pub").read_text().split()
        self.known_hosts = work / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n")
        log = open(work / "sshd.log", "w")
        self.process = subprocess.Popen([program, "-D", "-e", "-f", work / "sshd_config"], stdout=log, stderr=log)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise SystemExit(f"sshd did not start, see {work}/sshd.log")

    def stop(self):
        self.process.terminate()
        self.process.wait()
