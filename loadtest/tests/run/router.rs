//! A small router with a thread per connection: knows adding and removing a channel, routes, and
//! can be told to make one mistake.

use loadtest::Dialect;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use wire::datagram::{Datagram, control_message};
use wire::framing::{body, split_frame};

/// The one mistake, at this delivery of a message (probes do not count).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    None,
    Lose(u64),
    Double(u64),
    /// This one comes after the next one of the same stream.
    Swap(u64),
    /// The receiver is disconnected instead.
    Close(u64),
}

pub struct Router {
    dialect: Dialect,
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    conns: Vec<TcpStream>,
    subscribers: BTreeMap<u64, Vec<usize>>,
    deliveries: u64,
    held: Option<(usize, Vec<u8>)>,
}

impl Router {
    /// Starts one that lives as long as the process.
    pub fn start(dialect: Dialect, fault: Fault) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Arc::new(Router { dialect, fault, state: Mutex::default() });
        std::thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                let router = router.clone();
                let id = {
                    let mut state = router.state.lock().unwrap();
                    state.conns.push(stream.try_clone().unwrap());
                    state.conns.len() - 1
                };
                std::thread::spawn(move || router.serve(id, stream));
            }
        });
        addr
    }

    fn serve(&self, id: usize, mut stream: TcpStream) {
        let (mut bytes, mut block) = (Vec::new(), [0; 8192]);
        while let Ok(count @ 1..) = stream.read(&mut block) {
            bytes.extend_from_slice(&block[..count]);
            let mut rest = &bytes[..];
            while let Some((frame, after)) = split_frame(rest) {
                self.route(id, frame);
                rest = after;
            }
            bytes = rest.to_vec();
        }
    }

    fn route(&self, from: usize, frame: &[u8]) {
        let mut state = self.state.lock().unwrap();
        let (control, add) = match self.dialect {
            Dialect::OpenOtp => (4001, 2001),
            Dialect::Astron => (1, 9000),
        };
        if let Some(message) = control_message(body(frame), wire::ids::Channel(control)) {
            let number = u16::from_le_bytes([message[0], message[1]]);
            let channel = u64::from_le_bytes(message[2..10].try_into().unwrap());
            let conns = state.subscribers.entry(channel).or_default();
            conns.retain(|conn| *conn != from);
            if number == add {
                conns.push(from);
            }
            return;
        }
        let dg = Datagram::parse(body(frame)).unwrap();
        let heard = |channel: wire::ids::Channel| state.subscribers.get(&channel.0);
        let mut to: Vec<usize> = dg.recipients().filter_map(heard).flatten().copied().collect();
        to.sort_unstable();
        to.dedup();
        let is_probe = dg.payload()[4..8] == [0xff; 4];
        for conn in to.into_iter().filter(|conn| *conn != from) {
            state.deliver(conn, frame, if is_probe { Fault::None } else { self.fault }, is_probe);
        }
    }
}

impl State {
    fn deliver(&mut self, conn: usize, frame: &[u8], fault: Fault, is_probe: bool) {
        let number = self.deliveries;
        self.deliveries += u64::from(!is_probe);
        match fault {
            Fault::Lose(at) if at == number => return,
            Fault::Double(at) if at == number => self.write(conn, frame),
            Fault::Close(at) if at == number => self.conns[conn].shutdown(Shutdown::Both).unwrap(),
            Fault::Swap(at) if at == number => {
                self.held = Some((conn, frame.to_vec()));
                return;
            }
            Fault::None | Fault::Lose(_) | Fault::Double(_) | Fault::Swap(_) | Fault::Close(_) => {}
        }
        self.write(conn, frame);
        if let Some((_, held)) = self.held.take_if(|(to, _)| *to == conn && !is_probe) {
            self.write(conn, &held);
        }
    }

    /// A connection that is gone misses what it misses.
    fn write(&mut self, conn: usize, frame: &[u8]) {
        self.conns[conn].write_all(frame).unwrap_or_default();
    }
}
