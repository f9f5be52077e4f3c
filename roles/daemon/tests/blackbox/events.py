#!/usr/bin/env python3
"""An Event Logger beside the other roles: what is sent to it, and what the roles have to say.

    python3 events.py --binary target/debug/ferriswheel [--dialect both] [--shards 2] [names...]
"""

import csv
import datetime
import json
import os
import pathlib
import signal
import socket
import struct
import sys
import time
import traceback

sys.dont_write_bytecode = True
FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import stage  # noqa: E402
from daemon import Daemon  # noqa: E402
from dialect import DIALECTS  # noqa: E402
from otp import PATIENCE, Connection  # noqa: E402
from runner import Tally, combinations, options  # noqa: E402

CONFIG = """\
general: {{dialect: {dialect}, dc_files: [world.dc], eventlogger: "127.0.0.1:{port}"}}
shards: {shards}
messagedirector: {{bind: 127.0.0.1:0, limits: {{participants_max: {participants_max}}}}}
roles:
  - {{type: stateserver, control: {control}}}
  - {{type: eventlogger, bind: "127.0.0.1:{port}", output: "log/{output}"}}
"""


class Evening:
    """A daemon with an Event Logger, for one check."""

    def __init__(self, binary, dialect, shards):
        self.binary, self.dialect, self.shards = binary, DIALECTS[dialect], shards
        self.output = "events.csv"
        self.daemon, self.port = None, free_port()

    def start(self, shards=None, participants_max=100, output="events.csv"):
        self.shards, self.output = shards or self.shards, output
        config = CONFIG.format(dialect=self.dialect.name, shards=self.shards, port=self.port, output=output,
                               control=stage.CONTROL, participants_max=participants_max)
        self.daemon = Daemon(self.binary, config, [FOLDER / "world.dc"])
        self.daemon.port()

    def connect(self, channel=1_400_000_001):
        return Connection(self.daemon.port(), self.dialect, channel)

    def say(self, link, number, *texts):
        """A control message of a link."""
        link.say(struct.pack("<BQH", 1, self.dialect.control, number) + strings(*texts))

    def send(self, *packets):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for packet in packets:
                sender.sendto(packet, ("127.0.0.1", self.port))

    def path(self, name=None):
        return self.daemon.folder / "log" / (name or self.output)

    def text(self, name=None):
        path = self.path(name)
        return path.read_bytes().decode() if path.exists() else ""

    def events(self, name=None):
        """Every line as a dictionary; a row of CSV has its strings by their places."""
        return [read(line) for line in self.text(name).split("\n")[:-1]]

    def wait_for(self, what, is_so, name=None):
        """The events, once they are as they should be."""
        deadline = time.monotonic() + PATIENCE
        while not is_so(self.events(name)):
            must(time.monotonic() < deadline, f"{what}, but there is:\n{self.text(name)}")
            time.sleep(0.01)
        return self.events(name)

    def wait_for_one(self, kind, **values):
        """The only event of a kind. In `openotp` values have no names: they are among the strings."""
        is_kind = lambda event: event["type"] == kind and self.has(event, values)
        events = self.wait_for(f"{kind} {values}", lambda events: any(map(is_kind, events)))
        found = [event for event in events if is_kind(event)]
        must(len(found) == 1, f"it is said once: {found}")
        return found[0]

    def has(self, event, values):
        if self.dialect.astron:
            return all(event.get(key) == value for key, value in values.items())
        return all(str(value) in event["strings"] for value in values.values())

    def end(self):
        if self.daemon:
            self.daemon.remove()


def read(line):
    """A line as others read it. Its time must be one, and the line must show all that it holds."""
    must(not any(ord(c) < 32 or ord(c) == 127 for c in line.rstrip("\r")), f"hidden in {line!r}")
    if line.startswith("{"):
        event = json.loads(line)
        datetime.datetime.strptime(event["_time"], "%Y-%m-%d %H:%M:%S%z")
        must(list(event)[0] == "_time", f"the time comes first: {line}")
        return event
    must(line.endswith("\r"), f"a row ends with CR LF: {line!r}")
    (row,) = csv.reader([line])
    datetime.datetime.strptime(row[0], "%Y-%m-%dT%H:%M:%S.%fZ")
    return {"type": row[2] if len(row) > 2 else "", "sender": row[1], "strings": row[1:]}


def must(holds, what):
    if not holds:
        raise AssertionError(what)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def strings(*texts):
    encoded = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(struct.pack("<H", len(text)) + text for text in encoded)


def packed(value):
    """A small value as MessagePack."""
    if isinstance(value, dict):
        items = b"".join(packed(key) + packed(item) for key, item in value.items())
        return bytes([0x80 | len(value)]) + items
    if isinstance(value, str):
        return b"\xda" + struct.pack(">H", len(value.encode())) + value.encode()
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    return b"\xd3" + struct.pack(">q", value)


def packets_of_both_kinds_are_written(night):
    night.start()
    event = {"type": "fair", "sender": "Booth:7", "visitors": 12, "grade": 1.5, "note": "a\nb\u2028"}
    night.send(strings("Booth:7", "fair", 'say "hi", twice', "x\r\n2026-01-01T00:00:00.000Z,AI,forged", b"\xff"))
    night.send(b"neither of them", b"", packed(event))
    events = night.wait_for("two events", lambda events: len([e for e in events if e["sender"] == "Booth:7"]) == 2)
    row, written = [event for event in events if event["sender"] == "Booth:7"]
    forged = "x\\r\\n2026-01-01T00:00:00.000Z,AI,forged"
    must(row["strings"] == ["Booth:7", "fair", 'say "hi", twice', forged, "\\xff"], f"{row}")
    must({key: value for key, value in written.items() if key != "_time"} == event, f"{written}")
    must(events[0]["sender"] == "EventLogger" and events[0]["type"] == "log-opened", f"{events[0]}")


