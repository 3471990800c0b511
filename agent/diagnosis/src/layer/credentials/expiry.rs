//! When a login expires, as far as it says so itself, and what follows from that. Asks nobody and shows no login.
//!
//! Read are JSON Web Tokens (RFC 7519: the access tokens of Azure's registries, GitLab's job tokens, service accounts'
//! tokens) and the passwords of Amazon ECR. Passwords, personal access tokens and Google's `ya29.` tokens tell nothing.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde::Deserialize;

use super::CredentialOutcome;
use crate::cause::Code;
use crate::evidence::ClockSample;
use crate::finding::Finding;
use crate::plan::Credential;
use crate::secret::Secret;
use crate::text::duration_in_words;

/// Bytes of a password that is looked into: tokens have a few kilobytes.
const MAX_TOKEN: usize = 64 * 1024;
/// Seconds ahead that are soon.
const SOON: i64 = 86_400;
/// How far two clocks that are both right may differ, in seconds.
const CLOCK_TOLERANCE: i64 = 60;
/// What the source of a credential begins with that a plugin gave; the kubelet has it renewed.
const PLUGIN: &str = "plugin ";

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

#[derive(Deserialize)]
struct Claims {
    exp: serde_json::Number,
}

/// What an ECR password is made of, encryption aside.
#[derive(Deserialize)]
struct EcrToken {
    expiration: i64,
}

/// When a login expires, where it says so itself.
pub fn expires_at(user: &str, password: &Secret<String>) -> Option<Timestamp> {
    let password = password.expose();
    if password.len() > MAX_TOKEN {
        return None;
    }
    of_jwt(password).or_else(|| if user == "AWS" { of_ecr(password) } else { None })
}

/// The claim `exp` of a JSON Web Token, in seconds that may have a fraction. The signature is the registry's business.
fn of_jwt(token: &str) -> Option<Timestamp> {
    let mut parts = token.split('.');
    let (_header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&URL_SAFE.decode(claims).ok()?).ok()?;
    match claims.exp.as_i64() {
        Some(seconds) => Timestamp::from_second(seconds).ok(),
        None => {
            Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(claims.exp.as_f64()?.floor()).ok()?).ok()
        }
    }
}

/// The field `expiration` of the JSON that an ECR password is the base64 of, in seconds.
fn of_ecr(password: &str) -> Option<Timestamp> {
    let token: EcrToken = serde_json::from_slice(&STANDARD.decode(password).ok()?).ok()?;
    Timestamp::from_second(token.expiration).ok()
}

/// Whether it is worth showing when a login expires: it has, or will within a day.
pub fn is_near(expires_at: Timestamp, now: Timestamp) -> bool {
    expires_at.as_second().saturating_sub(now.as_second()) <= SOON
}

/// A warning where a login that works expires within a day. Those of plugins are renewed by themselves.
pub fn expiring(credential: &Credential, outcome: CredentialOutcome, now: Timestamp) -> Option<Finding> {
    if outcome != CredentialOutcome::Accepted || credential.source.starts_with(PLUGIN) {
        return None;
    }
    let expires_at = expires_at(credential.user.as_deref().unwrap_or_default(), &credential.password)?;
    let left = expires_at.as_second().saturating_sub(now.as_second());
    if !(0..=SOON).contains(&left) {
        return None;
    }
    let summary = format!(
        "the login of {} expires at {}, in {}",
        credential.source,
        to_the_second(expires_at),
        duration_in_words(left.unsigned_abs())
    );
    Some(
        Finding::new(Code::CredentialExpiring, summary)
            .fix("issue a new token and write it into the secret")
            .fix("let the kubelet's credential provider fetch such tokens: it renews them"),
    )
}

