//! How the kernel's scheduler treats a child: the one system call of this program that no safe crate offers.
#![expect(unsafe_code, reason = "the C library's interface takes a raw pointer")]

use std::io;

use rustix::process::Pid;

/// Puts a process, with all that it will start, into `SCHED_BATCH`: when it wakes it does not push another program off
/// its core. Its share of the processor stays the same.
///
/// # Errors
/// The process has ended, or a sandbox denies the call.
pub(super) fn make_batch(pid: Pid) -> io::Result<()> {
    // The priority of batch processes is always 0.
    let parameters = libc::sched_param { sched_priority: 0 };
    // The call itself, since one C library answers for it that it has no such function.
    // SAFETY: the kernel only reads `parameters`, which lives until the call is over.
    let done = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            pid.as_raw_nonzero().get(),
            libc::SCHED_BATCH,
            &raw const parameters,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
