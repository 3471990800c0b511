//! What the configured checks cost the registries, as arithmetic: requests a day. Contacts nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::Check;
use super::public::is_public;
use crate::settings::Checks;

/// The name of the JSON's form.
const SCHEMA: &str = "pullagent.dev/check-cost/v1";
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A check of an image asks for the manifest's head, is told where tokens are, gets one, asks for the head again, and then
/// for the head of a layer.
const OF_IMAGE: Requests = Requests { heads: 3, tokens: 1, gets: 0 };
/// What is fetched when a tag has moved: index, manifest and configuration.
const ON_CHANGE: Requests = Requests { heads: 0, tokens: 0, gets: 3 };
/// A check of a registry asks for `/v2/`, and then for a token.
const OF_REGISTRY: Requests = Requests { heads: 0, tokens: 1, gets: 1 };

/// Requests by kind, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Requests {
    heads: u32,
    tokens: u32,
    gets: u32,
}

impl Requests {
    fn all(self) -> u32 {
        self.heads + self.tokens + self.gets
    }
}

/// What all checks cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    schema: &'static str,
    nodes: u32,
    checks: Vec<CheckCost>,
    registries: Vec<RegistryCost>,
}

/// What one check costs its registry.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckCost {
    check: String,
    what: &'static str,
    registry: String,
    every_seconds: u64,
    /// The share of nodes that makes it each time.
    share: f64,
    runs_a_day: f64,
    requests: Requests,
    /// What each node fetches once whenever the tag has moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_change: Option<Requests>,
    requests_a_day: u64,
}

/// What all checks of a registry cost it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistryCost {
    registry: String,
    public: bool,
    requests_a_day: u64,
    requests_a_second: f64,
}

/// What the checks of the settings cost with so many nodes.
pub(crate) fn cost(checks: &Checks, nodes: u32) -> Cost {
    let all = super::configured(checks);
    let each: Vec<CheckCost> = all.iter().map(|(check, every)| cost_of(check, *every, checks.sample, nodes)).collect();
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &each {
        *sums.entry(&one.registry).or_default() += one.requests_a_day;
    }
    let registries = sums.into_iter().map(|(registry, requests_a_day)| RegistryCost {
        registry: registry.to_owned(),
        public: is_public(registry),
        requests_a_day,
        requests_a_second: as_float(requests_a_day) / DAY,
    });
    Cost { schema: SCHEMA, nodes, registries: registries.collect(), checks: each }
}

fn cost_of(check: &Check, every: Duration, sample: f64, nodes: u32) -> CheckCost {
    let registry = check.registry();
    let share = if is_public(&registry) { sample } else { 1.0 };
    let (requests, on_change) = match check {
        Check::Image { .. } => (OF_IMAGE, Some(ON_CHANGE)),
        Check::Registry { .. } => (OF_REGISTRY, None),
    };
    let runs_a_day = DAY / every.as_secs_f64();
    CheckCost {
        check: check.name().to_owned(),
        what: check.what(),
        registry,
        every_seconds: every.as_secs(),
        share,
        runs_a_day,
        requests,
        on_change,
        requests_a_day: whole(f64::from(nodes) * share * runs_a_day * f64::from(requests.all())),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded up, positive, and it saturates")]
fn whole(number: f64) -> u64 {
    number.ceil() as u64
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_float(number: u64) -> f64 {
    number as f64
}

impl Cost {
    /// One line of JSON.
    pub(crate) fn json(&self) -> String {
        // Numbers and texts alone: they always have a JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The table for a person, with the arithmetic.
    pub(crate) fn text(&self) -> String {
        let width = self.checks.iter().map(|one| one.check.chars().count()).max().unwrap_or_default().max(5);
        let mut text = format!(
            "{:<width$}  {:<8}  {:>7}  {:>8}  {:>10}  {:>11}  {:>14}\n",
            "CHECK", "WHAT", "NODES", "SHARE", "RUNS A DAY", "REQUESTS", "REQUESTS A DAY"
        );
        for one in &self.checks {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:<width$}  {:<8}  {:>7}  {:>8}  {:>10}  {:>11}  {:>14}",
                one.check,
                one.what,
                self.nodes,
                format!("{}", one.share),
                format!("{:.0}", one.runs_a_day),
                one.requests.all(),
                grouped(one.requests_a_day)
            );
        }
        text.push('\n');
        for one in &self.registries {
            let kind = if one.public { " (public)" } else { "" };
            let _ = writeln!(
                text,
                "{}{kind}: {} requests a day, {:.2} a second on average",
                one.registry,
                grouped(one.requests_a_day),
                one.requests_a_second
            );
        }
        let _ = write!(
            text,
            "\nRequests a day are nodes x share x runs a day x requests, at most. The share is `checks.sample` for public\n\
             registries and 1 for others. A check of an image makes {} requests: {} heads (the manifest's twice, because the\n\
             first answer says where tokens are, and a layer's) and {} for a token; some storages want one more than a head.\n\
             A check of a registry makes {}: {} for /v2/ and {} for a token. Tokens and layers may be another host's to give.\n\
             Whenever a tag moves, each node makes up to {} more, once, and one for each layer. No byte of a layer is fetched\n\
             where its head is to be had. A mirror is asked as often as its registry. What is discovered is not counted.",
            OF_IMAGE.all(),
            OF_IMAGE.heads,
            OF_IMAGE.tokens,
            OF_REGISTRY.all(),
            OF_REGISTRY.gets,
            OF_REGISTRY.tokens,
            ON_CHANGE.all()
        );
        text
    }
}

/// A number with a comma after each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let comma = |index: usize| index > 0 && index % 3 == first % 3;
    digits.chars().enumerate().fold(String::new(), |mut text, (index, digit)| {
        if comma(index) {
            text.push(',');
        }
        text.push(digit);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{ImageCheck, RegistryCheck, Settings};

    #[test]
    fn the_cost_is_nodes_by_share_by_runs_by_requests() {
        let mut checks = Settings::default().checks;
        checks.sample = 0.1;
        let image = |image: &str, every| ImageCheck { image: image.to_owned(), every, secret: None };
        checks.images = vec![
            image("registry.corp.io/team/app:1", Some(Duration::from_mins(5))),
            image("registry.corp.io/team/web:1", None),
            image("nginx", None),
        ];
        checks.registries = vec![RegistryCheck { host: "registry.corp.io".to_owned(), every: None }];
        let cost = cost(&checks, 1000);
        let days: Vec<u64> = cost.checks.iter().map(|one| one.requests_a_day).collect();
        assert_eq!(days, [1000 * 288 * 4, 1000 * 24 * 4, 100 * 24 * 4, 1000 * 24 * 2]);
        let sums: Vec<(&str, u64)> = cost.registries.iter().map(|r| (r.registry.as_str(), r.requests_a_day)).collect();
        assert_eq!(sums, [("docker.io", 9600), ("registry.corp.io", 1_152_000 + 96_000 + 48_000)]);
        assert!(cost.text().contains("registry.corp.io: 1,296,000 requests a day, 15.00 a second"), "{}", cost.text());
    }

    #[test]
    fn thousands_are_set_apart() {
        let check = |number: u64, want: &str| assert_eq!(grouped(number), want);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(12_345, "12,345");
        check(1_234_567, "1,234,567");
    }
}
