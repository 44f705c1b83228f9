//! Identifiers that nobody else has.

use rustix::rand::{GetRandomFlags, getrandom};
use uuid::{Builder, Uuid};

use super::retry;
use crate::error::{Code, Error, Result};

/// A random UUID (version 4, RFC 9562), from the kernel.
///
/// By the system call itself: a crate that reads `/dev/urandom` where it finds no such function, as in
/// a program that is linked statically, keeps its descriptor, which is not in an I/O thread's table.
pub fn uuid() -> Result<Uuid> {
    let mut bytes = [0; 16]; // so few come all at once
    match retry(|| getrandom(&mut bytes, GetRandomFlags::empty())) {
        Ok(got) if got == bytes.len() => Ok(Builder::from_random_bytes(bytes).into_uuid()),
        Ok(got) => Err(Error::new(Code::Internal, format!("the kernel gave {got} random bytes of 16"))),
        Err(error) => Err(Error::new(Code::Unsupported, format!("asking for random bytes: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_random_and_differ() {
        let (one, other) = (uuid().unwrap(), uuid().unwrap());
        assert_eq!(one.get_version_num(), 4);
        assert_ne!(one, other);
    }
}
