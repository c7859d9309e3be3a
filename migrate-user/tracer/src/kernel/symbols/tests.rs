use std::sync::atomic::{AtomicI32, Ordering};

use tempfile::TempDir;

use super::*;
use crate::machine::boot_time_ns;

const KALLSYMS: &str = "\
ffffffff81000000 T _text
ffffffff81001000 T migrate_vma_setup
ffffffff81002000 T do_swap_page
ffffffff81009000 T _etext
";

/// A machine with a kernel and modules: name, where it begins, its function.
struct Machine(TempDir);

impl Machine {
    fn new(modules: &[(&str, u64, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(machine.0.path().join("proc")).unwrap();
        machine.load(modules);
        machine
    }

    fn load(&self, modules: &[(&str, u64, &str)]) {
        let (mut kallsyms, mut list) = (KALLSYMS.to_owned(), String::new());
        for (name, start, function) in modules {
            kallsyms += &format!("{start:x} t {function}\t[{name}]\n");
            list += &format!("{name} 4096 0 - Live 0x{start:x}\n");
            fs::create_dir_all(self.path(&format!("sys/module/{name}/holders"))).unwrap();
        }
        fs::write(self.path("proc/kallsyms"), kallsyms).unwrap();
        fs::write(self.path("proc/modules"), list).unwrap();
    }

    fn unload(&self, module: &str) {
        fs::remove_dir_all(self.path(&format!("sys/module/{module}"))).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn symbols(&self) -> Symbols {
        Symbols::at(self.0.path())
    }
}

/// A stack that is seen for the first time, at this moment.
fn stack(symbols: &mut Symbols, addresses: &[u64]) -> Stack {
    stack_at(symbols, boot_time_ns(), addresses)
}

fn stack_at(symbols: &mut Symbols, time_ns: u64, addresses: &[u64]) -> Stack {
    static IDS: AtomicI32 = AtomicI32::new(0);
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    let stack = symbols.kernel(StackId::Caller(id), time_ns, || Some(addresses.to_vec()));
    stack.unwrap()
}

fn read_again(symbols: &mut Symbols) {
    let reading = symbols.read();
    symbols.go_on_with(reading);
}

const XE: u64 = 0xffff_ffff_c050_0000;
/// In migrate_vma_setup, in xe, in do_swap_page.
const STACK: [u64; 3] = [0xffff_ffff_8100_1005, XE + 0x20, 0xffff_ffff_8100_2040];

#[test]
fn a_stack_has_names_and_a_driver() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let mut symbols = machine.symbols();
    assert!(symbols.kernel_readable());
    let first = stack(&mut symbols, &STACK);
    assert_eq!(
        &*first.folded,
        "do_swap_page_[k];xe_svm_copy_[k];migrate_vma_setup_[k]"
    );
    assert_eq!(first.driver.as_deref(), Some("xe"));
    assert_eq!(&*stack(&mut symbols, &[]).folded, "");
}

#[test]
fn a_stack_is_asked_for_once() {
    let mut symbols = Machine::new(&[]).symbols();
    let now = boot_time_ns();
    let first = symbols.kernel(StackId::Caller(7), now, || Some(STACK.to_vec()));
    assert!(first.is_some());
    assert_eq!(
        symbols.kernel(StackId::Caller(7), now, || unreachable!()),
        first
    );
    assert_eq!(symbols.kernel(StackId::Caller(8), now, || None), None);
    assert_eq!(
        symbols.kernel(StackId::Caller(8), now, || unreachable!()),
        None
    );
}

#[test]
fn a_thread_that_holds_a_lock_is_told_whole() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let mut symbols = machine.symbols();
    // In the middle of a migration.
    let addresses = vec![STACK[2], STACK[0], STACK[1]];
    let stack = symbols
        .kernel(StackId::Holder(7), boot_time_ns(), || Some(addresses))
        .unwrap();
    assert_eq!(
        &*stack.folded,
        "xe_svm_copy_[k];migrate_vma_setup_[k];do_swap_page_[k]"
    );
    assert_eq!(stack.driver, None);
}

#[test]
fn a_return_address_belongs_to_the_call_before_it() {
    let mut symbols = Machine::new(&[]).symbols();
    // A call that never returns is the last instruction of its function.
    let addresses = [0xffff_ffff_8100_1000, 0xffff_ffff_8100_2000];
    assert_eq!(
        &*stack(&mut symbols, &addresses).folded,
        "migrate_vma_setup_[k];migrate_vma_setup_[k]"
    );
}

#[test]
fn what_was_seen_before_a_change_keeps_its_names() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let mut symbols = machine.symbols();
    let of_xe = boot_time_ns();
    symbols.changed(Change::Went(of_xe + 1));
    machine.unload("xe");
    machine.load(&[("amdgpu", XE, "svm_migrate_copy")]);
    symbols.changed(Change::Came(of_xe + 2));
    let of_amdgpu = boot_time_ns();
    // Nobody has read the symbols yet.
    assert_eq!(stack_at(&mut symbols, of_amdgpu, &STACK).driver, None);
    read_again(&mut symbols);
    let driver = |symbols: &mut _, at| stack_at(symbols, at, &STACK).driver;
    assert_eq!(driver(&mut symbols, of_xe).as_deref(), Some("xe"));
    assert_eq!(driver(&mut symbols, of_amdgpu).as_deref(), Some("amdgpu"));
}

