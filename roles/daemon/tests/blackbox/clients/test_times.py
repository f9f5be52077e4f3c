"""Clients that do not speak in time.

How long something takes is not tested, except that it does not happen too early: a busy machine is late.
"""

import time

from ground import KIOSK
from otp import frame
from protocol import GENERIC, NO_HEARTBEAT
from world import NUMBERS, text


def test_who_does_not_say_hello(t):
    """`limits.hello_ms`: 300."""
    since = time.monotonic()
    anna = t.stranger("early")
    anna.expect_ejected(GENERIC)
    assert time.monotonic() - since >= 0.29


def test_who_does_not_say_it_to_its_end(t):
    """Bytes are not enough."""
    anna = t.stranger("early")
    message = anna.protocol.encode("Hello", dc_hash=anna.gate.dc_hash, version=anna.gate.version)
    anna.write_to_the_end(len(message).to_bytes(2, "little") + message[:-1])
    anna.expect_ejected(GENERIC)


def test_who_does_not_log_in(t):
    """`limits.established_ms`: 3000, from connecting on; what a client does meanwhile is no excuse."""
    since = time.monotonic()
    anna, bert = t.visitor("login"), t.visitor("login")
    bert.says("Heartbeat")
    for client in [anna, bert]:
        client.expect_ejected(GENERIC)
    assert time.monotonic() - since >= 2.95


def test_who_has_logged_in_stays(t):
    """While another one, who came later, is ejected."""
    t.listen(KIOSK)
    anna, bert = t.guest("login"), t.visitor("login")
    bert.expect_ejected(GENERIC)
    anna.update(KIOSK, "ask", text("still here"))
    t.expect(t.dg(KIOSK, anna.channel, "UpdateField", do_id=KIOSK, field=NUMBERS["ask"],
                  value=text("still here")))


def test_whose_heart_does_not_beat(t):
    """`client.heartbeat_timeout`: 2400, from HELLO on."""
    anna = t.guest("beating")
    since = time.monotonic()
    bert = t.guest("beating")
    for client in [anna, bert]:
        client.expect_ejected(NO_HEARTBEAT)
    assert time.monotonic() - since >= 2.35


def test_nothing_else_is_a_heartbeat(t):
    """A client that talks all the time is ejected all the same."""
    t.listen(KIOSK)
    anna = t.guest("beating")
    deadline = time.monotonic() + 20
    talk = anna.protocol.encode("UpdateField", do_id=KIOSK, field=NUMBERS["ask"], value=text("hello"))
    talk = frame(talk) + frame(anna.protocol.interest(0, 1, KIOSK, []))
    word = t.done(1)
    while word.name == "Done":
        anna.write_to_the_end(talk)
        word = anna.hear()
        assert word and time.monotonic() < deadline, "it is there yet"
        time.sleep(0.02)
    assert word.name == "Eject" and word.args["code"] == NO_HEARTBEAT, word
    anna.expect_closed()
    t.drain()


def test_whose_heart_beats_stays(t):
    """From each beat on it has the whole time again."""
    beat, anna, gaps = time.monotonic(), t.guest("beating"), 0
    heartbeat = frame(anna.protocol.encode("Heartbeat"))
    for _ in range(5):
        time.sleep(0.8)
        before, beat = beat, time.monotonic()
        anna.write_to_the_end(heartbeat)
        gaps = max(gaps, time.monotonic() - before)
    word = anna.hear()
    # On a machine that stood still for a second there is nothing to be said about hearts.
    if gaps < 1.5:
        assert time.monotonic() - beat >= 2.35, "ejected though its heart beat"
    assert word and word.args["code"] == NO_HEARTBEAT, word
    anna.expect_closed()


def test_usually_no_heart_needs_to_beat(t):
    """Those of the other Client Agents are still there when one of this has been ejected."""
    anna, bert = t.guest(), t.guest("beating")
    bert.expect_ejected(NO_HEARTBEAT)
    t.nothing_comes()
