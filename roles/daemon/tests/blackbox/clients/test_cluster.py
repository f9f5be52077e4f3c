"""The cluster speaks to clients, sends them away, and asks where they are from."""

import struct

from ground import KIOSK
from otp import frame
from protocol import INVALID
from stage import only
from world import NUMBERS, text, u8, u16


def test_a_datagram_comes_as_it_is(t):
    """Whatever it is, and to a client that has not logged in as well."""
    anna, bert = t.guest(), t.visitor()
    for datagram in [u16(50_000) + bytes(range(256)), u16(2), u16(3) + bytes(60_000), u8(7)]:
        for client in [anna, bert]:
            t.send(client.channel, "SendDatagram", datagram=datagram)
            word = client.hear()
            assert word and word.message == datagram, word


def test_datagrams_come_in_order(t):
    anna = t.guest()
    for number in range(500):
        t.send(anna.channel, "SendDatagram", datagram=u16(50_000, number))
    for number in range(500):
        word = anna.hear()
        assert word and word.message == u16(50_000, number), word


def test_an_ejected_client_is_told_why(t):
    anna, bert, carl = t.guest(), t.visitor(), t.guest()
    t.send(anna.channel, "Eject", code=122, reason=b"somebody else has logged in with this name")
    anna.expect_ejected(122, "somebody else has logged in with this name")
    t.send(bert.channel, "Eject", code=65_535, reason="\u00e9t\u00e9 \u2713".encode())
    bert.expect_ejected(65_535, "\u00e9t\u00e9 \u2713")
    t.nothing_comes()


def test_what_was_said_before_comes_before_the_end(t):
    """And nothing that was said behind it."""
    anna = t.guest()
    t.send(anna.channel, "SendDatagram", datagram=u16(50_000) + b"first")
    t.send(anna.channel, "Eject", code=122, reason=b"bye")
    t.send(anna.channel, "SendDatagram", datagram=u16(50_000) + b"late")
    word = anna.hear()
    assert word and word.message == u16(50_000) + b"first", word
    anna.expect_ejected(122, "bye")


def test_a_dropped_client_is_told_nothing(t):
    anna, bert = t.guest(), t.guest()
    t.send(anna.channel, "Drop")
    anna.expect_closed()
    t.nothing_comes()


def test_one_that_talks_on_is_told_why_all_the_same(t):
    """What it still says is thrown away, and the words arrive."""
    anna = t.guest()
    t.send(anna.channel, "Eject", code=122, reason=b"enough")
    for _ in range(200):
        anna.write_to_the_end(frame(anna.protocol.encode("Heartbeat")))
    anna.expect_ejected(122, "enough")
    t.nothing_comes()


def test_what_an_ejected_client_says_is_not_done(t):
    t.listen(KIOSK)
    anna = t.guest()
    anna.say(u16(60_000))
    late = anna.protocol.encode("UpdateField", do_id=KIOSK, field=NUMBERS["ask"], value=text("late"))
    anna.write_to_the_end(frame(late) * 20)
    anna.expect_ejected(INVALID)
    t.nothing_comes()


def test_what_makes_no_sense_does_no_harm(t):
    """Messages to a client's channel that are none, or of things that there are not."""
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    number = lambda name: u16(t.d.shapes[name].number)
    for message in [u16(60_000) + b"12", number("SetState"), number("SetState") + u8(2),
                    number("SetClientId") + u16(5), number("SendDatagram") + u16(9) + b"short",
                    number("Eject") + u16(1) + u16(9) + b"cut", number("Eject") + u16(1),
                    number("OpenChannel") + b"1234567", number("AddInterest") + u16(1) + b"123",
                    number("RemoveInterest"), number("DeclareObject") + b"12345",
                    number("SetFieldsSendable") + b"123", number("AddPostRemove") + u16(3) + b"12"]:
        t.me.send_raw(anna.channel, message)
    t.send(anna.channel, "RemoveInterest", interest=3)
    t.send(anna.channel, "RemoveSessionObject", do_id=ride.do_id)
    t.send(anna.channel, "UndeclareObject", do_id=ride.do_id)
    t.send(anna.channel, "CloseChannel", channel=t.channel())
    t.send(anna.channel, "ClearPostRemoves")
    if t.astron:  # who closes an interest waits for this, though there was none
        t.expect(t.dg(t.me.channel, anna.channel, "DoneInterestResp", client=anna.channel, interest=3))
    t.nothing_comes()


