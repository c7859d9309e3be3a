//! What user space tells the probes before they are loaded.

/// An offset that the running kernel's BTF does not have.
pub const OFFSET_UNKNOWN: u32 = u32::MAX;

/// Where the running kernel keeps things. Offsets are bytes from the start of `struct migrate_vma`, from its BTF.
///
/// The probes hold this as one read-only global, so that the verifier knows every value as a constant and drops
/// the branches for fields that this kernel does not have.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `migrate_vma::src`
    pub src: u32,
    /// `migrate_vma::dst`
    pub dst: u32,
    /// `migrate_vma::npages`
    pub npages: u32,
    /// `migrate_vma::cpages`
    pub cpages: u32,
    /// `migrate_vma::start`
    pub start: u32,
    /// `migrate_vma::end`
    pub end: u32,
    /// `migrate_vma::pgmap_owner`, or [`OFFSET_UNKNOWN`] (before 5.9)
    pub pgmap_owner: u32,
    /// `migrate_vma::flags`, or [`OFFSET_UNKNOWN`] (before 5.9)
    pub flags: u32,
    /// `migrate_vma::fault_page`, or [`OFFSET_UNKNOWN`] (before 6.1)
    pub fault_page: u32,
    /// Base pages behind a compound entry: `HPAGE_PMD_NR` of the running kernel.
    pub compound_pages: u32,
    /// log2 of the base page size.
    pub page_shift: u32,
}

impl Config {
    /// The same as the words that make up the global.
    pub const fn words(self) -> [u32; 11] {
        [
            self.src,
            self.dst,
            self.npages,
            self.cpages,
            self.start,
            self.end,
            self.pgmap_owner,
            self.flags,
            self.fault_page,
            self.compound_pages,
            self.page_shift,
        ]
    }
}

const _: () = assert!(size_of::<Config>() == size_of::<[u32; 11]>());
