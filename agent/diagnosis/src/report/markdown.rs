//! The report for pasting into an issue or a chat. Nothing in it is active there: no link, mention, image or HTML.

use std::fmt::Write as _;

use super::{beside_the_cause, owner_in_words, phase, pulled, shown};
use crate::cause::Confidence;
use crate::diagnosis::{Diagnosis, Verdict};

/// The report in GitHub's Markdown.
pub(super) fn render(diagnosis: &Diagnosis) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = heading(&mut out, diagnosis);
    let _ = chain(&mut out, diagnosis);
    let _ = lists(&mut out, diagnosis);
    out.truncate(out.trim_end().len());
    out
}

fn heading(out: &mut String, diagnosis: &Diagnosis) -> std::fmt::Result {
    let verdict = match diagnosis.verdict {
        Verdict::Pullable => "can be pulled",
        Verdict::Degraded => "can be pulled, though something is wrong",
        Verdict::Failing => "cannot be pulled",
        Verdict::Inconclusive => "may or may not be pulled: it cannot be told",
    };
    writeln!(out, "### {} {verdict} from {}\n", code(&diagnosis.target.image), code(&diagnosis.node.name))?;
    if let Some(cause) = &diagnosis.cause {
        let doubt = match cause.confidence {
            Confidence::Certain => String::new(),
            doubt => format!(" ({doubt})"),
        };
        writeln!(out, "- **Cause:** {}{doubt}", cause.code)?;
        writeln!(out, "- **Because:** {}", escape(&cause.summary))?;
        for remedy in &diagnosis.remedy {
            let command = remedy.command.as_deref().map(|c| format!(": {}", code(c))).unwrap_or_default();
            writeln!(out, "- **Fix:** {}{command}", escape(&remedy.text))?;
        }
        if let Some(owner) = cause.owner {
            writeln!(out, "- **Owner:** {}", owner_in_words(owner))?;
        }
    }
    if let Some(sentence) = pulled::sentence(diagnosis, usize::MAX) {
        writeln!(out, "- **Runtime:** {}", escape(&sentence))?;
    }
    writeln!(out, "- **Examined:** {} in {} ms", diagnosis.started_at, diagnosis.took_ms)?;
    writeln!(out)
}

fn chain(out: &mut String, diagnosis: &Diagnosis) -> std::fmt::Result {
    if diagnosis.hops.is_empty() {
        return Ok(());
    }
    writeln!(out, "| Role | Host | Via | DNS | TCP | Proxy | TLS | HTTP | ms |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- | ---: |")?;
    for hop in &diagnosis.hops {
        let words = phase::phases(hop).map(|phase| phase.word).join(" | ");
        let (role, ms) = (hop.role.word(), phase::total_ms(hop));
        writeln!(out, "| {role} | {} | {} | {words} | {ms} |", code(&hop.host), code(&hop.via))?;
    }
    writeln!(out)
}

fn lists(out: &mut String, diagnosis: &Diagnosis) -> std::fmt::Result {
    let findings = beside_the_cause(diagnosis);
    if !findings.is_empty() {
        writeln!(out, "**Also**\n")?;
        for finding in findings {
            writeln!(out, "- {} {}: {}", finding.severity, finding.code, escape(&finding.summary))?;
        }
        writeln!(out)?;
    }
    if !diagnosis.not_checked.is_empty() {
        writeln!(out, "**Not checked**\n")?;
        for unseen in &diagnosis.not_checked {
            writeln!(out, "- {}: {}", code(&unseen.what), escape(&unseen.why))?;
        }
    }
    Ok(())
}

/// A name as code, in which nothing is active. What would end the code, or a table's cell, stands as escaped text.
fn code(name: &str) -> String {
    let name = shown(name);
    if name.is_empty() || name.contains(['`', '|', '\\']) { escape(&name) } else { format!("`{name}`") }
}

/// A sentence as text. GitHub looks for mentions, references and bare links after the escapes are resolved, so a
/// zero-width space stands between the characters that make one.
fn escape(text: &str) -> String {
    const APART: &str = "&#8203;";
    let text = shown(text);
    let mut out = String::with_capacity(text.len() + 16);
    for (index, c) in text.char_indices() {
        match c {
            '|' => out.push_str("&#124;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' | '#' => {
                out.push('\\');
                out.push(c);
                out.push_str(APART);
            }
            ':' if text[index..].starts_with("://") => {
                out.push(':');
                out.push_str(APART);
            }
            '.' if text.get(index.saturating_sub(3)..index).is_some_and(|w| w.eq_ignore_ascii_case("www")) => {
                out.push_str(APART);
                out.push('.');
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(escape(text), want);
    }

    #[test]
    fn nothing_foreign_is_active() {
        check("@org/team see #12", "\\@&#8203;org/team see \\#&#8203;12");
        check("<img src=x>", "&lt;img src=x&gt;");
        check("[a](javascript:x)", "\\[a\\]\\(javascript:x\\)");
        check("https://a.b and WWW.a.b", "https:&#8203;//a.b and WWW&#8203;.a.b");
        check("a|b `c` **d** &amp;", "a&#124;b \\`c\\` \\*\\*d\\*\\* &amp;amp;");
    }

    #[test]
    fn a_name_that_would_end_its_code_is_escaped_text() {
        assert_eq!(code("reg.io/a:1"), "`reg.io/a:1`");
        assert_eq!(code("a`|@b"), "a\\`&#124;\\@&#8203;b");
    }
}
