//! Pull secrets: an image on the first line, a dockerconfigjson below it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullagent_diagnosis::config::dockerconfigjson::{parse_dockercfg, parse_dockerconfigjson};
use pullagent_diagnosis::keyring::{Keyring, useless};
use pullagent_diagnosis::reference::Reference;
use pullagent_fuzz::{assert_shown, first_line, text};

fuzz_target!(|data: &[u8]| {
    let text = text(data);
    let (image, secret) = first_line(&text);
    for parsed in [parse_dockerconfigjson(secret), parse_dockercfg(secret)] {
        let entries = match parsed {
            Ok(entries) => entries,
            Err(error) => {
                assert_shown(&error.to_string());
                continue;
            }
        };
        entries.iter().for_each(|entry| assert_shown(&entry.shown_key()));
        let count = entries.len();
        let mut keyring = Keyring::default();
        keyring.add("secret default/regcred", entries);
        let parsed = Reference::parse(image).map(|reference| reference.name());
        for name in [Some(image.to_owned()), parsed.clone().ok()].into_iter().flatten() {
            let (offered, missed) = (keyring.lookup(&name), keyring.misses(&name));
            assert_eq!(offered.len() + missed.len(), count, "every login is offered or has a reason");
            missed.iter().for_each(|(miss, _)| assert_shown(&miss.to_string()));
        }
        if let Ok(name) = parsed {
            assert!(keyring.lookup(&name).iter().all(|login| useless(&login.entry.key).is_none()), "{name}");
        }
    }
});
