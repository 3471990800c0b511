//! Durations as Go writes them in configuration: `1m30s`, `-1.5h`, `300ms`.
//!
//! Copied rule: go src/time/format.go `ParseDuration`.

/// A span of time in nanoseconds; may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration {
    nanoseconds: i64,
}

impl GoDuration {
    /// Thirty seconds and the like.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self { nanoseconds: seconds as i64 * 1_000_000_000 }
    }

    /// `time.ParseDuration`; `None` for what Go refuses. A number needs a unit, unless it is `0`.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(Self { nanoseconds: 0 });
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (value, after) = parse_part(rest)?;
            total = total.checked_add(value).filter(|total| *total <= 1 << 63)?;
            rest = after;
        }
        let nanoseconds = if negative { 0_i64.checked_sub_unsigned(total)? } else { i64::try_from(total).ok()? };
        Some(Self { nanoseconds })
    }

    /// Whole milliseconds, cut towards zero.
    pub const fn as_millis(self) -> i64 {
        self.nanoseconds / 1_000_000
    }

    /// Whether it is zero, which often means `never`.
    pub const fn is_zero(self) -> bool {
        self.nanoseconds == 0
    }
}

/// One number with its unit in nanoseconds, and what follows.
fn parse_part(text: &str) -> Option<(u64, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_ends = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_ends);
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut value = whole.checked_mul(unit).filter(|value| *value <= 1 << 63)?;
    let mut scale = u128::from(unit);
    let mut part: u128 = 0;
    // No unit has more than 13 digits: what comes after them is below one nanosecond.
    for digit in fraction.bytes().take(16) {
        part = part * 10 + u128::from(digit - b'0') * u128::from(unit);
        scale *= 10;
    }
    value = value.checked_add(u64::try_from(part / (scale / u128::from(unit)).max(1)).ok()?)?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::GoDuration;

    #[track_caller]
    fn check(text: &str, nanoseconds: Option<i64>) {
        assert_eq!(GoDuration::parse(text).map(|duration| duration.nanoseconds), nanoseconds, "{text}");
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        check("0", Some(0));
        check("-0", Some(0));
        check("1500ms", Some(1_500_000_000));
        check("1m30s", Some(90_000_000_000));
        check("1.5h", Some(5_400_000_000_000));
        check(".5s", Some(500_000_000));
        check("1.s", Some(1_000_000_000));
        check("-3\u{b5}s", Some(-3_000));
        check("+2\u{3bc}s", Some(2_000));
        check("0.3333333333333333333h", Some(1_199_999_999_999));
        check("9223372036854775807ns", Some(i64::MAX));
        check("-9223372036854775808ns", Some(i64::MIN));
        check("1h2m3.004s", Some(3_723_004_000_000));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["", "-", "30", "1", "s", ".s", "1d", "1 s", " 1s", "1s ", "--1s", "1S", "9223372036854775808ns"] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[-+]?([0-9]*\\.?[0-9]*(ns|us|ms|s|m|h|))*|\\PC*") {
            let _ = GoDuration::parse(&text).map(GoDuration::as_millis);
        }
    }
}
