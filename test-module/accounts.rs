// SPDX-License-Identifier: GPL-2.0

//! What the driver remembers of the migrations it made: totals of the device and of each open file,
//! and a bounded log of those migrations that no ioctl returns.

use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{Arc, Mutex, SpinLock},
};

use crate::{
    ring::Ring,
    task_mutex::TaskMutex,
    uapi::{Totals, Truth},
};

/// Truths that the log holds before the oldest is lost.
const CAPACITY: usize = 32_768;

/// Tells the files of one device apart, closed ones included.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(pub(crate) u32);

/// What was done for one open file.
#[pin_data]
pub(crate) struct FileAccount {
    pub(crate) id: FileId,
    /// Process that opened it.
    pub(crate) pid: u32,
    /// Taken by CPU faults on pages that the file brought, if the device is configured so.
    #[pin]
    pub(crate) faults: TaskMutex,
    #[pin]
    totals: SpinLock<Totals>,
}

impl FileAccount {
    pub(crate) fn totals(&self) -> Totals {
        *self.totals.lock()
    }

    fn count(&self, truth: &Truth) {
        self.totals.lock().count(truth);
    }
}

/// Open files, and how many there ever were.
struct Files {
    open: KVec<Arc<FileAccount>>,
    opened: u32,
}

/// The device's own account.
struct Device {
    log: Ring<Truth>,
    totals: Totals,
}

/// What one device did.
#[pin_data]
pub(crate) struct Accounts {
    #[pin]
    device: SpinLock<Device>,
    #[pin]
    files: Mutex<Files>,
}

impl Accounts {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device <- new_spinlock!(Device {
                log: Ring::new(CAPACITY)?,
                totals: Totals::default(),
            }),
            files <- new_mutex!(Files { open: KVec::new(), opened: 0 }),
        })
    }

    /// Opens an account for a file.
    pub(crate) fn open(&self, pid: u32) -> Result<Arc<FileAccount>> {
        let mut files = self.files.lock();
        files.opened = files.opened.wrapping_add(1);
        let id = FileId(files.opened);
        let account = Arc::pin_init(
            pin_init!(FileAccount {
                id,
                pid,
                faults <- TaskMutex::new(),
                totals <- new_spinlock!(Totals::default()),
            }),
            GFP_KERNEL,
        )?;
        files.open.push(account.clone(), GFP_KERNEL)?;
        Ok(account)
    }

    /// Closes it. What the file did stays in the device's account.
    pub(crate) fn close(&self, account: &FileAccount) {
        self.files.lock().open.retain(|file| file.id != account.id);
    }

    /// The account of a file that is open.
    pub(crate) fn find(&self, id: FileId) -> Option<Arc<FileAccount>> {
        let files = self.files.lock();
        files.open.iter().find(|open| open.id == id).cloned()
    }

    /// Shows the account of every open file.
    pub(crate) fn each_file<E>(
        &self,
        mut show: impl FnMut(&FileAccount) -> Result<(), E>,
    ) -> Result<(), E> {
        self.files
            .lock()
            .open
            .iter()
            .try_for_each(|file| show(file))
    }

    /// Counts a migration whose truth an ioctl on `file` returns.
    pub(crate) fn count(&self, truth: &Truth, file: &FileAccount) {
        self.device.lock().totals.count(truth);
        file.count(truth);
    }

    /// Counts a migration and keeps its truth for `read()`. `file` is the one that caused it, which
    /// may be closed.
    pub(crate) fn keep(&self, truth: &Truth, file: Option<FileId>) {
        self.device.lock().keep(truth);
        let files = self.files.lock();
        if let Some(account) = files.open.iter().find(|open| Some(open.id) == file) {
            account.count(truth);
        }
    }

    /// Takes the oldest truth out of the log.
    pub(crate) fn take(&self) -> Option<Truth> {
        self.device.lock().log.take()
    }

    /// Counts a truth that was taken and did not reach its reader.
    pub(crate) fn lose(&self) {
        self.device.lock().totals.log_lost += 1;
    }

    pub(crate) fn totals(&self) -> Totals {
        self.device.lock().totals
    }
}

impl Device {
    fn keep(&mut self, truth: &Truth) {
        self.totals.count(truth);
        if self.log.push(*truth) {
            self.totals.log_lost += 1;
        }
    }
}

impl Totals {
    fn count(&mut self, truth: &Truth) {
        self.unbalanced += u64::from(truth.unbalanced);
        let total = &mut self.by_kind[Totals::index(truth.direction, truth.cause)];
        total.migrations += 1;
        total.ledger.add(&truth.ledger);
    }
}