def test_objects_that_a_client_does_not_know_are_not_told_of(t):
    """Messages of the State Server, to a client's own channel."""
    anna, ride = t.guest(), t.ride(t.meadow(), t.zone())
    t.send(anna.channel, "DeleteRam", do_id=ride.do_id)
    t.send(anna.channel, "ChangeZone", do_id=ride.do_id, new_parent=ride.parent, new_zone=1,
           old_parent=ride.parent, old_zone=ride.zone)
    t.send(anna.channel, "ChangeOwner", do_id=ride.do_id, new=0, old=anna.channel)
    t.nothing_comes()


@only("astron")
def test_the_cluster_asks_where_a_client_is(t):
    anna, bert = t.guest(), t.visitor()
    for client in [anna, bert]:
        host, port = client.socket.getsockname()
        t.send(client.channel, "GetNetworkAddress", context=77)
        t.expect(t.dg(t.me.channel, client.channel, "GetNetworkAddressResp", context=77, remote=host.encode(),
                      remote_port=port, local=b"127.0.0.1", local_port=client.gate.port))
    t.nothing_comes()


def proxy_header(tlvs=b""):
    """A PROXY header of version 2: a client at 203.0.113.9:1234 that came to 192.0.2.1:7198."""
    body = bytes([203, 0, 113, 9, 192, 0, 2, 1]) + struct.pack(">HH", 1234, 7198) + tlvs
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack(">H", len(body)) + body


@only("astron")
def test_the_cluster_asks_what_a_proxy_said(t):
    tlvs = b"\x02\x00\x03abc"
    for opening, said in [(proxy_header(tlvs), tlvs), (proxy_header(), b"")]:
        anna = t.guest("proxied", opening)
        t.send(anna.channel, "GetTlvs", context=5)
        t.expect(t.dg(t.me.channel, anna.channel, "GetTlvsResp", context=5, tlvs=said))
        t.send(anna.channel, "GetNetworkAddress", context=6)
        t.expect(t.dg(t.me.channel, anna.channel, "GetNetworkAddressResp", context=6, remote=b"203.0.113.9",
                      remote_port=1234, local=b"192.0.2.1", local_port=7198))
    bert = t.guest()
    t.send(bert.channel, "GetTlvs", context=7)
    t.expect(t.dg(t.me.channel, bert.channel, "GetTlvsResp", context=7, tlvs=b""))


def test_headers_of_a_proxy(t):
    """Both versions, with addresses of both kinds; and of the proxy itself, which sees to our health."""
    version_2 = proxy_header()[:12]
    six = bytes(15) + b"\1" + bytes(15) + b"\2" + struct.pack(">HH", 1234, 7198)
    for opening in [b"PROXY TCP4 203.0.113.9 192.0.2.1 1234 7198\r\n", b"PROXY UNKNOWN\r\n",
                    b"PROXY TCP6 2001:db8::9 2001:db8::1 1234 7198\r\n",
                    proxy_header(), version_2 + b"\x21\x21\0\x24" + six, version_2 + b"\x20\0\0\0"]:
        t.guest("proxied", opening)
    t.nothing_comes()


def test_what_is_no_header_of_a_proxy(t):
    for opening in [b"PROXY TCP4 203.0.113.9\r\n", b"PROXY " + b"x" * 200, proxy_header()[:12] + bytes(20)]:
        anna = t.stranger("proxied")
        anna.write_to_the_end(opening)
        anna.expect_closed()


def test_who_comes_past_the_proxy_is_turned_away(t):
    anna = t.stranger("proxied")
    anna.hello()
    anna.expect_closed()


@only("openotp")
def test_what_openotp_does_not_have_does_no_harm(t):
    """GET_NETWORK_ADDRESS and GET_TLVS of the other dialect."""
    anna = t.guest()
    t.me.send_raw(anna.channel, u16(1006) + bytes(4))
    t.me.send_raw(anna.channel, u16(1015) + bytes(4))
    t.nothing_comes()
