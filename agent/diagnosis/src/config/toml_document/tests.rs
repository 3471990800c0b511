//! What is TOML for which parser, and in which order it is handed on.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_go(text: &str, line: Option<u32>) {
    let error = Document::parse(text.as_bytes(), Parser::GoToml2).err().map(|error| error.line.unwrap_or(0));
    assert_eq!(error, line, "{text}");
}

#[test]
fn what_only_newer_toml_allows_is_refused_as_containerd_does() {
    check_go("a = { b = 1, c = [1,\n2,] }\n", None);
    check_go("a = { b = 1,\n c = 2 }\n", Some(1));
    check_go("x = 1\na = { b = 1, }\n", Some(2));
    check_go("a = [ { b = 1 }, ]\n", None);
    check_go("a = { b = [\n{ c = 1 },\n] }\n", None);
    check_go("a = \"\\e\"\n", Some(1));
    check_go("a = \"\\x41\"\n", Some(1));
    check_go("a = \"\\\\x41\"\n", None);
    check_go("a = '\\e'\n", None);
    check_go("\"\\e\" = 1\n", Some(1));
    check_go("\n[\"\\x41\"]\n", Some(2));
    check_go("a = \"\"\"\n\\e\"\"\"\n", Some(1));
    check_go("a = 07:32\n", Some(1));
    check_go("a = 1979-05-27T07:32Z\n", Some(1));
    check_go("a = 1979-05-27 07:32:00-07:00\n", None);
    check_go("a = 07:32:00.5\n", None);
    check_go("\u{feff}a = 1\n", Some(1));
    assert!(Document::parse("\u{feff}a = 1\n".as_bytes(), Parser::GoToml1).is_ok());
    assert!(Document::parse(b"a = { b = 1, }\n", Parser::GoToml1).is_err());
}

#[test]
fn what_no_toml_allows_is_refused_with_its_line() {
    check_go("a = 1\na = 2\n", Some(2));
    check_go("[a]\n[a]\n", Some(2));
    check_go("a = 1\n\nb = \n", Some(3));
    check_go("a = {}\n[a.b]\n", Some(2));
    assert_eq!(Document::parse(b"a = 1\n\xff", Parser::GoToml2).err().unwrap().line, Some(2));
}

#[test]
fn newer_toml_is_read_and_noted_for_containers_image() {
    let document = Document::parse(b"\xef\xbb\xbfa = 1\nb = { c = 1, }\n", Parser::BurntSushi).unwrap();
    assert_eq!(document.newer_than_1_0, Some(2));
}

#[test]
fn headers_keep_order_and_repetitions() {
    let text = "[b]\n[a.\"x.y\".'z']\n[[list]]\n[ a . c ]\nk.l = 1\n";
    let document = Document::parse(text.as_bytes(), Parser::GoToml2).unwrap();
    let headers: Vec<_> = document.headers.iter().map(|header| (header.keys.join("|"), header.line)).collect();
    assert_eq!(headers, [("b".to_owned(), 1), ("a|x.y|z".to_owned(), 2), ("a|c".to_owned(), 4)]);
}

#[test]
fn entries_keep_their_order_and_their_lines() {
    let document = Document::parse(b"z = 1\na = \"s3cret\"\nm = true\n", Parser::GoToml2).unwrap();
    let entries: Vec<_> = document.root.entries().iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
    assert_eq!(entries, [("z", 1), ("a", 2), ("m", 3)]);
    assert_eq!(format!("{:?}", document.root.field("A").unwrap().value), "text");
    assert!(document.root.key("A").is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes, Parser::GoToml2).map(|document| document.headers);
    }

    #[test]
    fn anything_like_toml_is_parsed_or_refused(text in "([\\[\\]{}=\"'.,#\\\\a-c0-9: \n-]|\"\"\"|\\\\x41)*") {
        let _ = Document::parse(text.as_bytes(), Parser::BurntSushi).map(|document| document.headers);
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let deep = "a.".repeat(100_000);
    for text in [
        format!("{deep}a = 1\n"),
        format!("[{deep}a]\n"),
        format!("[[{deep}a]]\n"),
        format!("a = {}", "[".repeat(100_000)),
    ] {
        assert!(Document::parse(text.as_bytes(), Parser::GoToml2).is_err());
    }
}
