//! What keeps the measuring child to itself: no network, no privileges, no core dump, no life after its parent.

use std::io;

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit},
    thread::{UnshareFlags, set_no_new_privs},
};

/// Longest file that the child may write: room for what a runtime caches, not enough to fill a disk.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most threads of a child, where those of others are not counted with them.
const MAX_THREADS: u64 = 1024;
/// The core size that also keeps a dump from a program that the system would hand it to: `fs/coredump.c` of Linux takes
/// no other number for such a program.
const NO_CORE_DUMP: u64 = 1;

/// What of the containment the system allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Containment {
    /// Nothing, or why the network is still within reach.
    network: Result<Namespace, Errno>,
}

/// Where the child has a network of its own, without any interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Namespace {
    /// It keeps its privileges over the machine, if it had any.
    Network,
    /// It has none, and its threads are counted apart from all others.
    UserAndNetwork,
}

// === impl Containment ===

impl Containment {
    /// Contains this process, which must not have started a thread yet. From here on it ends with its parent.
    ///
    /// # Errors
    /// Where the system refuses what it grants to everybody.
    pub(crate) fn enter() -> io::Result<Self> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let network = own_network();
        set_no_new_privs(true)?;
        limit(Resource::Core, NO_CORE_DUMP)?;
        limit(Resource::Fsize, MAX_FILE_BYTES)?;
        if network == Ok(Namespace::UserAndNetwork) {
            limit(Resource::Nproc, MAX_THREADS)?;
        }
        Ok(Self { network })
    }

    /// How much network the child has, for the record.
    pub(crate) fn network(&self) -> String {
        match self.network {
            Ok(_) => "none".to_owned(),
            Err(error) => format!("within reach: {}", io::Error::from(error)),
        }
    }
}

/// From here on the process cannot have more memory: an allocation beyond it fails and ends the process. What counts is
/// its address space; on a GPU, whose driver reserves more addresses than a machine has memory, what it may write to.
pub(crate) fn limit_memory(bytes: u64, on_gpu: bool) -> io::Result<()> {
    match on_gpu {
        false => limit(Resource::As, bytes),
        true => limit(Resource::Data, bytes),
    }
}

// === helpers ===

/// Most that this process may have of a resource; a lower limit that holds already is kept.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let allowed = rustix::process::getrlimit(resource).maximum;
    let most = allowed.map_or(most, |allowed| allowed.min(most));
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}

/// A privileged process keeps what it may read. Any other needs a user namespace to be allowed a network namespace.
fn own_network() -> Result<Namespace, Errno> {
    unshare(UnshareFlags::NEWNET)
        .map(|()| Namespace::Network)
        .or_else(|_| {
            unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)
                .map(|()| Namespace::UserAndNetwork)
        })
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: a table of open files that is no longer shared would be the danger, and `FILES` is not among the flags.
    #[expect(unsafe_code, reason = "the only way to leave the network")]
    unsafe {
        rustix::thread::unshare_unsafe(flags)
    }
}
