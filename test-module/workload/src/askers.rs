//! For whom a driver is played: each has a function of its own, which a tracer finds on the stack
//! of the thread that asks, also where a thread of the kernel does the work.

use crate::uapi::play::{
    AMDGPU_EVICT, AMDGPU_FAULT, AMDGPU_PREFETCH, NOUVEAU_EVICT, NOUVEAU_FAULT, NOUVEAU_PREFETCH,
    UVM_EVICT, UVM_FAULT, UVM_NUMA, XE_EVICT, XE_FAULT, XE_PREFETCH, XE_TOUCH,
};

/// A function that a call seems to come from.
pub type Asker = extern "C" fn() -> u32;

/// What asks for this mode.
pub fn asker(mode: u32) -> Asker {
    match mode {
        AMDGPU_FAULT | AMDGPU_PREFETCH | AMDGPU_EVICT => asks_amdgpu,
        NOUVEAU_FAULT | NOUVEAU_PREFETCH | NOUVEAU_EVICT => asks_nouveau,
        UVM_FAULT | UVM_EVICT | UVM_NUMA => asks_uvm,
        XE_FAULT | XE_PREFETCH | XE_TOUCH | XE_EVICT => asks_xe,
        _ => asks_nobody,
    }
}

// Nobody calls them. Each returns another number, or the compiler would make them one.

extern "C" fn asks_amdgpu() -> u32 {
    AMDGPU_FAULT
}

extern "C" fn asks_nouveau() -> u32 {
    NOUVEAU_FAULT
}

extern "C" fn asks_uvm() -> u32 {
    UVM_FAULT
}

extern "C" fn asks_xe() -> u32 {
    XE_FAULT
}

extern "C" fn asks_nobody() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_driver_is_asked_by_another() {
        let modes = [AMDGPU_FAULT, NOUVEAU_FAULT, UVM_FAULT, XE_FAULT, 0];
        assert_eq!(modes.map(|mode| asker(mode)()), modes);
    }
}
