//! Diagnoses for the tests of what shows and serves them: reports of real examinations, with other names.

use pullagent_diagnosis::diagnosis::Diagnosis;

/// Every report, in no order that matters.
pub(crate) fn reports() -> Vec<Diagnosis> {
    let texts = [
        include_str!("fixtures/expired-certificate.json"),
        include_str!("fixtures/missing-tag.json"),
        include_str!("fixtures/proxy-forbids.json"),
        include_str!("fixtures/mirror-silent.json"),
        include_str!("fixtures/second-login-accepted.json"),
    ];
    texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// A report that `image` can be pulled.
pub(crate) fn diagnosis(image: &str) -> Diagnosis {
    named(include_str!("fixtures/second-login-accepted.json"), image)
}

/// A report that `image` cannot be pulled, since its registry's certificate has expired.
pub(crate) fn failing(image: &str) -> Diagnosis {
    named(include_str!("fixtures/expired-certificate.json"), image)
}

fn named(report: &str, image: &str) -> Diagnosis {
    let mut diagnosis: Diagnosis = serde_json::from_str(report).unwrap();
    image.clone_into(&mut diagnosis.target.image);
    diagnosis
}
