//! Counts the allocations of a process of any program, with `LD_PRELOAD` on Linux.
//!
//! The functions take the place of glibc's. When the process exits, the number of
//! allocations is written to the file that `ALLOCATION_COUNT_FILE` names.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Runs when the process exits.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = write_count;

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(memory: *mut c_void, size: usize) -> *mut c_void;
}

fn count() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// Counts, and allocates as glibc does.
///
/// # Safety
///
/// As for `malloc` in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller keeps the rules of `malloc`.
    unsafe { __libc_malloc(size) }
}

/// Counts, and allocates as glibc does.
///
/// # Safety
///
/// As for `calloc` in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(items: usize, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller keeps the rules of `calloc`.
    unsafe { __libc_calloc(items, size) }
}

/// Counts, and allocates as glibc does.
///
/// # Safety
///
/// As for `realloc` in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(memory: *mut c_void, size: usize) -> *mut c_void {
    count();
    // SAFETY: the caller keeps the rules of `realloc`.
    unsafe { __libc_realloc(memory, size) }
}

extern "C" fn write_count() {
    if let Some(path) = std::env::var_os("ALLOCATION_COUNT_FILE") {
        let text = COUNT.load(Ordering::Relaxed).to_string();
        if let Err(error) = std::fs::write(path, text) {
            eprintln!("cannot write the number of allocations: {error}");
        }
    }
}
