//! The forms of a report over all fixtures.

use super::fixtures::{self, all};
use super::*;
use crate::diagnosis::Verdict::{Degraded, Failing, Inconclusive, Pullable};

const PLAIN: Style = Style { width: 80, color: false, verbose: 0 };

#[test]
fn the_first_screen_is_short_and_within_the_width() {
    for (name, diagnosis) in all() {
        for width in [40, 59, 60, 80, 120] {
            let screen = render(Format::Text, &diagnosis, &Style { width, ..PLAIN });
            println!("== {name} at {width}\n{screen}");
            assert!(screen.lines().count() <= 20, "{name} at {width}: {} lines", screen.lines().count());
            check_lines(name, &screen, width);
        }
    }
}

#[test]
fn everything_stays_within_the_width() {
    for (name, diagnosis) in all() {
        for (width, verbose) in [(40, 1), (80, 2)] {
            let screen = render(Format::Text, &diagnosis, &Style { width, verbose, ..PLAIN });
            println!("== {name} at {width}\n{screen}");
            check_lines(name, &screen, width);
        }
    }
}

#[track_caller]
fn check_lines(name: &str, screen: &str, width: usize) {
    for line in screen.lines() {
        assert!(layout::width(line) <= width, "{name} at {width}: too wide: {line:?}");
        assert_eq!(line, line.trim_end(), "{name} at {width}: spaces at the end");
    }
}

#[test]
fn nothing_steers_the_terminal() {
    for (name, diagnosis) in all() {
        for format in Format::ALL {
            let report = render(format, &diagnosis, &PLAIN);
            assert!(!report.ends_with('\n'), "{name} as {format}");
            for c in report.chars().filter(|c| !matches!(c, '\n' | '\t' | ' ')) {
                assert!(!crate::text::clean(&c.to_string(), 4).is_empty(), "{name} as {format}: {c:?}");
            }
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    for (name, diagnosis) in all() {
        let painted = render(Format::Text, &diagnosis, &Style { color: true, ..PLAIN });
        let mut bare = String::new();
        let mut rest = painted.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            bare.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        bare.push_str(rest);
        let bare: Vec<&str> = bare.lines().map(str::trim_end).collect();
        assert_eq!(bare.join("\n"), render(Format::Text, &diagnosis, &PLAIN), "{name}");
    }
}

#[test]
fn a_pullable_image_takes_two_lines() {
    assert_eq!(render(Format::Text, &fixtures::success(), &PLAIN).lines().count(), 2);
}

#[test]
fn screens() {
    for (name, diagnosis) in all().into_iter().filter(|(name, _)| *name != "hostile") {
        insta::assert_snapshot!(format!("text_{name}"), render(Format::Text, &diagnosis, &PLAIN));
    }
    for (name, width) in
        [("dead_layer_host", 40), ("one_login_rejected", 40), ("proxy_denies", 40), ("dead_layer_host", 120)]
    {
        let diagnosis = all().into_iter().find(|(n, _)| *n == name).unwrap().1;
        insta::assert_snapshot!(
            format!("text_{name}_{width}"),
            render(Format::Text, &diagnosis, &Style { width, ..PLAIN })
        );
    }
    let verbose = Style { verbose: 1, ..PLAIN };
    insta::assert_snapshot!(
        "text_expired_certificate_v",
        render(Format::Text, &fixtures::expired_certificate(), &verbose)
    );
    insta::assert_snapshot!("text_degraded_v", render(Format::Text, &fixtures::degraded(), &verbose));
}

#[test]
fn other_forms() {
    let short: Vec<String> = all().iter().map(|(_, diagnosis)| render(Format::Short, diagnosis, &PLAIN)).collect();
    insta::assert_snapshot!("short", short.join("\n"));
    for (name, diagnosis) in [
        ("missing_tag", fixtures::missing_tag()),
        ("expired_certificate", fixtures::expired_certificate()),
        ("success", fixtures::success()),
    ] {
        insta::assert_snapshot!(format!("markdown_{name}"), render(Format::Markdown, &diagnosis, &PLAIN));
        insta::assert_snapshot!(format!("ticket_{name}"), render(Format::Ticket, &diagnosis, &PLAIN));
    }
    for (name, diagnosis) in [
        ("no_such_host", fixtures::no_such_host()),
        ("connect_timeout", fixtures::connect_timeout()),
        ("dead_layer_host", fixtures::dead_layer_host()),
        ("rate_limited", fixtures::rate_limited()),
        ("proxy_denies", fixtures::proxy_denies()),
    ] {
        insta::assert_snapshot!(format!("ticket_{name}"), render(Format::Ticket, &diagnosis, &PLAIN));
    }
    insta::assert_snapshot!("json_missing_tag", render(Format::Json, &fixtures::missing_tag(), &PLAIN));
}

#[test]
fn json_is_one_line_and_reads_back_as_it_was() {
    for (name, diagnosis) in all() {
        let line = render(Format::Json, &diagnosis, &PLAIN);
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Diagnosis>(&line).unwrap(), seen(diagnosis), "{name}");
    }
}

/// What of a diagnosis is part of its JSON form: a finding's confidence is not.
fn seen(mut diagnosis: Diagnosis) -> Diagnosis {
    diagnosis.findings.iter_mut().for_each(|f| f.confidence = crate::cause::Confidence::Certain);
    diagnosis
}

#[test]
fn a_host_is_listed_once_for_each_role_with_its_port() {
    let mut diagnosis = fixtures::success();
    diagnosis.hops = vec![
        fixtures::hop(crate::evidence::Role::Registry, "[::1]:5000"),
        fixtures::hop(crate::evidence::Role::Registry, "[2001:db8::1]"),
        fixtures::hop(crate::evidence::Role::Token, "auth.corp.io"),
        fixtures::hop(crate::evidence::Role::Token, "auth.corp.io"),
    ];
    diagnosis.hops[2].url = "http://auth.corp.io/token".into();
    diagnosis.hops[3].url = "http://auth.corp.io/token".into();
    assert_eq!(
        hosts(&diagnosis),
        "[::1]:5000\tregistry\tdirect\n[2001:db8::1]:443\tregistry\tdirect\nauth.corp.io:80\ttoken\tdirect"
    );
}

#[test]
fn the_worst_verdict_decides_the_exit_status() {
    #[track_caller]
    fn check(verdicts: &[Verdict], fail_on_degraded: bool, want: u8) {
        assert_eq!(exit_code(verdicts.iter().copied(), fail_on_degraded), want);
    }
    check(&[], false, 0);
    check(&[Pullable, Degraded], false, 0);
    check(&[Pullable, Degraded], true, 1);
    check(&[Pullable, Inconclusive], false, 3);
    check(&[Inconclusive, Failing, Inconclusive], false, 1);
    check(&[Degraded, Inconclusive], true, 1);
}

#[test]
fn a_format_is_known_by_its_word() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert_eq!(
        "yaml\n".parse::<Format>().unwrap_err().to_string(),
        "`yaml` is no output format: it is one of text, short, json, markdown, ticket"
    );
}