def sighup_begins_a_new_file(night):
    night.start()
    night.send(strings("Booth:7", "first"))
    night.wait_for("the first", lambda events: any(e["type"] == "first" for e in events))
    os.rename(night.path(), night.path("events.csv.1"))
    night.daemon.process.send_signal(signal.SIGHUP)
    night.wait_for("a new file", lambda events: len(events) >= 1)
    night.send(strings("Booth:7", "second"))
    night.wait_for("the second", lambda events: any(e["type"] == "second" for e in events))
    must(any(e["type"] == "first" for e in night.events("events.csv.1")), night.text("events.csv.1"))
    must(not any(e["type"] == "first" for e in night.events()), night.text())
    night.daemon.process.send_signal(signal.SIGHUP)
    night.wait_for("a third file", lambda events: len(events) >= 1, "events-1.csv")
    must(night.daemon.stop() == [], "it goes on after SIGHUP, and stops in order")


def what_was_sent_before_the_end_is_written(night):
    """And a file that is there is never cut off."""
    night.start()
    night.send(*[strings("Booth:7", "numbered", str(number)) for number in range(500)])
    must(night.daemon.stop() == [], "it stops in order")
    before = night.text()
    numbers = [int(e["strings"][2]) for e in night.events() if e["type"] == "numbered"]
    must(numbers == list(range(500)), f"{len(numbers)} of 500 are there")
    night.daemon.start()
    night.daemon.port()
    night.wait_for("more lines", lambda events: night.text() != before)
    must(night.text().startswith(before), "what was there stays")


def names_with_the_time_and_the_first_line_of_json(night):
    night.start(output="%Y/events-%m%d.log")
    (path,) = night.daemon.folder.glob("log/2*/events-*.log")
    first = read(path.read_text().split("\n")[0])
    must(first["type"] == "log-opened" and first["sender"] == "EventLogger", f"{first}")


def a_refused_update_is_written_down(night):
    night.start()
    park = stage.Park(night.daemon.port(), night.dialect, night.shards)
    t = stage.Stage(park)
    thing = t.new("Carriage")
    t.send(thing.do_id, "UpdateField", do_id=thing.do_id, field=9_999, value=b"")
    event = night.wait_for_one("request-refused", object=thing.do_id, channel=t.me.channel, reason="unknown_field")
    must(event["sender"] == "StateServer", f"{event}")
    t.send(thing.do_id, "UpdateField", do_id=thing.do_id, field=0, value=b"\x01")
    t.send(thing.do_id, "DeleteRam", do_id=thing.do_id)
    t.end()


def links_are_written_down(night):
    night.start(shards=1, participants_max=2)
    links = [night.connect(1_400_000_001 + n) for n in range(2)]
    address = "%s:%d" % links[0].socket.getsockname()
    night.wait_for_one("link-joined", remote_address=address)
    many = [socket.create_connection(("127.0.0.1", night.daemon.port())) for _ in range(2)]
    is_refused = lambda event: event["type"] == "link-refused"
    events = night.wait_for("a refused link", lambda events: sum(map(is_refused, events)) == 2)
    reason = {"reason": "too_many_participants"}
    must(all(night.has(event, reason) for event in events if is_refused(event)), f"{events}")
    for link in many:
        link.close()
    night.say(links[0], night.dialect.control_shapes["SetConName"].number, "Booth\n7")
    links[0].write(b"\x02\0\x01\0")  # a frame too short for a datagram
    links[0].expect_closed()
    night.wait_for_one("link-closed", remote_address=address, reason="malformed",
                       name="Booth\n7" if night.dialect.astron else "Booth\\n7")
    other = "%s:%d" % links[1].socket.getsockname()
    links[1].close()
    night.wait_for_one("link-left", remote_address=other, reason="closed_by_peer")


def what_others_log_is_passed_on(night):
    """LOG_MESSAGE, which only `astron` has."""
    if not night.dialect.astron:
        return
    night.start()
    night.say(night.connect(), 9014, packed({"type": "prize", "sender": "AI:4000", "bear": 1}))
    night.wait_for_one("prize", sender="AI:4000", bear=1)


CHECKS = [packets_of_both_kinds_are_written, sighup_begins_a_new_file, what_was_sent_before_the_end_is_written,
          names_with_the_time_and_the_first_line_of_json, a_refused_update_is_written_down,
          links_are_written_down, what_others_log_is_passed_on]


def main():
    parser = options(__doc__, shards="2")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    binary, tally = os.path.abspath(asked.binary), Tally()
    for dialect, shards in combinations(asked):
        for check in CHECKS:
            if asked.names and not any(name in check.__name__ for name in asked.names):
                continue
            since, trouble = time.monotonic(), None
            night = Evening(binary, dialect, shards)
            try:
                check(night)
            except Exception:
                log = night.daemon.log_tail() if night.daemon else ""
                trouble = traceback.format_exc() + "\nthe daemon's log ends with\n" + log
            finally:
                night.end()
            tally.say(f"{dialect} {check.__name__}", since, trouble)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
