//! Run-time choice between a baseline, an AVX2 and an AVX-512 body of the same function.
//!
//! The build targets plain x86-64, which has neither AVX2 nor popcount.
//! [`dispatch!`](crate::dispatch!) compiles one body for each and picks at run time.
//! All bodies run the same operations in the same order on each element, so they give equal bits; [`with_baseline`] and
//! [`without_avx512`] let a test compare them. A compiler never fuses a multiplication with an addition of its own accord. Where a kernel
//! says `mul_add`, all bodies fuse: one rounding, exact by IEEE 754. A processor without the instruction, none of AVX2's, gets it from
//! the C library, with the same bits and slowly.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many callers want the baseline now.
static BASELINE_WANTED: AtomicUsize = AtomicUsize::new(0);
/// How many callers want nothing beyond AVX2 now.
static AVX2_WANTED: AtomicUsize = AtomicUsize::new(0);

/// Whether dispatched functions take their AVX2 body. The processor is asked once; the standard library caches the answer.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn use_avx2() -> bool {
    let is_capable = std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("bmi1")
        && std::is_x86_feature_detected!("bmi2")
        && std::is_x86_feature_detected!("popcnt")
        && std::is_x86_feature_detected!("fma");
    is_capable && BASELINE_WANTED.load(Ordering::Relaxed) == 0
}

/// Whether dispatched functions take their AVX-512 body.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn use_avx512() -> bool {
    let is_capable = std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512bw");
    is_capable && use_avx2() && AVX2_WANTED.load(Ordering::Relaxed) == 0
}

/// Other processors have the baseline only.
#[cfg(not(target_arch = "x86_64"))]
pub fn use_avx2() -> bool {
    false
}

/// Other processors have the baseline only.
#[cfg(not(target_arch = "x86_64"))]
pub fn use_avx512() -> bool {
    false
}

/// Runs `f` with every dispatched function of the process on its baseline body.
///
/// For tests that compare the bodies. It holds for all threads, because the body may spread its work over a thread pool.
pub fn with_baseline<R>(f: impl FnOnce() -> R) -> R {
    counted(&BASELINE_WANTED, f)
}

/// Runs `f` with no dispatched function of the process on its AVX-512 body. For tests, as [`with_baseline`].
pub fn without_avx512<R>(f: impl FnOnce() -> R) -> R {
    counted(&AVX2_WANTED, f)
}

/// Runs `f` with `callers` one higher, also when it panics.
fn counted<R>(callers: &'static AtomicUsize, f: impl FnOnce() -> R) -> R {
    struct Release(&'static AtomicUsize);
    impl Drop for Release {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    callers.fetch_add(1, Ordering::Relaxed);
    let _release = Release(callers);
    f()
}

/// Defines functions whose bodies are compiled for plain x86-64, for AVX2 + FMA + BMI + POPCNT and for AVX-512 F + VL + DQ + BW.
///
/// What the body calls must be `#[inline(always)]` to be compiled with it; the choice costs a few loads, so a body works on a block.
///
/// ```
/// osusume_numeric::dispatch! {
///     /// out = out + a x
///     pub fn axpy(a: f64, x: &[f64], out: &mut [f64]) {
///         for (o, v) in out.iter_mut().zip(x) {
///             *o += a * v;
///         }
///     }
/// }
/// let mut out = [1.0, 2.0];
/// axpy(2.0, &[1.0, 10.0], &mut out);
/// assert_eq!(out, [3.0, 22.0]);
/// ```
#[macro_export]
macro_rules! dispatch {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    )+) => {$(
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            // Inlined always: otherwise it would not be compiled with its caller's features.
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,fma")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,bmi1,bmi2,popcnt,fma")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            if $crate::dispatch::use_avx512() {
                // JUSTIFICATION
                // Benefit: vectors twice as wide as AVX2's and twice as many registers; matrix products of large designs gain most.
                // Soundness: as below, with `use_avx512`, which also confirms the features of AVX2's body.
                #[expect(unsafe_code, reason = "the only way to call a function compiled for more features than its caller")]
                return unsafe { avx512($($arg),*) };
            }

            #[cfg(target_arch = "x86_64")]
            if $crate::dispatch::use_avx2() {
                // JUSTIFICATION
                // Benefit: vectors twice as wide and 16 registers of them; the weighted Gram matrix takes half the time.
                // Soundness: `avx2` is safe code; calling it needs only the features of its attribute, and `use_avx2` has just
                // confirmed every one of them on this processor.
                #[expect(unsafe_code, reason = "the only way to call a function compiled for more features than its caller")]
                return unsafe { avx2($($arg),*) };
            }
            body($($arg),*)
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;

    dispatch! {
        fn weighted(a: &[f64], b: &[f64]) -> f64 {
            a.iter().zip(b).map(|(x, y)| x * y).sum()
        }
    }

    #[test]
    fn baseline_is_forced_and_nests() {
        assert!(!with_baseline(use_avx2));
        assert!(!with_baseline(|| {
            with_baseline(use_avx2);
            use_avx2()
        }));
    }

    #[test]
    fn all_bodies_agree_in_bits() {
        let a: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.1 + 1e-3).collect();
        let b: Vec<f64> = (0..1000).map(|i| 1.0 / (f64::from(i) + 0.7)).collect();
        let fast = weighted(&a, &b);
        let slow = with_baseline(|| weighted(&a, &b));
        assert_eq!(fast.to_bits(), slow.to_bits());
        assert_eq!(fast.to_bits(), without_avx512(|| weighted(&a, &b)).to_bits());
        assert!(!without_avx512(use_avx512) && !with_baseline(use_avx512));
    }
}
