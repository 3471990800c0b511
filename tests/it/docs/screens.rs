//! The screens of the runbooks are what comes out today: each names the scenario that it was taken from, which is played
//! again and held against it. Ports and times are not compared.
#![expect(clippy::expect_used, reason = "a screen that cannot be made again fails this test")]

use pullagent_diagnosis::cause::CATALOGUE;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::report::{Format, Style, render};
use pullagent_testkit::world::World;

use super::pages::Page;
use super::{DESCRIBED, top};
use crate::pullagent::run;
use crate::scenarios::examined;

/// What stands before the block of a screen: the file that it comes from, below `tests`.
const FROM: &str = "<!-- from tests/";

/// A screen of a document, without the command above it, and the file that it was taken from.
fn screens(page: &Page) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for (_, block, line) in page.lines() {
        match (block, line.strip_prefix(FROM)) {
            (None, Some(file)) => {
                found.push((file.trim_end_matches("-->").trim().to_owned(), String::new()));
                open = true;
            }
            (None, None) => open = open && found.last().is_some_and(|(_, screen)| screen.is_empty()),
            (Some(_), _) if open && !line.starts_with("$ ") => {
                let (_, screen) = found.last_mut().expect("the screen that is open");
                screen.push_str(line);
                screen.push('\n');
            }
            (Some(_), _) => {}
        }
    }
    found
}

/// A screen as it is compared: without what differs from run to run, and without what a node without a runtime lacks.
fn compared(screen: &str) -> String {
    let lines = screen.lines().take_while(|line| !line.starts_with("Not checked"));
    let line = |line: &str| {
        let row = ["registry ", "blob ", "token "].iter().any(|role| line.starts_with(role));
        let mut words: Vec<String> = line.split_whitespace().map(without_numbers).collect();
        if row {
            words.pop();
        }
        words.join(" ")
    };
    lines.map(line).collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A word with its port hidden, or its time.
fn without_numbers(word: &str) -> String {
    if word.contains('.') && word.parse::<f64>().is_ok() {
        return "TIME".to_owned();
    }
    // The resolver of a scenario is at another address of loopback than that of a node.
    let word = word.replace("127.0.0.53", "127.0.0.1");
    let mut shown = String::new();
    for (number, part) in word.split(':').enumerate() {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_port = digits >= 4 && (number > 0 || digits == part.len());
        shown.push_str(if number == 0 { "" } else { ":" });
        shown.push_str(if is_port { "PORT" } else { &part[..digits] });
        shown.push_str(&part[digits..]);
    }
    shown
}

/// The screen that comes out of a file now.
async fn made(file: &str) -> String {
    if file == "it/docs/disk-full.txt" {
        return run(&["explain"], DESCRIBED).await.out;
    }
    let world = World::load(&top().join("tests").join(file)).await.expect("the world starts");
    let (case, plan, evidence) = examined(&world).await;
    let style = Style { width: 100, color: false, verbose: 0 };
    // A scenario's login comes from the test, a person's from a file.
    render(Format::Text, &diagnose(&case, &plan, &evidence), &style)
        .replace("Logins       test ", "Logins       regcred.json ")
        .replace("\n             test ", "\n             regcred.json ")
}

#[tokio::test]
async fn the_screens_of_the_runbooks_are_what_comes_out() {
    let page = Page::read(&top().join("docs/runbooks.md"));
    let screens = screens(&page);
    for (file, screen) in &screens {
        let made = made(file).await;
        assert_eq!(
            compared(screen),
            compared(&made),
            "docs/runbooks.md, the screen from tests/{file}; it is now:\n{made}"
        );
    }
    let causes =
        page.anchors().into_iter().filter(|anchor| CATALOGUE.iter().any(|row| row.name.to_lowercase() == *anchor));
    assert_eq!(screens.len(), causes.count(), "one screen for each cause");
}
