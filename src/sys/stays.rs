//! What stays with the threads of one descriptor table. The host's threads and I/O threads have tables of
//! their own, so a descriptor that crosses from one side to the other names another file there, or none;
//! closed there, it would close that.

use std::marker::PhantomData;
use std::sync::MutexGuard;

/// A field that makes its type one that is lent to other threads and never sent to them: `Sync` and not
/// `Send`. I/O threads lend to helpers, which share their table; what they return must be `Send`.
pub type Stays = PhantomData<MutexGuard<'static, ()>>;

/// Whether a type may be sent to another thread, `<Sent<T>>::MAY_BE`: the constant of the type itself is
/// preferred to the trait's, and is there only if `T` is `Send`.
#[cfg(test)]
pub mod sent {
    use std::marker::PhantomData;

    pub struct Sent<T>(PhantomData<T>);

    impl<T: Send> Sent<T> {
        pub const MAY_BE: bool = true;
    }

    pub trait Kept {
        const MAY_BE: bool = false;
    }

    impl<T> Kept for Sent<T> {}
}

#[cfg(test)]
mod tests {
    use super::sent::{Kept, Sent};
    use crate::sys::dir::Dir;

    #[test]
    fn a_directory_is_lent_to_other_threads_and_never_sent() {
        let sent = [<Sent<std::fs::File>>::MAY_BE, <Sent<&Dir>>::MAY_BE, <Sent<Dir>>::MAY_BE];
        assert_eq!(sent, [true, true, false]);
    }
}
