//! The threads that tensors are computed on.

use crate::NetworkError;

/// A fixed number of threads: what runs on them uses these threads and no others.
///
/// Without it, Burn's CPU backend uses one thread for each logical core. Several trainings side by side, each on a
/// thread of its own, get more done than one on all of them.
#[derive(Debug)]
pub struct Threads(rayon::ThreadPool);

impl Threads {
    /// Starts the threads, at least one.
    ///
    /// # Errors
    /// When the number is 0 or the system refuses.
    pub fn new(count: usize) -> Result<Self, NetworkError> {
        let refused = |reason: String| NetworkError::Threads { count, reason };
        if count == 0 {
            return Err(refused("at least one is needed".to_owned()));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .map(Self)
            .map_err(|error| refused(error.to_string()))
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Does the work on these threads and waits for it.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_as_many_threads_as_asked() {
        let threads = Threads::new(3).unwrap();
        assert_eq!(threads.count(), 3);
        assert_eq!(threads.run(rayon::current_num_threads), 3);
    }

    #[test]
    fn no_thread_is_refused() {
        let error = Threads::new(0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot start 0 threads: at least one is needed"
        );
    }
}