/// The same rejection where the login itself says that it has expired, by a clock that is right.
pub fn if_expired(rejected: Finding, credential: &Credential, clocks: &[ClockSample]) -> Finding {
    if rejected.code != Code::CredentialsRejected {
        return rejected;
    }
    let Some(expires_at) = expires_at(credential.user.as_deref().unwrap_or_default(), &credential.password) else {
        return rejected;
    };
    let Some(clock) = right_clock(clocks).filter(|clock| expires_at < *clock) else { return rejected };
    let told = format!("; it expired at {}, and it is {}", to_the_second(expires_at), to_the_second(clock));
    let mut expired = rejected.detail("expired");
    expired.summary.push_str(&told);
    let renew = "renew the login in the pull secret, and let something renew it from now on";
    if !expired.remedy.iter().any(|remedy| remedy.text == renew) {
        expired.remedy.insert(0, crate::finding::Remedy { text: renew.to_owned(), command: None });
    }
    expired
}

/// The time by a clock that is right: one that agrees with ours, else that of the others where they agree; `None` where
/// they do not, and where there is none.
fn right_clock(clocks: &[ClockSample]) -> Option<Timestamp> {
    let ahead = |clock: &ClockSample| clock.ours.as_second().saturating_sub(clock.theirs.as_second());
    let first = clocks.first()?;
    let ours = clocks.iter().find(|clock| ahead(clock).abs() <= CLOCK_TOLERANCE);
    let agrees = |clock: &ClockSample| ahead(clock).saturating_sub(ahead(first)).abs() <= CLOCK_TOLERANCE;
    ours.or_else(|| clocks.iter().all(agrees).then_some(first)).map(|clock| clock.theirs)
}

