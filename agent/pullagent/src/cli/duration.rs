//! Times as people write them, on the command line and in settings: `20s`, `5m`, `1h 30m`.

use std::time::Duration;

/// A time from `least` to `most`.
///
/// Errors: what to write instead; it never repeats the text.
pub(crate) fn parse_duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "write it as `20s`, `5m` or `1h 30m`".to_owned())?;
    match Duration::try_from(span) {
        Ok(time) if (least..=most).contains(&time) => Ok(time),
        _ => Err(format!("it must be at least {} and at most {}", shown(least), shown(most))),
    }
}

/// In its largest whole unit.
fn shown(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.as_millis()),
        seconds if seconds >= 3600 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<u64, &str>) {
        let got = parse_duration(text, Duration::from_secs(30), Duration::from_hours(2));
        assert_eq!(got.map(|time| time.as_secs()), want.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_time_has_a_unit_and_bounds() {
        let written = "write it as `20s`, `5m` or `1h 30m`";
        let bounds = "it must be at least 30s and at most 2h";
        check("30s", Ok(30));
        check("5m", Ok(300));
        check("1h 30m", Ok(5400));
        check("1h30m", Ok(5400));
        check("2h", Ok(7200));
        check("29s", Err(bounds));
        check("2h 1s", Err(bounds));
        check("-5m", Err(bounds));
        check("5m ago", Err(bounds));
        for text in ["", "30", "5 parrots", "s", "99999999999999999999h", "1d", "1 month"] {
            check(text, Err(written));
        }
    }
}
