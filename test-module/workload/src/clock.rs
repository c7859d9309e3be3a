//! The driver's clock.

/// Nanoseconds of CLOCK_BOOTTIME.
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: There is room for the answer, which cannot fail: the clock exists since Linux 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_goes_on() {
        let before = super::now();
        assert!(before > 0);
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(super::now() - before >= 2_000_000);
    }
}