fn to_the_second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Offer;

    const NOON: &str = "2026-03-04T12:00:00Z";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE.encode(claims).trim_end_matches('='))
    }

    fn ecr(expiration: &str) -> String {
        STANDARD.encode(format!(
            "{{\"payload\":\"r9D8\",\"datakey\":\"AQEB\",\"version\":\"2\",\"type\":\"DATA_KEY\",\"expiration\":{expiration}}}"
        ))
    }

    #[track_caller]
    fn check(user: &str, password: &str, want: Option<&str>) {
        let got = expires_at(user, &password.to_owned().into()).map(|at| at.to_string());
        assert_eq!(got.as_deref(), want, "{user}");
    }

    #[test]
    fn a_login_tells_when_it_expires_only_if_it_is_a_token_that_says_so() {
        check("00000000-0000-0000-0000-000000000000", &jwt(r#"{"exp":1772625600}"#), Some(NOON));
        check("", &jwt(r#"{"aud":"r.test","exp":1772625600.9}"#), Some(NOON));
        check("u", &jwt(r#"{"exp":"1772625600"}"#), None);
        check("u", &jwt(r#"{"iat":1}"#), None);
        check("u", &jwt(r#"{"exp":1e300}"#), None);
        check("u", &jwt(r#"{"exp":9223372036854775807}"#), None);
        check("u", &format!("{}.more", jwt(r#"{"exp":1772625600}"#)), None);
        check("AWS", &ecr("1772625600"), Some(NOON));
        check("AWS", ecr("1772625600").trim_end_matches('='), Some(NOON));
        check("bob", &ecr("1772625600"), None);
        check("AWS", &ecr("\"soon\""), None);
        check("oauth2accesstoken", "ya29.c.b0Aaek", None);
        check("u", "dckr_pat_abc", None);
        check("u", "glpat-abc.def.ghi", None);
        check("u", "", None);
        check("u", &jwt(&format!("{{\"exp\":1772625600,\"pad\":\"{}\"}}", "x".repeat(MAX_TOKEN))), None);
    }

    fn credential(source: &str, password: &str) -> Credential {
        Credential {
            source: source.into(),
            key: None,
            user: Some("AWS".into()),
            password: password.to_owned().into(),
            offer: Offer::Yes,
        }
    }

    #[track_caller]
    fn check_warning(source: &str, outcome: CredentialOutcome, now: &str, want: Option<&str>) {
        let warning = expiring(&credential(source, &ecr("1772625600")), outcome, time(now));
        assert_eq!(warning.map(|finding| finding.summary).as_deref(), want, "{source} at {now}");
    }

    #[test]
    fn a_login_that_works_is_warned_of_in_its_last_day() {
        use CredentialOutcome::{Accepted, Rejected};
        let soon = "the login of secret prod/regcred expires at 2026-03-04T12:00:00Z, in 6 hours";
        check_warning("secret prod/regcred", Accepted, "2026-03-04T06:00:00Z", Some(soon));
        check_warning("secret prod/regcred", Accepted, "2026-03-03T11:59:59Z", None);
        check_warning("secret prod/regcred", Accepted, "2026-03-04T12:00:01Z", None);
        check_warning("secret prod/regcred", Rejected, "2026-03-04T06:00:00Z", None);
        check_warning("plugin ecr", Accepted, "2026-03-04T06:00:00Z", None);
        for (now, want) in
            [("2026-03-03T12:00:00Z", true), ("2026-03-03T11:59:59Z", false), ("2027-01-01T00:00:00Z", true)]
        {
            assert_eq!(is_near(time(NOON), time(now)), want, "{now}");
        }
    }

    fn clock(theirs: &str, ours: &str) -> ClockSample {
        ClockSample { host: "r.test".into(), theirs: time(theirs), ours: time(ours) }
    }

    #[track_caller]
    fn check_rejected(clocks: &[ClockSample], want: Option<&str>) {
        let rejected = Finding::new(Code::CredentialsRejected, "r.test rejects the login with 401");
        let told = if_expired(rejected, &credential("secret a/b", &ecr("1772625600")), clocks);
        assert_eq!(told.detail.is_some(), want.is_some(), "{told:?}");
        assert!(told.summary.contains(want.unwrap_or("401")) && !told.summary.contains(&ecr("1772625600")), "{told:?}");
    }

    #[test]
    fn a_rejected_login_has_expired_by_a_clock_that_is_right() {
        const ONE: &str = "2026-03-04T13:00:00Z";
        const ELEVEN: &str = "2026-03-04T11:00:00Z";
        check_rejected(&[clock(ONE, ONE)], Some("expired at 2026-03-04T12:00:00Z, and it is 2026-03-04T13:00:00Z"));
        check_rejected(&[clock(ELEVEN, ELEVEN)], None);
        // This node's clock is two hours ahead, or behind.
        check_rejected(&[clock(ELEVEN, ONE)], None);
        check_rejected(&[clock(ONE, ELEVEN)], Some("and it is 2026-03-04T13:00:00Z"));
        // Nobody agrees, or nobody tells.
        check_rejected(&[clock(ELEVEN, ONE), clock(NOON, ONE)], None);
        check_rejected(&[], None);
        let missing = Finding::new(Code::CredentialsMissing, "x");
        let same = if_expired(missing.clone(), &credential("s", &ecr("1")), &[clock(ONE, ONE)]);
        assert_eq!(same, missing);
    }

    proptest! {
        #[test]
        fn no_password_is_too_odd_and_none_is_shown(user in "AWS|u", password in "[ -~]{12,60}", seconds in any::<i64>()) {
            let now = time(NOON);
            for text in [password.clone(), jwt(&password), jwt(&format!("{{\"exp\":{seconds}}}")), ecr(&seconds.to_string())] {
                let credential = Credential { user: Some(user.clone()), ..credential("secret a/b", &text) };
                let _ = expires_at(&user, &credential.password);
                let rejected = Finding::new(Code::CredentialsRejected, "rejected");
                let found = [
                    expiring(&credential, CredentialOutcome::Accepted, now),
                    Some(if_expired(rejected, &credential, &[clock(NOON, NOON)])),
                ];
                let shown = format!("{found:?} {credential:?}");
                prop_assert!(!shown.contains(&text), "{shown}");
            }
        }
    }
}