#[test]
fn what_came_and_went_between_two_readings_has_no_name() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let mut symbols = machine.symbols();
    let of_xe = boot_time_ns();
    symbols.changed(Change::Went(of_xe + 1));
    symbols.changed(Change::Came(of_xe + 2));
    let of_another = of_xe + 3;
    symbols.changed(Change::Went(of_xe + 4));
    symbols.changed(Change::Came(of_xe + 5));
    read_again(&mut symbols);
    let another = stack_at(&mut symbols, of_another, &STACK);
    assert_eq!(another.driver, None);
    assert_eq!(
        &*another.folded,
        "do_swap_page_[k];[unknown]_[k];migrate_vma_setup_[k]"
    );
    for of_xe in [of_xe, boot_time_ns()] {
        let driver = stack_at(&mut symbols, of_xe, &STACK).driver;
        assert_eq!(driver.as_deref(), Some("xe"));
    }
}

#[test]
fn the_same_module_loaded_before_hooks_were_there_is_noticed() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let mut symbols = machine.symbols();
    // Something else holds the number that the folder had.
    fs::create_dir_all(machine.path("sys/module/other")).unwrap();
    machine.unload("xe");
    fs::create_dir_all(machine.path("sys/module/another")).unwrap();
    machine.load(&[("xe", XE, "xe_renamed")]);
    symbols.catch_up();
    assert_eq!(
        &*stack(&mut symbols, &STACK).folded,
        "do_swap_page_[k];xe_renamed_[k];migrate_vma_setup_[k]"
    );
}

#[test]
fn generated_code_behind_the_kernel_is_not_taken_for_it() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let list = machine.path("proc/kallsyms");
    let all = fs::read_to_string(&list).unwrap() + "ffffffff8100a000 t handshake_exit\n";
    fs::write(list, all).unwrap();
    // Linux 7 jumps into the tracer's trampoline, so that what it traces is not on the stack.
    let trampoline = 0xffff_ffff_c020_0080;
    let addresses = [trampoline, trampoline + 0x1000, XE + 0x20, STACK[2]];
    let stack = stack(&mut machine.symbols(), &addresses);
    assert_eq!(stack.driver.as_deref(), Some("xe"));
    assert_eq!(&*stack.folded, "do_swap_page_[k];xe_svm_copy_[k]");
}

#[test]
fn a_helper_works_for_the_only_module_that_uses_it() {
    let machine = Machine::new(&[("drm_gpusvm_helper", XE, "drm_pagemap_migrate_to_ram")]);
    let holders = machine.path("sys/module/drm_gpusvm_helper/holders");
    let driver = || stack(&mut machine.symbols(), &STACK).driver;
    assert_eq!(driver().as_deref(), Some("drm_gpusvm_helper"));
    fs::create_dir(holders.join("xe")).unwrap();
    assert_eq!(driver().as_deref(), Some("xe"));
    fs::create_dir(holders.join("amdxdna")).unwrap();
    assert_eq!(driver().as_deref(), Some("drm_gpusvm_helper"));
}

#[test]
fn hidden_addresses_are_unknown() {
    let machine = Machine::new(&[]);
    for kallsyms in ["", "0000000000000000 T migrate_vma_setup\n"] {
        fs::write(machine.path("proc/kallsyms"), kallsyms).unwrap();
        let mut symbols = machine.symbols();
        assert!(!symbols.kernel_readable());
        let stack = stack(&mut symbols, &STACK[..2]);
        assert_eq!(&*stack.folded, "[unknown]_[k];[unknown]_[k]");
        assert_eq!(stack.driver, None);
    }
}

#[test]
fn this_kernel_has_names_if_this_user_may_see_them() {
    let list = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    let address = list
        .lines()
        .find_map(|line| line.strip_suffix(" T schedule"))
        .and_then(|address| u64::from_str_radix(address, 16).ok())
        .filter(|address| *address != 0);
    let mut symbols = Symbols::new();
    assert_eq!(symbols.kernel_readable(), address.is_some());
    if let Some(address) = address {
        assert_eq!(&*stack(&mut symbols, &[address]).folded, "schedule_[k]");
    }
}
