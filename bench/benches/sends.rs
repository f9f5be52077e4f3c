//! What sending alone costs: one small message to one of 500 connections over loopback, in the CPU time
//! of the thread that sends, while another one reads them all. The yardstick of the rows of the Client
//! Agent in which each update is written to many (README.md, "How fast").

use criterion::{Criterion, criterion_group, criterion_main};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};
use rustix::time::{ClockId, clock_gettime};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const CONNECTIONS: usize = 500;
/// An update as a client hears it.
const MESSAGE: [u8; 16] = [7; 16];
/// So many messages go out one after the other, then the reader may be waited for.
const AT_ONCE: usize = 25;
/// Messages that are not read yet, at most: those of 64 updates.
const AHEAD_MAX: u64 = 64 * AT_ONCE as u64;

/// Reads whatever comes on all of them until they end.
fn read_all(ends: &[TcpStream], read: &AtomicU64) -> std::io::Result<()> {
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    for (at, end) in ends.iter().enumerate() {
        epoll::add(&poll, end, EventData::new_u64(at as u64), EventFlags::IN)?;
    }
    let (mut events, mut bytes) = (Vec::<Event>::with_capacity(256), [0; 4096]);
    loop {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let end = &ends[event.data.u64() as usize];
            let (count, _) = rustix::net::recv(end, &mut bytes, RecvFlags::DONTWAIT)?;
            if count == 0 {
                return Ok(());
            }
            read.fetch_add((count / MESSAGE.len()) as u64, Ordering::Release);
        }
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn sends(criterion: &mut Criterion) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it is bound");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        theirs.push(TcpStream::connect(address).expect("it listens"));
        let (end, _) = listener.accept().expect("somebody has connected");
        end.set_nodelay(true).expect("it stands");
        ours.push(end);
    }
    let read = Arc::new(AtomicU64::new(0));
    let reader = {
        let read = Arc::clone(&read);
        thread::spawn(move || read_all(&theirs, &read).expect("all connections stand to the end"))
    };
    let (mut sent, mut next) = (0, 0);
    criterion.bench_function("a bare send to one of 500 connections, CPU time", |bencher| {
        bencher.iter_custom(|count| {
            let (mut spent, mut left) = (Duration::ZERO, count as usize);
            while left > 0 {
                let now = left.min(AT_ONCE);
                let began = cpu_time();
                for _ in 0..now {
                    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                    let taken = rustix::net::send(&ours[next], &MESSAGE, flags);
                    assert_eq!(taken.expect("it stands"), MESSAGE.len(), "there is room");
                    next = (next + 1) % CONNECTIONS;
                }
                spent += cpu_time() - began;
                (left, sent) = (left - now, sent + now as u64);
                while sent - read.load(Ordering::Acquire) > AHEAD_MAX {
                    assert!(!reader.is_finished(), "the reader has ended, and has said why");
                    thread::yield_now();
                }
            }
            spent
        });
    });
    drop(ours);
    reader.join().expect("the reader reads to the end");
}

criterion_group!(benches, sends);
criterion_main!(benches);
