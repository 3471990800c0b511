//! Real wordings of every runtime, and what must come out of them.

use proptest::prelude::*;

use super::*;

mod containerd;
mod cri_o;
mod docker;
mod kubelet;
mod pastes;

/// One failure, of this code, at this host (`-`: none).
#[track_caller]
fn check(text: &str, code: Code, host: &str) {
    let explained = classify(text);
    let [one] = explained.as_slice() else { panic!("{} failures in {text}\n{explained:#?}", explained.len()) };
    let cause = one.cause.as_ref().expect("a cause");
    assert_eq!((cause.code, cause.host.as_deref().unwrap_or("-")), (code, host), "{text}");
}

/// The code, detail, image and runtime of each failure.
fn all(text: &str) -> Vec<(Code, Option<String>, Option<String>)> {
    let row = |e: Explained| {
        let cause = e.cause.expect("a cause");
        (cause.code, cause.detail, e.image)
    };
    classify(text).into_iter().map(row).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        hold(&bytes);
    }

    #[test]
    fn any_pieces_of_messages_are_read(pieces in proptest::collection::vec(piece(), 0..24)) {
        hold(pieces.concat().as_bytes());
    }
}

/// What holds for every explanation of every text.
fn hold(bytes: &[u8]) {
    for explained in classify(bytes) {
        for span in &explained.evidence {
            assert!(span.start < span.end && span.end <= bytes.len(), "{span:?}");
        }
        let json = serde_json::to_value(&explained).unwrap();
        assert!(strings(&json).iter().all(|text| !text.chars().any(|c| c.is_control() || !crate::text::is_visible(c))));
        assert!(explained.cause.is_some_and(|cause| cause.code != Code::Unknown || cause.layer.is_none()));
    }
}

fn strings(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(list) => list.iter().flat_map(strings).collect(),
        serde_json::Value::Object(object) => object.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Failed to pull image \"",
        "a.b:5000/c:1",
        "\": ",
        "rpc error: code = ",
        "Head \"https://",
        "/v2/c/manifests/1",
        ": 403 ",
        "Mirrors also failed: [",
        "]): ",
        ": [",
        ", ",
        "; artifact err:",
        "lookup ",
        " on 10.0.0.1:53: ",
        "dial tcp ",
        "i/o timeout",
        "not found",
        "reading manifest ",
        " in ",
        "image=\"",
        "\n",
        "\\\"",
        "\x1b[",
        "x509: ",
        "proxyconnect tcp",
        "\u{202e}",
        "docker://",
        "unexpected status from HEAD request to https://",
        "?ns=",
        "@",
        "é",
        "invalid character '",
        "Error: ErrImagePull",
    ]);
    prop_oneof![known.prop_map(str::to_owned), any::<String>()]
}

#[test]
fn reading_takes_time_in_proportion_to_the_text() {
    let line =
        "2025-03-02T11:08:54Z node-3 app[12]: GET /health 200 took 12 ms image=\"a.b/c:1\" connection reset by peer\n";
    let failure = "Warning Failed 2s kubelet Failed to pull image \"a.b/c:1\": manifest unknown\n";
    let text = |megabytes: usize| format!("{}{failure}", line.repeat(megabytes * (1 << 20) / line.len()));
    #[expect(clippy::disallowed_methods, reason = "only the ratio of two spans is looked at")]
    let took = |megabytes: usize| {
        let text = text(megabytes);
        let start = std::time::Instant::now();
        assert_eq!(all(&text), [(Code::TagNotFound, None, Some("a.b/c:1".to_owned()))]);
        start.elapsed().as_secs_f64()
    };
    took(1);
    let (one, four) = (took(1), took(4));
    assert!(four < one * 16.0, "1 MiB: {one} s, 4 MiB: {four} s");
}
