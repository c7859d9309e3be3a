//! What user space tells the probes before they are loaded.

/// An offset that the running kernel's BTF does not have.
pub const OFFSET_UNKNOWN: u32 = u32::MAX;

/// Where the kernel keeps things. Bytes from the start of `struct migrate_vma`, from the running kernel's BTF.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `migrate_vma::src`
    pub src: u32,
    /// `migrate_vma::dst`
    pub dst: u32,
    /// `migrate_vma::npages`
    pub npages: u32,
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
