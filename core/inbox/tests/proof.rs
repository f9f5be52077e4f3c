//! All interleavings of small meshes, by a model checker:
//! `cargo test --release -p inbox --features loom --test proof`

use inbox::{Port, mesh, mesh_without_gate};
use loom::model::Builder;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// Interleavings with up to three preemptions: what is known to go wrong does so with fewer.
fn all_interleavings(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn take(port: &mut Port<&'static str>) -> (usize, &'static str) {
    loop {
        match port.take() {
            Some(taken) => return taken,
            None => thread::yield_now(),
        }
    }
}

/// A tells B y and C x in one turn; B, if it has heard y, tells C z. C looks once in between and
/// once at the end.
fn triangle(ports: Vec<Port<&'static str>>) {
    let [mut a, mut b, mut c] = <[_; 3]>::try_from(ports).unwrap_or_else(|_| panic!("3 ports"));
    let sender = thread::spawn(move || {
        a.push(B, 1, "y");
        a.push(C, 1, "x");
        a.publish();
    });
    let between = thread::spawn(move || {
        let heard = b.take();
        if heard.is_some() {
            assert_eq!(heard, Some((A, "y")));
            b.push(C, 1, "z");
            b.publish();
        }
        heard.is_some()
    });
    let mut heard: Vec<_> = c.take().into_iter().collect();
    sender.join().unwrap();
    let caused = between.join().unwrap();
    heard.extend(std::iter::from_fn(|| c.take()));
    let all = [(A, "x"), (B, "z")];
    assert_eq!(heard, if caused { &all[..] } else { &all[..1] });
}

#[test]
fn what_was_caused_comes_after_its_cause() {
    all_interleavings(|| triangle(mesh(3, 100)));
}

#[test]
#[should_panic]
fn without_the_gate_it_does_not() {
    all_interleavings(|| triangle(mesh_without_gate(3, 100)));
}

#[test]
fn one_sender_is_heard_in_order() {
    all_interleavings(|| {
        let mut ports = mesh(2, 100);
        let (mut b, mut a) = (ports.pop().unwrap(), ports.pop().unwrap());
        let sender = thread::spawn(move || {
            a.push(B, 1, "one");
            a.publish();
            a.push(B, 1, "two");
            a.push(B, 1, "three");
            a.publish();
        });
        assert_eq!([(); 3].map(|()| take(&mut b).1), ["one", "two", "three"]);
        sender.join().unwrap();
    });
}

#[test]
fn nobody_sleeps_through_a_batch() {
    all_interleavings(|| {
        let mut ports = mesh(2, 100);
        let (mut b, mut a) = (ports.pop().unwrap(), ports.pop().unwrap());
        let event = Arc::new((Mutex::new(false), Condvar::new()));
        let waker = Arc::clone(&event);
        let sender = thread::spawn(move || {
            for batch in ["one", "two"] {
                a.push(B, 1, batch);
                if a.publish() != 0 {
                    *waker.0.lock().unwrap() = true;
                    waker.1.notify_one();
                }
            }
        });
        let mut left = 2;
        while left > 0 {
            if b.take().is_some() {
                left -= 1;
            } else if b.sleep() {
                let mut rings = event.0.lock().unwrap();
                while !*rings {
                    // For ever, which the checker finds, if nobody was told.
                    rings = event.1.wait(rings).unwrap();
                }
                *rings = false;
                drop(rings);
                b.wake_up();
            } else {
                thread::yield_now();
            }
        }
        sender.join().unwrap();
    });
}
