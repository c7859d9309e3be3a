//! Says for which machine the object is, as `bpf_target_arch`: this one, unless
//! `AYA_BPF_TARGET_ARCH` names another.

#[cfg(feature = "ebpf")]
fn main() -> aya_build::Result<()> {
    aya_build::emit_bpf_target_arch_cfg()
}

#[cfg(not(feature = "ebpf"))]
fn main() {}
