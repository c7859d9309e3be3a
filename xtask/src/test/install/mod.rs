//! The ways to install, each as users would go it.

mod container;
mod image;
mod manifests;
mod runtime;
mod script;
mod seccomp;

pub(super) use container::the_image_serves_with_what_it_is_given;
pub(super) use image::the_image_is_read_by_others;
pub(super) use manifests::manifests_are_what_their_readers_want;
pub(super) use script::the_script_checks_before_it_writes;
