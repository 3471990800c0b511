//! Names: of images, registries and platforms, URLs and durations as Go writes them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullagent_diagnosis::authority::split_authority;
use pullagent_diagnosis::config::go_duration::GoDuration;
use pullagent_diagnosis::config::go_url::GoUrl;
use pullagent_diagnosis::platform::Platform;
use pullagent_diagnosis::pull_configuration::parse_registry;
use pullagent_diagnosis::reference::Reference;
use pullagent_diagnosis::text::clean;
use pullagent_fuzz::{assert_reads_again, assert_shown, text};

fuzz_target!(|data: &[u8]| {
    let text = text(data);
    match Reference::parse(&text) {
        Ok(reference) => {
            assert_reads_again(&reference);
            assert_shown(&reference.to_string());
            assert!(reference.tag.is_some() || reference.digest.is_some());
        }
        Err(error) => assert_shown(&error.to_string()),
    }
    match parse_registry(&text) {
        Ok(registry) => assert_eq!(registry, *text),
        Err(error) => assert_shown(&error.to_string()),
    }
    match text.parse::<Platform>() {
        Ok(platform) => {
            assert_eq!(platform.to_string().parse(), Ok(platform.clone()));
            assert!(platform.runs(&platform));
        }
        Err(error) => assert_shown(&error.to_string()),
    }
    match GoUrl::parse(&text) {
        Ok(url) => {
            let printed = url.full_text();
            if let Ok(again) = GoUrl::parse(printed.expose()) {
                assert_eq!(again.full_text(), printed);
            }
        }
        Err(error) => assert_shown(&error.to_string()),
    }
    let _ = GoDuration::parse(&text);
    let (host, port) = split_authority(&text);
    assert!(host.len() + port.map_or(0, str::len) <= text.len());
    let most = data.len() / 2;
    let once = clean(&text, most);
    assert!(once.len() <= most);
    assert_eq!(clean(&once, most), once);
});
