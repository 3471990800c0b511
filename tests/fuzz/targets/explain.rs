//! Pasted text, as `pullagent explain` takes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullagent_diagnosis::message::classify;
use pullagent_diagnosis::report::{Format, Style, render_explained};
use pullagent_fuzz::{assert_findings, assert_json_shown, assert_remedies, assert_shown};

fuzz_target!(|data: &[u8]| {
    let explained = classify(data);
    for one in &explained {
        assert!(!one.evidence.is_empty(), "it stands somewhere");
        for span in &one.evidence {
            assert!(span.start < span.end && span.end <= data.len(), "{span:?} of {}", data.len());
        }
        let cause = one.cause.as_ref().expect("what fails has a cause");
        assert!(!one.also.contains(&cause.code));
        assert_shown(&cause.summary);
        assert_findings(&one.findings);
        assert_remedies(&one.remedy);
        assert_remedies(&one.next);
    }
    let style = Style { width: 60, color: false, verbose: 1 };
    let render = |format| render_explained(format, &explained, &style).expect("explanations have this form");
    assert_shown(&render(Format::Text));
    let json = render(Format::Json);
    assert_eq!(json.lines().count(), explained.len().max(1), "one line a failure");
    json.lines().for_each(assert_json_shown);
    assert_eq!(classify(data), explained, "the same text is explained alike");
});
