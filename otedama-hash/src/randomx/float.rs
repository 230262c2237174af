//! The floating-point modes of the thread, which RandomX programs change and leave changed.
#![allow(unsafe_code, reason = "reads and writes a control register")]

/// Runs `work`, then gives the thread its rounding mode and flags back.
pub(super) fn restored<R>(work: impl FnOnce() -> R) -> R {
    let before = system::read();
    let result = work();
    system::write(before);
    result
}

#[cfg(target_arch = "x86_64")]
mod system {
    use core::arch::asm;

    pub(super) fn read() -> u32 {
        let mut mxcsr = 0_u32;
        // SAFETY: writes the four bytes that it is given.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack, preserves_flags)) };
        mxcsr
    }

    pub(super) fn write(mxcsr: u32) {
        // SAFETY: the value was read from the register, so it sets no reserved bit.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack, preserves_flags)) };
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod system {
    use core::ffi::c_int;

    /// Larger than any system's `fenv_t`.
    #[repr(C, align(16))]
    pub(super) struct Environment([u8; 256]);

    unsafe extern "C" {
        fn fegetenv(to: *mut Environment) -> c_int;
        fn fesetenv(from: *const Environment) -> c_int;
    }

    pub(super) fn read() -> Environment {
        let mut environment = Environment([0; 256]);
        // SAFETY: there is room for what it writes.
        unsafe { fegetenv(&raw mut environment) };
        environment
    }

    pub(super) fn write(environment: Environment) {
        // SAFETY: filled by `fegetenv` in this thread.
        unsafe { fesetenv(&raw const environment) };
    }
}
