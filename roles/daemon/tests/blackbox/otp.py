"""A small participant of a Message Director: it says things, hears things, and compares.

What it hears is kept in order. `expect` and its kin take what comes next and demand that it is
exactly what they were given: recipients (in any order), sender, message and every parameter.
"""

import select
import socket
import struct
import time
from collections import deque

ANY = object()  # a sender or parameter that may be anything
PATIENCE = 20.0  # how long something that must come may take, on a machine that is busy


class Mismatch(AssertionError):
    """What came is not what was expected."""


class Closed(Mismatch):
    """The other end has closed the connection."""


class Heard:
    """A datagram as it came."""

    def __init__(self, dialect, body):
        count = body[0]
        self.dialect, self.body = dialect, body
        self.to = struct.unpack_from(f"<{count}Q", body, 1)
        at = 1 + 8 * count
        (self.sender,) = struct.unpack_from("<Q", body, at)
        self.message = body[at + 8 :]
        self.name, self.args = dialect.decode(self.message)

    def key(self):
        return tuple(sorted(self.to)), self.sender, self.message

    def __str__(self):
        bytes_ = self.message[:400].hex() + (".." if len(self.message) > 400 else "")
        return f"{show(self.to, self.sender, self.name, self.args)}\n        hex {bytes_}"


class Dg:
    """A datagram as it should come."""

    def __init__(self, dialect, to, sender, name, **args):
        self.dialect, self.to, self.sender, self.name = dialect, recipients(to), sender, name
        layout = dialect.shapes[name].layout
        self.args = {parameter: args[parameter] for parameter, _ in layout}

    def matches(self, heard):
        if sorted(self.to) != sorted(heard.to) or self.name != heard.name:
            return False
        if self.sender is not ANY and self.sender != heard.sender:
            return False
        given = self.args.items()
        return all(value is ANY or heard.args[name] == value for name, value in given)

    def key(self):
        """What it is as a whole; `None` if a part of it may be anything."""
        if self.sender is ANY or ANY in self.args.values():
            return None
        return tuple(sorted(self.to)), self.sender, self.dialect.encode(self.name, **self.args)

    def __str__(self):
        return show(self.to, self.sender, self.name, self.args)


def recipients(to):
    """A channel, or several: 0 and what stands twice is left out."""
    to = [to] if isinstance(to, int) else to
    return list(dict.fromkeys(channel for channel in to if channel != 0))


def show(to, sender, name, args):
    """A datagram as a line."""
    said = ", ".join(f"{key}={_value(value)}" for key, value in args.items())
    to = ",".join(_channel(channel) for channel in sorted(to))
    return f"{name}({said}) to [{to}] by {'anyone' if sender is ANY else _channel(sender)}"


def _channel(channel):
    high, low = channel >> 32, channel & 0xFFFF_FFFF
    return f"{high}:{low}" if high else str(low)


def _value(value):
    if value is ANY:
        return "*"
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 200 else f"{value[:40].hex()}.. ({len(value)} bytes)"
    if isinstance(value, list) and len(value) > 40:
        return f"{value[:10]}.. ({len(value)})"
    return str(value)


