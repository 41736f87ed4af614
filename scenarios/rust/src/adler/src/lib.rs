//! Adler-32, the checksum of zlib. The work is done in C.

mod ffi {
    extern "C" {
        pub fn adler32(sum: u32, bytes: *const u8, count: usize) -> u32;
    }
}

/// The sum of no bytes.
pub const START: u32 = 1;

/// Continues a sum with further bytes.
pub fn add(sum: u32, bytes: &[u8]) -> u32 {
    // SAFETY: adler32 reads count bytes, and no more.
    unsafe { ffi::adler32(sum, bytes.as_ptr(), bytes.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sum() {
        assert_eq!(add(START, b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn sums_go_on() {
        assert_eq!(add(add(START, b"Wiki"), b"pedia"), add(START, b"Wikipedia"));
    }
}
