//! Which drivers there are, and what keeps them from migrating.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn drivers_are_found_by_name() {
    assert_eq!(Machine::good().state("migrate_test"), State::Good);
    let none = || {
        Machine::good()
            .without("sys/module/migrate_test")
            .with_module("ext4")
    };
    assert_eq!(none().state("loaded"), State::Limited);
    let built_in = none().with("sys/module/amdgpu/parameters/vm_size", "-1\n");
    assert_eq!(built_in.state("amdgpu"), State::Limited);
    let unknown = Machine::good().without("sys/module");
    assert_eq!(unknown.state("loaded"), State::Unknown);
}

#[test]
fn drivers_are_found_by_the_helper_that_they_use() {
    let machine = Machine::good()
        .with_module("drm_gpusvm_helper")
        .with_module("amdxdna")
        .with("sys/module/drm_gpusvm_helper/holders/amdxdna", "")
        .with("sys/module/drm_gpusvm_helper/holders/migrate_test", "");
    let checks = machine.examine().checks;
    let drivers = checks.iter().filter(|check| check.group == "drivers");
    let names: Vec<_> = drivers.map(|check| &*check.name).collect();
    assert_eq!(names, ["migrate_test", "amdxdna", "device memory"]);
    assert_eq!(machine.state("amdxdna"), State::Good);
}

#[test]
fn drivers_are_found_by_what_their_files_call() {
    let machine = |dep: &str| {
        Machine::good()
            .without("sys/module/migrate_test")
            .with_module("new_gpu")
            .with_module("ext4")
            .with("lib/modules/7.2.0-amd64/modules.dep", dep)
            .with(
                "lib/modules/7.2.0-amd64/updates/new-gpu.ko",
                "ELF\0memcpy\0migrate_vma_setup\0",
            )
            .with(
                "lib/modules/7.2.0-amd64/kernel/ext4.ko",
                "ELF\0not_migrate_vma_setup\0",
            )
    };
    let plain = machine("updates/new-gpu.ko:\nkernel/ext4.ko:\n");
    assert_eq!(plain.state("new_gpu"), State::Good);
    let checks = plain.examine().checks;
    assert!(checks.iter().all(|check| check.name != "ext4"));
    let compressed = machine("updates/new-gpu.ko.xz:\nkernel/ext4.ko.xz:\n").check("loaded");
    assert_eq!(compressed.state, State::Limited);
    assert!(
        compressed.found.contains("2 modules"),
        "{}",
        compressed.found
    );
}

fn nvidia(parameter: &str, value: &str) -> Machine {
    let parameter = format!("sys/module/nvidia_uvm/parameters/{parameter}");
    Machine::good()
        .with_module("nvidia_uvm")
        .with(&parameter, value)
}

#[test]
fn hmm_can_be_off() {
    let name = "nvidia_uvm.uvm_disable_hmm";
    assert_eq!(nvidia("uvm_disable_hmm", "N\n").state(name), State::Good);
    let off = nvidia("uvm_disable_hmm", "Y\n");
    assert_eq!(off.state(name), State::Limited);
    assert!(
        off.check(name)
            .advice
            .unwrap()
            .contains("uvm_disable_hmm=0")
    );
    assert_eq!(nvidia("other", "1").state(name), State::Unknown);
    let spaces = "nvidia_uvm.uvm_enable_va_space_mm";
    assert_eq!(
        nvidia("uvm_enable_va_space_mm", "0").state(spaces),
        State::Limited
    );
}

#[test]
fn managed_memory_is_said_to_be_elsewhere() {
    let check = nvidia("uvm_disable_hmm", "N").check("cudaMallocManaged");
    assert!(
        check.found.starts_with("never seen here"),
        "{}",
        check.found
    );
    let checks = Machine::good().examine().checks;
    assert!(
        checks.iter().all(|check| check.name != "cudaMallocManaged"),
        "no such driver"
    );
}

/// A machine with AMD's driver, its parameter, and a node for each of these: `gfx_target_version`
/// and whether its memory is registered.
fn amd(noretry: &str, gpus: &[(u64, bool)]) -> Machine {
    let symbols = hooks::kallsyms(&[]) + "ffffffffa0001000 T svm_range_restore_pages\t[amdgpu]\n";
    let mut machine = Machine::good()
        .with_module("amdgpu")
        .with("proc/kallsyms", &symbols)
        .with("sys/module/amdgpu/parameters/noretry", noretry)
        .with(
            "sys/class/kfd/kfd/topology/nodes/0/properties",
            "cpu_cores_count 16\ngfx_target_version 0\n",
        );
    for (node, (target, has_svm)) in (1..).zip(gpus) {
        let capability = if *has_svm { 0x0800_1000 } else { 0x1000 };
        machine = machine.with(
            &format!("sys/class/kfd/kfd/topology/nodes/{node}/properties"),
            &format!("cpu_cores_count 0\ngfx_target_version {target}\nvendor_id 4098\ncapability {capability}\n"),
        );
    }
    machine
}

