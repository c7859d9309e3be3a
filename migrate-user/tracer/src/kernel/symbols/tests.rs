use tempfile::TempDir;

use super::*;

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

const XE: u64 = 0xffff_ffff_c050_0000;
/// In migrate_vma_setup, in xe, in do_swap_page.
const STACK: [u64; 3] = [0xffff_ffff_8100_1005, XE + 0x20, 0xffff_ffff_8100_2040];

#[test]
fn a_stack_has_names_and_a_driver() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let mut symbols = machine.symbols();
    assert!(symbols.kernel_readable());
    let stack = symbols.kernel(&STACK);
    assert_eq!(
        &*stack.folded,
        "do_swap_page_[k];xe_svm_copy_[k];migrate_vma_setup_[k]"
    );
    assert_eq!(stack.driver.as_deref(), Some("xe"));
    assert_eq!(symbols.kernel(&STACK), stack);
    assert_eq!(&*symbols.kernel(&[]).folded, "");
}

#[test]
fn a_return_address_belongs_to_the_call_before_it() {
    let mut symbols = Machine::new(&[]).symbols();
    // A call that never returns is the last instruction of its function.
    let stack = [0xffff_ffff_8100_1000, 0xffff_ffff_8100_2000];
    assert_eq!(
        &*symbols.kernel(&stack).folded,
        "migrate_vma_setup_[k];migrate_vma_setup_[k]"
    );
}

#[test]
fn a_module_that_comes_is_known_at_once() {
    let machine = Machine::new(&[]);
    let mut symbols = machine.symbols();
    assert_eq!(symbols.kernel(&STACK).driver, None);
    machine.load(&[("xe", XE, "xe_svm_copy")]);
    // Another stack, so that it was not seen before.
    let stack = [STACK[0], XE + 0x30];
    assert_eq!(symbols.kernel(&stack).driver.as_deref(), Some("xe"));
    assert_eq!(symbols.kernel(&STACK).driver.as_deref(), Some("xe"));
}

#[test]
fn generated_code_behind_the_kernel_is_not_taken_for_it() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let list = machine.path("proc/kallsyms");
    let all = fs::read_to_string(&list).unwrap() + "ffffffff8100a000 t handshake_exit\n";
    fs::write(list, all).unwrap();
    // Linux 7 jumps into the tracer's trampoline, so that what it traces is not on the stack.
    let trampoline = 0xffff_ffff_c020_0080;
    let stack = machine
        .symbols()
        .kernel(&[trampoline, trampoline + 0x1000, XE + 0x20, STACK[2]]);
    assert_eq!(stack.driver.as_deref(), Some("xe"));
    assert_eq!(&*stack.folded, "do_swap_page_[k];xe_svm_copy_[k]");
}

#[test]
fn a_module_that_is_loaded_again_gets_its_new_names() {
    let machine = Machine::new(&[("xe", XE, "xe_svm_copy")]);
    let mut symbols = machine.symbols();
    symbols.kernel(&STACK);
    let before = symbols.readings();
    // Something else holds the number that the folder had.
    fs::create_dir_all(machine.path("sys/module/other")).unwrap();
    machine.unload("xe");
    fs::create_dir_all(machine.path("sys/module/another")).unwrap();
    machine.load(&[("xe", XE, "xe_renamed")]);
    symbols.looked_at -= MODULES_AFTER;
    assert_ne!(symbols.readings(), before);
    assert_eq!(
        &*symbols.kernel(&STACK).folded,
        "do_swap_page_[k];xe_renamed_[k];migrate_vma_setup_[k]"
    );
}

#[test]
fn a_helper_works_for_the_only_module_that_uses_it() {
    let machine = Machine::new(&[("drm_gpusvm_helper", XE, "drm_pagemap_migrate_to_ram")]);
    let holders = machine.path("sys/module/drm_gpusvm_helper/holders");
    let driver = || machine.symbols().kernel(&STACK).driver;
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
        let stack = symbols.kernel(&STACK[..2]);
        assert_eq!(&*stack.folded, "[unknown]_[k];[unknown]_[k]");
        assert_eq!(stack.driver, None);
    }
}

#[test]
fn stacks_are_kept_within_bounds() {
    let machine = Machine::new(&[]);
    let mut symbols = machine.symbols();
    for address in 0..2 * STACKS as u64 {
        symbols.kernel(&[address]);
        symbols.user(std::process::id(), &[address]);
        assert!(symbols.stacks.len() <= STACKS);
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
        assert_eq!(&*symbols.kernel(&[address]).folded, "schedule_[k]");
    }
}
