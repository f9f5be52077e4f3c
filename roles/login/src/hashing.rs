//! The threads that hash and verify passwords: Argon2id, kept as PHC strings.

use crate::config::Hashing;
use crate::password::{Job, Outcome, Task};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// A kept hash that asks for more memory than this is not computed, in KiB.
const MEMORY_KIB_MAX: u32 = 4 << 20;

/// Hashes and verifies as the configuration says.
#[derive(Debug)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    /// A hash of which nobody knows the password.
    nobodys: String,
}

impl Hasher {
    pub(crate) fn new(hashing: &Hashing) -> Result<Hasher, Error> {
        let params = Params::new(hashing.memory_kib, hashing.passes, hashing.lanes, None)
            .map_err(|_| Error::Internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let unknown = argon2::password_hash::try_generate_salt().map_err(|_| Error::Internal)?;
        let nobodys = argon2.hash_password(&unknown)?.to_string();
        Ok(Hasher { argon2, nobodys })
    }

    /// Does a job. Takes long.
    pub(crate) fn compute(&self, job: &Job) -> Outcome {
        let password = job.password.bytes();
        match &job.task {
            Task::Hash => match self.argon2.hash_password(password) {
                Ok(hash) => Outcome::Hashed(hash.to_string()),
                Err(_) => Outcome::Failed,
            },
            Task::Verify(Some(kept)) => self.verify(password, kept),
            Task::Verify(None) => match self.verify(password, &self.nobodys) {
                Outcome::Failed => Outcome::Failed,
                Outcome::Right | Outcome::Wrong | Outcome::Hashed(_) => Outcome::Wrong,
            },
        }
    }

    /// The comparison takes the same time wherever the hashes differ.
    fn verify(&self, password: &[u8], kept: &str) -> Outcome {
        let Ok(kept) = PasswordHash::new(kept) else { return Outcome::Failed };
        let is_possible = Params::try_from(&kept).is_ok_and(|it| it.m_cost() <= MEMORY_KIB_MAX);
        if !is_possible {
            return Outcome::Failed;
        }
        match self.argon2.verify_password(password, &kept) {
            Ok(()) => Outcome::Right,
            Err(Error::PasswordInvalid) => Outcome::Wrong,
            Err(_) => Outcome::Failed,
        }
    }
}

/// The threads, and the queue to them, which is as long as said and blocks who puts more into it.
/// They end when the queue is dropped.
pub(crate) fn start(
    hasher: Hasher,
    threads: usize,
    queue: usize,
    done: impl Fn(u32, Outcome) + Clone + Send + 'static,
) -> io::Result<(SyncSender<Job>, Vec<JoinHandle<()>>)> {
    let (sender, jobs) = sync_channel(queue);
    let (hasher, jobs) = (Arc::new(hasher), Arc::new(Mutex::new(jobs)));
    let mut handles = Vec::new();
    for at in 0..threads {
        let (hasher, jobs, done) = (hasher.clone(), jobs.clone(), done.clone());
        let work = move || {
            while let Some(job) = next(&jobs) {
                done(job.id, hasher.compute(&job));
            }
        };
        handles.push(thread::Builder::new().name(format!("login-hash-{at}")).spawn(work)?);
    }
    Ok((sender, handles))
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::Password;

    const CHEAP: Hashing = Hashing { memory_kib: 8, passes: 1, lanes: 1, threads: 1 };

    fn compute(hasher: &Hasher, password: &str, task: Task) -> Outcome {
        hasher.compute(&Job { id: 1, password: Password::new(password.as_bytes()), task })
    }

    fn hash(hasher: &Hasher, password: &str) -> String {
        let outcome = compute(hasher, password, Task::Hash);
        let Outcome::Hashed(hash) = outcome else { panic!("{outcome:?}") };
        hash
    }

    #[test]
    fn a_password_is_verified_as_it_was_hashed() {
        let hasher = Hasher::new(&CHEAP).unwrap();
        let kept = hash(&hasher, "sesame");
        assert!(kept.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{kept}");
        assert_ne!(kept, hash(&hasher, "sesame"), "each has a salt of its own");
        assert!(!kept.contains("sesame"));
        // Also when the parameters have changed since.
        let dearer = Hasher::new(&Hashing { memory_kib: 16, passes: 2, ..CHEAP }).unwrap();
        for hasher in [&hasher, &dearer] {
            let verify = |password| compute(hasher, password, Task::Verify(Some(kept.clone())));
            assert_eq!(verify("sesame"), Outcome::Right);
            assert_eq!(verify("Sesame"), Outcome::Wrong);
            assert_eq!(verify(""), Outcome::Wrong);
        }
    }

    #[test]
    fn nobody_has_a_password() {
        let hasher = Hasher::new(&CHEAP).unwrap();
        assert_eq!(compute(&hasher, "sesame", Task::Verify(None)), Outcome::Wrong);
        for kept in
            ["", "sesame", "$argon2id$", "$argon2id$v=19$m=4194305,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"]
        {
            let outcome = compute(&hasher, "sesame", Task::Verify(Some(kept.to_owned())));
            assert_eq!(outcome, Outcome::Failed, "{kept}");
        }
    }

    #[test]
    fn a_hash_fits_into_its_field() {
        let costly =
            Hashing { memory_kib: MEMORY_KIB_MAX, passes: u32::MAX, lanes: 255, threads: 1 };
        assert!(costly.is_possible());
        // All of its numbers are at their longest; salt and hash always have the same length.
        let kept = hash(&Hasher::new(&CHEAP).unwrap(), "sesame");
        let longest = kept.replace("m=8,t=1,p=1", "m=4194304,t=4294967295,p=255");
        assert!(longest.len() <= 200, "{longest}");
    }

    #[test]
    fn what_cannot_be_computed_is_refused() {
        for (memory_kib, passes, lanes, threads) in
            [(7, 1, 1, 1), (8, 0, 1, 1), (8, 1, 0, 1), (8, 1, 1, 0), ((4 << 20) + 1, 1, 1, 1)]
        {
            assert!(!Hashing { memory_kib, passes, lanes, threads }.is_possible());
        }
        assert!(Hashing::default().is_possible());
    }

    #[test]
    fn threads_do_all_jobs_and_end() {
        let (done, results) = sync_channel(100);
        let done = move |id, outcome| done.send((id, outcome)).unwrap();
        let (jobs, threads) = start(Hasher::new(&CHEAP).unwrap(), 2, 10, done).unwrap();
        for id in 0..20 {
            jobs.send(Job { id, password: Password::new(b"a"), task: Task::Verify(None) }).unwrap();
        }
        drop(jobs);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let mut results: Vec<_> = results.iter().collect();
        results.sort_by_key(|(id, _)| *id);
        assert!(results.into_iter().eq((0..20).map(|id| (id, Outcome::Wrong))));
    }
}
