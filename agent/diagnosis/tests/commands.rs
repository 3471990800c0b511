//! Every command that is shown is what its template says, whatever hosts and images are called in a text that somebody
//! else wrote.

#![expect(clippy::expect_used, reason = "a command that no shell takes fails the test")]

use proptest::prelude::*;
use pullagent_diagnosis::message::classify;
use serde_json::Value;

/// The programs that commands begin with.
const PROGRAMS: [&str; 13] = [
    "chronyc",
    "crictl",
    "curl",
    "getent",
    "journalctl",
    "kubectl",
    "openssl",
    "pullagent",
    "skopeo",
    "systemctl",
    "timedatectl",
    "df",
    "dig",
];
/// The options that templates have, without their values.
const OPTIONS: [&str; 11] = [
    "-sv",
    "-n",
    "-u",
    "-h",
    "-connect",
    "-servername",
    "-showcerts",
    "--prune",
    "--docker-server",
    "--docker-username",
    "--docker-password",
];

/// A name that a shell, or a program behind it, would act on.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("registry.test".to_owned()),
        Just("$(id)".to_owned()),
        Just("`id`".to_owned()),
        Just(";id".to_owned()),
        Just("|sh".to_owned()),
        Just("&&id".to_owned()),
        Just("--authfile=x".to_owned()),
        Just("-o".to_owned()),
        Just("<user>".to_owned()),
        Just("</etc/passwd>".to_owned()),
        Just(">x".to_owned()),
        Just("'".to_owned()),
        Just("\\".to_owned()),
        Just("\u{202e}\u{200b}".to_owned()),
        Just("\u{1b}[2J".to_owned()),
        Just("/".to_owned()),
        Just(":5000".to_owned()),
        "[a-z.-]{1,6}",
    ];
    proptest::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

/// Messages of runtimes with a host and an image in them.
const MESSAGES: [&str; 9] = [
    "failed to pull and unpack image \"HOST/NAME:1\": failed to resolve reference \"HOST/NAME:1\": HOST/NAME:1: not found",
    "failed to resolve reference \"HOST/NAME:1\": failed to do request: Head \"https://HOST/v2/NAME/manifests/1\": dial tcp: lookup HOST on 10.0.0.2:53: no such host",
    "Head \"https://HOST/v2/NAME/manifests/1\": dial tcp 10.0.0.1:443: connect: connection refused",
    "Get \"https://HOST/v2/\": x509: certificate signed by unknown authority",
    "failed to resolve reference \"HOST/NAME:1\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
    "unable to retrieve some image pull secrets (NAME); attempting to pull the image may not succeed. pull access denied for HOST/NAME",
    "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://HOST/token?service=x: 401 Unauthorized",
    "Failed to pull image \"HOST/NAME:1\": manifest unknown: manifest tagged by \"1\" is not found",
    "Get \"https://HOST/v2/\": http: server gave HTTP response to HTTPS client",
];

fn commands(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("command").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| commands(field, found));
        }
        Value::Array(all) => all.iter().for_each(|one| commands(one, found)),
        _ => {}
    }
}

#[track_caller]
fn check(text: &str) -> usize {
    let mut found = Vec::new();
    for explained in classify(text) {
        commands(&serde_json::to_value(&explained).expect("JSON"), &mut found);
    }
    for command in &found {
        let words = shlex::split(command).expect("a shell takes it");
        assert_eq!(words, command.split(' ').collect::<Vec<_>>(), "a shell reads it otherwise: {command}");
        assert!(PROGRAMS.contains(&words[0].as_str()), "{command}");
        for word in words.iter().filter(|word| word.starts_with('-')) {
            let option = word.split('=').next().unwrap_or_default();
            assert!(OPTIONS.contains(&option), "`{word}` is an option: {command}, of {text}");
        }
        for opened in command.split('<').skip(1) {
            assert!(
                opened.split_once('>').is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase())),
                "{command}"
            );
        }
    }
    found.len()
}

#[test]
fn there_are_commands_to_be_checked() {
    let given =
        MESSAGES.iter().map(|message| check(&message.replace("HOST", "registry.test").replace("NAME", "team/api")));
    let with_commands = given.filter(|commands| *commands > 0).count();
    assert!(with_commands > 5, "{with_commands}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_shell_reads_every_command_as_its_template_was_written(
        host in hostile(), name in hostile(), message in proptest::sample::select(&MESSAGES[..])
    ) {
        check(&message.replace("HOST", &host).replace("NAME", &name));
    }
}
