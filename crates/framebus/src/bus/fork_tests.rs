//! Handles in a child of a process that forks: it has none of them.

use std::time::Duration;

use super::handle_tests::{GEOMETRY, bus, publish};
use super::{HandleError, Observer};
use crate::source::pattern::verify;

/// Runs `child` in a forked process and returns its exit code.
#[allow(unsafe_code)]
fn forked(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child calls nothing that another thread could have left locked but the allocator, which sees to that itself.
    match unsafe { libc::fork() } {
        0 => {
            let code = child();
            // SAFETY: ends the process without what its parent has registered.
            unsafe { libc::_exit(code) };
        }
        pid => {
            let mut status = -1;
            // SAFETY: the status is writable.
            let ended = unsafe { libc::waitpid(pid, &raw mut status, 0) };
            assert_eq!(ended, pid);
            libc::WEXITSTATUS(status)
        }
    }
}

#[test]
fn a_forked_child_has_no_lease_and_takes_none_away() {
    let (mut producer, mut consumer) = bus();
    let name = producer.options().bus.clone();
    let observer = Observer::open(&name).expect("observer");
    publish(&mut producer, 1);
    let frame = consumer.acquire().expect("frame");
    let refused = |result: Result<(), HandleError>| matches!(result, Err(HandleError::OtherProcess { owner, .. }) if owner != std::process::id());
    // A bit for each thing that is not as it should be.
    let code = forked(move || {
        let mut wrong = i32::from(!refused(frame.check()));
        wrong |= i32::from(frame.gray().is_some()) << 1;
        drop(frame);
        wrong |= i32::from(!refused(observer.check())) << 2;
        let copied = observer.copy_latest(&observer.layout().planes[0], &mut Vec::new());
        wrong | i32::from(!matches!(copied, Err(super::CopyError::Handle(_)))) << 3
    });
    assert_eq!(code, 0);
    // The parent's frame moved into the closure, and went with it: here, at home.
    publish(&mut producer, 2);
    let frame = consumer.acquire().expect("frame");
    let code = forked(|| {
        let mut wrong = i32::from(!refused(producer.check()));
        wrong |= i32::from(producer.claim().is_ok()) << 1;
        wrong | i32::from(producer.kept_claim().is_some()) << 2
    });
    assert_eq!(code, 0);
    for number in 3..20 {
        publish(&mut producer, number);
        assert_eq!(verify(GEOMETRY, frame.gray().expect("gray")), Ok(2));
    }
    drop(frame);
    let code = forked(move || {
        let waited = consumer.wait(Some(Duration::ZERO));
        let refused = waited.is_err_and(|error| HandleError::of(&error).is_some());
        let taken = consumer.acquire().is_some();
        drop((producer, consumer));
        i32::from(!refused) | i32::from(taken) << 1
    });
    assert_eq!(code, 0);
}
