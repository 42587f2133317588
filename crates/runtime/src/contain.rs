//! Panics of a library over somebody else's file, turned into errors.

use std::{
    any::Any,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Does the work; an error or a panic is told in a sentence.
///
/// What the work was changing when it panicked must not be used again.
pub(crate) fn contained<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        // The alternative form has the causes too, where the error is one of anyhow's.
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(panic) => Err(format!("it panicked: {}", message(panic.as_ref()))),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let axis = 3;
        let broken = || -> Result<(), String> { panic!("axis {axis} is not there") };
        assert_eq!(
            contained(broken),
            Err("it panicked: axis 3 is not there".to_owned())
        );
    }
}
