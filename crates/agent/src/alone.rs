//! One measurement at a time on a machine, whatever program asks for it.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Locked while a batch is measured; holds the number of the process that measures.
const LOCK: &str = "bespoke-measuring.lock";
/// How often it is looked whether it is free.
const POLL: Duration = Duration::from_millis(20);
/// After how long it is told that it is not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits until no other program measures on this machine; the caller is alone until it drops what it gets. Whoever cannot
/// tell goes on, with nothing. A long wait is told once to whom `has_told` belongs.
pub(crate) async fn alone(has_told: &AtomicBool) -> Option<File> {
    let mut file = open(&std::env::temp_dir()).ok()?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => {
                // Where it cannot be written, the others know less.
                let _ = sign(&mut file);
                return Some(file);
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
            Err(TryLockError::Error(_)) => return None,
        }
        if begun.elapsed() > PATIENCE && !has_told.swap(true, Ordering::Relaxed) {
            let by = holder(&mut file).map(|id| format!(", by process {id}"));
            let by = by.unwrap_or_default();
            tracing::warn!("waiting for another measurement on this machine{by}");
        }
    }
}

fn open(folder: &Path) -> io::Result<File> {
    let mut options = File::options();
    let options = options.create(true).read(true).append(true);
    options.open(folder.join(LOCK))
}

/// Writes the number of this process in place of what there is.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "{}", std::process::id())
}

/// The number of the process that has signed, if one has.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_reads_who_has_signed_last() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (open(folder.path()).unwrap(), open(folder.path()).unwrap());
        assert_eq!(holder(&mut other), None);
        for _ in 0..2 {
            write!(one, "12345678").unwrap();
            sign(&mut one).unwrap();
            assert_eq!(holder(&mut other), Some(std::process::id()));
        }
    }
}