class Connection:
    """One TCP connection to a Message Director, with a channel of its own."""

    def __init__(self, port, dialect, channel):
        self.dialect, self.channel = dialect, channel
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.came, self.subscribed = deque(), set()
        self.unread = b""
        self.subscribe(channel)

    def close(self):
        self.socket.close()

    # Saying things.

    def say(self, body):
        """A frame of its own."""
        self.write(frame(body))

    def write(self, bytes_):
        """Writes, and reads meanwhile, so that neither side waits for the other for ever."""
        rest, deadline = memoryview(bytes_), time.monotonic() + 10 * PATIENCE
        while rest:
            readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE)
            if readable:
                self._read()
            if writable:
                rest = rest[self.socket.send(rest) :]
            if time.monotonic() > deadline:
                raise Mismatch("the daemon does not read")

    def send(self, to, name, sender=None, **args):
        """Sends a message to a channel, or to several."""
        self.send_raw(to, self.dialect.encode(name, **args), sender)

    def send_raw(self, to, message, sender=None):
        """Sends a message of any bytes."""
        self.say(self.datagram(to, message, sender))

    def datagram(self, to, message, sender=None):
        """A datagram without its length tag."""
        to = [to] if isinstance(to, int) else to
        sender = self.channel if sender is None else sender
        return struct.pack(f"<B{len(to)}QQ", len(to), *to, sender) + message

    def control(self, name, **args):
        """Says something to the Message Director. Such messages have no sender."""
        message = self.dialect.encode_control(name, **args)
        self.say(struct.pack("<BQ", 1, self.dialect.control) + message)

    def subscribe(self, *channels):
        self.subscribed.update(channels)
        for channel in channels:
            self.control("AddChannel", channel=channel)

    def unsubscribe(self, *channels):
        self.subscribed.difference_update(channels)
        for channel in channels:
            self.control("RemoveChannel", channel=channel)

    def subscribe_range(self, low, high):
        self.control("AddRange", low=low, high=high)

    def leave_word(self, to, name, **args):
        """A post-remove: what is sent when this connection ends."""
        message = self.datagram(to, self.dialect.encode(name, **args))
        self.control("AddPostRemove", sender=self.channel, message=message)

    # Hearing things.

    def hear(self, patience=PATIENCE):
        """The next datagram; `None` if none comes in time."""
        deadline = time.monotonic() + patience
        while not self.came:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            self._read()
        return self.came.popleft()

    def expect(self, *expected):
        """What comes next, in this order."""
        self.expect_interleaved(list(expected))

    def expect_set(self, expected):
        """What comes next, in any order. Made for thousands."""
        missing = {}
        for datagram in expected:
            missing.setdefault(datagram.key(), []).append(datagram)
        if None in missing:
            return self.expect_interleaved(*[[datagram] for datagram in expected])
        for taken in range(len(expected)):
            heard = self.hear()
            same = missing.get(heard and heard.key())
            if not same:
                raise Mismatch(self._complaint(missing.values(), heard, taken))
            same.pop()

    def expect_interleaved(self, *sequences):
        """What comes next: each sequence in its order, one among the other in any."""
        open_ = [deque(sequence) for sequence in sequences if sequence]
        taken = 0
        while open_:
            heard = self.hear()
            found = next((s for s in open_ if heard and s[0].matches(heard)), None)
            if found is None:
                raise Mismatch(self._complaint(open_, heard, taken))
            found.popleft()
            taken += 1
            if not found:
                open_.remove(found)

    def expect_nothing_before(self, done):
        """Hears on until `done(heard)`; whatever else comes is not expected and is put back."""
        other = deque()
        while True:
            heard = self.hear()
            if heard is None:
                raise Mismatch("waited in vain for an answer of the bystanders" + _listed(other))
            if done(heard):
                self.came.extendleft(reversed(other))
                return
            other.append(heard)

    def expect_silence(self):
        """Whatever has come so far should not have."""
        if self.came:
            raise Mismatch("nothing should have come to " + _channel(self.channel) + _listed(self.came))

    def expect_closed(self):
        """The other end closes."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if select.select([self.socket], [], [], 0.1)[0] and not self.socket.recv(65536):
                    return
            except ConnectionResetError:
                return
        raise Mismatch("the connection was not closed")

    def read_frame(self, body):
        """What a frame says."""
        return Heard(self.dialect, body)

    def _read(self):
        try:
            read = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        if not read:
            raise Closed("the daemon closed the connection")
        bytes_, at = self.unread + read, 0
        while len(bytes_) - at >= 2:
            (length,) = struct.unpack_from("<H", bytes_, at)
            if len(bytes_) - at - 2 < length:
                break
            self.came.append(self.read_frame(bytes_[at + 2 : at + 2 + length]))
            at += 2 + length
        self.unread = bytes_[at:]

    def _complaint(self, open_, heard, taken):
        wanted = [str(datagram) for sequence in open_ for datagram in sequence]
        lines = [f"on connection {_channel(self.channel)}, after {taken} that were as expected:"]
        lines += ["    expected " + line for line in wanted[:8]]
        lines += [f"    .. and {len(wanted) - 8} more"] * (len(wanted) > 8)
        lines += ["    came     " + (str(heard) if heard else "nothing")]
        rest = list(self.came)[:5]
        lines += ["    then     " + str(datagram) for datagram in rest]
        return "\n".join(lines)


def frame(body):
    """A body with its length tag."""
    return struct.pack("<H", len(body)) + body


def _listed(heard):
    rest = [f"    .. and {len(heard) - 8} more"] * (len(heard) > 8)
    return "\n" + "\n".join(["    came     " + str(datagram) for datagram in list(heard)[:8]] + rest)