#[test]
fn whether_faults_migrate_depends_on_the_gpu_and_the_parameter() {
    let state = |noretry, target| amd(noretry, &[(target, true)]).state("amdgpu node 1");
    // gfx90a, gfx942 and gfx950: each process decides.
    for target in [90_010, 90_402, 90_500] {
        for noretry in ["-1", "0", "1"] {
            assert_eq!(state(noretry, target), State::Good, "{target} {noretry}");
        }
    }
    // gfx906: only where it is asked for.
    assert_eq!(state("-1", 90_006), State::Limited);
    assert_eq!(state("1", 90_006), State::Limited);
    assert_eq!(state("0", 90_006), State::Good);
    // gfx1030: never.
    assert_eq!(state("0", 100_300), State::Limited);
    // gfx1250: by stepping, which nobody tells.
    assert_eq!(state("-1", 120_500), State::Unknown);
    let advice = amd("-1", &[(90_006, true)]).check("amdgpu node 1").advice;
    assert!(advice.unwrap().contains("amdgpu.noretry=0"));
}

#[test]
fn gpus_are_called_by_their_targets() {
    let machine = amd("-1", &[(90_010, true), (100_300, false), (110_503, false)]);
    for (node, name) in [(1, "gfx90a: "), (2, "gfx1030: "), (3, "gfx1153: ")] {
        let found = machine.check(&format!("amdgpu node {node}")).found;
        assert!(found.starts_with(name), "{found}");
    }
    let checks = machine.examine().checks;
    assert!(
        checks.iter().all(|check| check.name != "amdgpu node 0"),
        "a processor"
    );
    // Without registered memory nothing migrates, and nobody is kept from anything.
    assert_eq!(machine.state("amdgpu node 1"), State::Good);
    assert_eq!(machine.state("amdgpu node 2"), State::Limited);
}

#[test]
fn one_gpu_without_faults_keeps_a_process_from_them() {
    let machine = amd("-1", &[(90_010, true), (100_300, true)]);
    let check = machine.check("amdgpu node 1");
    assert_eq!(check.state, State::Limited);
    assert!(check.advice.unwrap().contains("node 2 (gfx1030)"));
}

#[test]
fn shared_memory_is_an_option_of_the_build() {
    for (module, function, name) in [
        ("nouveau", "nouveau_svmm_bind", "nouveau SVM"),
        ("xe", "xe_svm_handle_pagefault", "xe SVM"),
        ("amdgpu", "svm_range_restore_pages", "amdgpu SVM"),
    ] {
        let machine = || Machine::good().with_module(module);
        assert_eq!(machine().state(name), State::Limited, "{name}");
        let symbols = format!(
            "{}ffffffffa0001000 T {function}\t[{module}]\n",
            hooks::kallsyms(&[])
        );
        let built = machine().with("proc/kallsyms", &symbols);
        assert_eq!(built.state(name), State::Good, "{name}");
        let unknown = machine().without("proc/kallsyms");
        assert_eq!(unknown.state(name), State::Unknown, "{name}");
    }
}

#[test]
fn registered_memory_is_found_by_its_name() {
    let memory = |list: &str| {
        Machine::good()
            .with("proc/iomem", list)
            .check("device memory")
    };
    let none = "00001000-0009ffff : System RAM\ne0000000-efffffff : PCI Bus 0000:00\n  e0000000-e7ffffff : 0000:03:00.0\n";
    assert_eq!(memory(none).state, State::Unknown);
    let some = memory(
        &(none.to_owned() + "00000000-00000000 : nouveau_dmem\n00000000-00000000 : nouveau_dmem\n"),
    );
    assert_eq!(
        (some.state, &*some.found),
        (State::Good, "registered: nouveau_dmem (2)")
    );
    let unreadable = Machine::good().without("proc/iomem");
    assert_eq!(unreadable.state("device memory"), State::Unknown);
}

/// amdgpu and xe give it the name of the device, as they do with its registers.
#[test]
fn registered_memory_is_found_by_its_devices_driver() {
    let machine = Machine::good()
        .with("proc/iomem", "fc000000000-fcfffffffff : 0000:03:00.0\n")
        .with("sys/bus/pci/devices/0000:03:00.0/vendor", "0x1002\n");
    assert_eq!(machine.state("device memory"), State::Unknown);
    let driver = machine
        .0
        .path()
        .join("sys/bus/pci/devices/0000:03:00.0/driver");
    symlink("../../../../bus/pci/drivers/amdgpu", driver).unwrap();
    assert_eq!(
        machine.check("device memory").found,
        "registered: 0000:03:00.0"
    );
}
