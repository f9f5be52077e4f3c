#!/usr/bin/env python3
"""Plays all of this folder: a daemon, an AI, an UberDOG where one is needed, and clients, as
processes of their own, in both dialects, with and without TLS.

    run.py --binary target/release/ferriswheel [--dialect openotp|astron|both]

Wants a Python with panda3d, and the program `openssl`. Everything ends by itself. Exit code 0 if
each step was as it should be.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

FOLDER = pathlib.Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent.parent.parent
# How long anything may take, in seconds.
PATIENCE = 60


class Failed(Exception):
    """A step was not as it should be."""


class Program:
    """A process whose output is kept, and that does not outlive this one."""

    def __init__(self, name, command, folder):
        self.name = name
        self.output = open(folder / ("%s.log" % name.replace(" ", "-")), "w+b")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT
        )

    def said(self):
        self.output.flush()
        return pathlib.Path(self.output.name).read_text(errors="replace")

    def wait_until_says(self, words):
        until = time.monotonic() + PATIENCE
        while words not in self.said():
            if self.process.poll() is not None:
                raise Failed("%s ended with %s" % (self.name, self.process.returncode))
            if time.monotonic() > until:
                raise Failed("%s does not say %r" % (self.name, words))
            time.sleep(0.02)

    def wait(self):
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed("%s does not end" % self.name) from None

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=PATIENCE)


def make_certificates(folder):
    """An authority, and a server's certificate for the name `localhost` that it has signed; and
    another authority, which nobody should trust for it."""
    for authority in ("ca", "other-ca"):
        openssl(
            *"req -x509 -newkey rsa:2048 -nodes -days 2".split(),
            *("-keyout", folder / (authority + ".key"), "-out", folder / (authority + ".pem")),
            *("-subj", "/CN=The park's %s" % authority),
        )
    openssl(
        *"req -newkey rsa:2048 -nodes -subj /CN=localhost".split(),
        *("-keyout", folder / "server.key", "-out", folder / "server.csr"),
    )
    (folder / "server.ext").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl(
        *"x509 -req -days 2 -CAcreateserial".split(),
        *("-in", folder / "server.csr", "-out", folder / "server.pem"),
        *("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-extfile", folder / "server.ext"),
    )


def write_config(dialect, folder, ports):
    """The configuration of this folder, with free ports and paths of its own."""
    text = (FOLDER / ("%s.yml" % dialect)).read_text()
    for usual, port in ports.items():
        text = text.replace("127.0.0.1:%d" % usual, "127.0.0.1:%d" % port)
    text = text.replace("../../park.dc", str(REPOSITORY / "etc" / "park.dc"))
    text = text.replace("../../../data/panda", "store")
    (folder / "park.yml").write_text(text)
    return folder / "park.yml"


class Park:
    """Everything that runs beside the clients."""

    def __init__(self, binary, dialect, folder, stack):
        self.dialect, self.folder, self.stack = dialect, folder, stack
        self.ports = dict(zip((7196, 7198, 7199), free_ports(3)))
        config = write_config(dialect, folder, self.ports)
        self.daemon = self.start("daemon", [binary, "run", str(config)])
        self.daemon.wait_until_says("SIGTERM")
        director = "http://localhost:%d" % self.ports[7199]
        if dialect == "astron":
            gate = self.python("gate", "gate.py", "--director", director, "--seconds", "600")
            gate.wait_until_says("the gate is open")
        ai = ["--dialect", dialect, "--director", director, "--seconds", "600"]
        self.python("ai", "ai.py", *ai).wait_until_says("the harbour is open")

    def start(self, name, command):
        program = Program(name, command, self.folder)
        self.stack.callback(program.end)
        return program

    def python(self, name, script, *arguments):
        return self.start(name, [sys.executable, str(FOLDER / script), *arguments])

    def client(self, name, tls, *arguments):
        """Starts a visit: over TLS, or over plain TCP by the method given among the arguments."""
        if tls:
            url = "https://localhost:%d" % self.ports[7196]
            arguments = ("--authority", str(self.folder / "ca.pem")) + arguments
        else:
            url = "http://localhost:%d" % self.ports[7198]
        common = ["--dialect", self.dialect, "--url", url, "--name", name]
        return self.python("client %s" % name, "visit.py", *common, *arguments)


def expect(client, code, words):
    """A client ends like this."""
    ended = client.wait()
    if ended != code or words not in client.said():
        raise Failed("%s: exit code %s, and no %r" % (client.name, ended, words))
    print("  %s: %s" % (client.name, words), flush=True)


def play(park):
    # Two friends, one of them over TLS, see each other; then two others, over other sockets.
    for one, other, method in (("Anna", "Bert", "native"), ("Carla", "Dora", "net")):
        first = park.client(one, False, "--method", method, "--friend", other)
        second = park.client(other, True, "--friend", one)
        expect(first, 0, "all in order")
        expect(second, 0, "all in order")
    # Anna again: she is known, and her password is wanted.
    expect(park.client("Anna", True, "--password", "wrong"), 1, "not let in: wrong name or password")
    expect(park.client("Anna", False), 0, "all in order")
    # What is forbidden ends the connection.
    for name, tls in (("Emil", False), ("Frida", True)):
        expect(park.client(name, tls, "--break-rules"), 0, "was shown out")
    # Nobody talks to a server whose certificate nobody vouches for.
    other = str(park.folder / "other-ca.pem")
    expect(park.client("Gustav", True, "--authority", other), 1, "no connection")


def run(binary, dialect):
    print("%s:" % dialect, flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="panda-"))
    try:
        with contextlib.ExitStack() as stack:
            make_certificates(folder)
            park = Park(binary, dialect, folder, stack)
            play(park)
            if park.daemon.end() != 0:
                raise Failed("the daemon ends with %s" % park.daemon.process.returncode)
        return True
    except (Failed, subprocess.SubprocessError) as error:
        print("FAILED: %s" % error)
        for log in sorted(folder.glob("*.log")):
            text = log.read_text(errors="replace")
            print("---- %s\n%s" % (log.name, text[-4000:]))
        return False
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--dialect", default="both", choices=["openotp", "astron", "both"])
    options = parser.parse_args()
    if shutil.which("openssl") is None:
        sys.exit("there is no program `openssl`, which makes the certificates")
    dialects = ["openotp", "astron"] if options.dialect == "both" else [options.dialect]
    binary = os.path.abspath(options.binary)
    results = [run(binary, dialect) for dialect in dialects]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
