//! What the numbers of a truth are called.

use anyhow::Result;

use crate::uapi::{self, Comm, Memory, cause, direction, outcome, wait, wait_result};

pub(super) fn direction_name(direction: u32) -> Result<&'static str> {
    match direction {
        direction::UNKNOWN => Ok("unknown"),
        direction::TO_DEVICE => Ok("to_device"),
        direction::TO_SYSTEM => Ok("to_system"),
        direction::DEVICE_TO_DEVICE => Ok("device_to_device"),
        direction::SYSTEM_TO_SYSTEM => Ok("system_to_system"),
        other => Err(strange("direction", other)),
    }
}

pub(super) fn cause_name(cause: u32) -> Result<&'static str> {
    match cause {
        cause::UNKNOWN => Ok("unknown"),
        cause::CPU_FAULT => Ok("cpu_fault"),
        cause::KERNEL_ACCESS => Ok("kernel_access"),
        cause::DEVICE_FAULT => Ok("device_fault"),
        cause::PREFETCH => Ok("prefetch"),
        cause::EVICTION => Ok("eviction"),
        cause::DRIVER => Ok("driver"),
        other => Err(strange("cause", other)),
    }
}

pub(super) fn outcome_name(outcome: u32) -> Result<&'static str> {
    match outcome {
        outcome::COMPLETED => Ok("completed"),
        outcome::ROLLED_BACK => Ok("rolled_back"),
        outcome::ABANDONED => Ok("abandoned"),
        outcome::REJECTED => Ok("rejected"),
        other => Err(strange("outcome", other)),
    }
}

pub(super) fn wait_name(what: u32) -> Result<&'static str> {
    match what {
        wait::FAULT => Ok("fault"),
        wait::TOUCH => Ok("touch"),
        wait::RANGE_FAULT => Ok("range_fault"),
        wait::READ_BEGIN => Ok("read_begin"),
        wait::EXCLUSIVE => Ok("exclusive"),
        wait::INVALIDATION => Ok("invalidation"),
        other => Err(strange("wait", other)),
    }
}

pub(super) fn result_name(result: u32) -> Result<&'static str> {
    match result {
        wait_result::DONE => Ok("done"),
        wait_result::NOTHING => Ok("nothing"),
        wait_result::FAILED => Ok("failed"),
        wait_result::BUSY => Ok("busy"),
        wait_result::RETRY => Ok("retry"),
        wait_result::UNMAPPED => Ok("unmapped"),
        wait_result::CLEARED => Ok("cleared"),
        wait_result::PROTECTED => Ok("protected"),
        wait_result::PAGE_PROTECTED => Ok("page_protected"),
        wait_result::CHANGED => Ok("changed"),
        other => Err(strange("result", other)),
    }
}

fn strange(what: &str, number: u32) -> anyhow::Error {
    anyhow::anyhow!("the driver reports {what} {number}, which has no name")
}

/// A task's name. What is no UTF-8 is shown as such.
pub(super) fn name(comm: &Comm) -> String {
    let end = comm.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&comm[..end.unwrap_or(comm.len())]).into_owned()
}

/// The kind of memory that pages are in.
pub(super) fn kind(memory: &Memory) -> Option<&'static str> {
    match (
        memory.system > 0,
        memory.device_private > 0,
        memory.device_coherent > 0,
    ) {
        (false, false, false) => None,
        (true, false, false) => Some("system"),
        (false, true, false) => Some("device_private"),
        (false, false, true) => Some("device_coherent"),
        _ => Some("mixed"),
    }
}

/// The one place that pages are in.
pub(super) fn place(memory: &Memory) -> Option<String> {
    let known = |number| number != uapi::NO_PLACE;
    match (memory.system > 0, memory.on_devices() > 0) {
        (true, false) if known(memory.node) => Some(format!("node{}", memory.node)),
        (false, true) if known(memory.device) => Some(format!("device{}", memory.device)),
        _ => None,
    }
}
