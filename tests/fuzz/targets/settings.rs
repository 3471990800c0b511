//! The agent's settings, from a file, as the daemon reads it.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use pullagent_fuzz::assert_shown;

/// The binary has no library; its settings know nothing of it but how a duration and the flags are written.
#[allow(dead_code, reason = "these are parts of another crate, of which not all is used")]
#[path = "../../../agent/pullagent/src"]
mod pullagent {
    #[path = "cli"]
    pub(crate) mod cli {
        pub(crate) mod duration;
        pub(crate) mod standpoint;
    }
    pub(crate) mod settings;
    pub(crate) mod terminal;
}

use pullagent::{cli, settings, terminal};

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("there is a folder for temporary files");
    file.write_all(data).expect("it takes a few bytes");
    let load = || settings::Settings::load(Some(file.path()), &Default::default(), &[]);
    match load() {
        Ok(loaded) => loaded.warnings.iter().for_each(|warning| assert_shown(warning)),
        Err(error) => assert_shown(&error.to_string()),
    }
});
