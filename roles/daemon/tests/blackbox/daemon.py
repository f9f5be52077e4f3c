"""A daemon as a process: started with a configuration, stopped in order or killed, started again."""

import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading

START_SECONDS, STOP_SECONDS = 20, 10
LOG_LINES = 30


class NotServing(RuntimeError):
    """A daemon that does not come to listen."""


class Daemon:
    """A daemon with its configuration in a folder; the folder may be another one's."""

    def __init__(self, binary, config, files, folder=None, name="park.yml"):
        """`files` are copied beside the configuration. Without a folder it makes one of its own."""
        self.binary, self.owns = binary, folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="ferriswheel-blackbox-"))
        for file in files:
            shutil.copy(file, self.folder)
        self.config = self.folder / name
        self.config.write_text(config)
        self.log = self.folder / (name + ".log")
        self.log.touch()
        self.start()

    def start(self):
        """Starts the process. Its log goes on where that of the last one ended."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "run", str(self.config)],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.banner, self.serves = [], threading.Event()
        reader = threading.Thread(target=_read_banner, daemon=True,
                                  args=(self.process.stdout, self.banner, self.serves))
        reader.start()

    def port(self):
        """Where it listens, once it does."""
        self.serves.wait(START_SECONDS)
        found = re.search(r"message director\s+127\.0\.0\.1:(\d+)", "".join(self.banner))
        if not found:
            raise NotServing("the daemon does not serve:\n" + "".join(self.banner) + self.log_tail())
        return int(found.group(1))

    def log_text(self):
        return self.log.read_text(errors="replace")

    def log_tail(self):
        return "\n".join(self.log_text().splitlines()[-LOG_LINES:])

    def kill(self):
        """SIGKILL: no time for last words."""
        self.process.kill()
        self.process.wait()

    def ends(self):
        """The exit code of a daemon that must end by itself."""
        return self.process.wait(STOP_SECONDS)

    def stop(self):
        """SIGTERM, and what was wrong with its end."""
        wrong = []
        if self.process.poll() is not None:
            wrong.append(f"it ended by itself with {self.process.returncode}")
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
            wrong += [f"SIGTERM ended it with {code}, not 0"] * (code != 0)
        except subprocess.TimeoutExpired:
            wrong.append(f"SIGTERM did not end it within {STOP_SECONDS} s")
        wrong += ["it panicked"] * ("panicked at" in self.log_text())
        return wrong

    def remove(self):
        if self.process.poll() is None:
            self.kill()
        if self.owns:
            shutil.rmtree(self.folder)


def _read_banner(stdout, banner, serves):
    with stdout:
        for line in stdout:
            banner.append(line.decode(errors="replace"))
            if "SIGTERM" in banner[-1]:
                serves.set()
    serves.set()
