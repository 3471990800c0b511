//! What nodes have in common, as a sentence: with the numbers it rests on, and honest where there is nothing to tell.

use jiff::Timestamp;

use crate::fleet::{Apart, Attribute, Common, Outcome};
use crate::summary::attribute;

/// The comparison as a sentence; the nodes fail since `since`.
pub fn apart_in_words(apart: &Apart, since: Timestamp, now: Timestamp) -> String {
    let of = format!("{} failing, {} healthy", apart.failing, apart.healthy);
    let first = format!("first failure {}", time(since, now));
    let common =
        || apart.common.iter().map(|one| common_in_words(one, apart, since, now)).collect::<Vec<_>>().join("; ");
    match apart.outcome {
        Outcome::Apart => common(),
        Outcome::Nothing => {
            format!("nothing that is known of them sets the failing nodes apart ({of}); {first}")
        }
        Outcome::TooFew if apart.common.is_empty() => {
            format!("too few nodes to tell what sets them apart ({of}); {first}")
        }
        Outcome::TooFew => format!("perhaps by chance, since there are few nodes: {}", common()),
        Outcome::NoneHealthy if apart.failing == 1 => {
            format!("no other node asks it, so nothing can be compared; {first}")
        }
        Outcome::NoneHealthy => {
            format!("it works on no node that asks it, so it is nothing about single nodes ({of}); {first}")
        }
        Outcome::NotCompared => format!("not compared: there are too many groups; {first}"),
    }
}

/// `all 3 failing, 0 of 209 healthy: resolver 10.0.9.9; changed 02:38 on 3 nodes, first failure 02:41`.
fn common_in_words(common: &Common, apart: &Apart, since: Timestamp, now: Timestamp) -> String {
    let failing = match (common.failing, apart.failing) {
        (some, all) if some == all => format!("all {all}"),
        (some, all) => format!("{some} of {all}"),
    };
    let mut names: Vec<String> = common.attributes.iter().map(attribute_in_words).collect();
    if common.further > 0 {
        names.push(format!("{} more", common.further));
    }
    let together = match names.len() {
        0 | 1 => "",
        2 => " (always together)",
        _ => " (always all together)",
    };
    let changed = common.changed.as_ref().map_or_else(String::new, |changed| {
        let on = if changed.nodes == apart.failing { String::new() } else { format!(" on {} of them", changed.nodes) };
        format!("; changed {}{on}", time(changed.at, now))
    });
    format!(
        "{failing} failing, {} of {} healthy: {}{together}{changed}, first failure {}",
        common.healthy,
        apart.healthy,
        names.join(" and "),
        time(since, now)
    )
}

/// An attribute and its value: `resolver 10.0.9.9`, `without proxy`.
pub fn attribute_in_words(own: &Attribute) -> String {
    let name = match own.name.as_str() {
        attribute::RUNTIME_VERSION => "runtime version",
        attribute::REGISTRIES => "registry configuration",
        attribute::RESOLVERS => "resolvers",
        attribute::TRUST => "trusted authorities",
        attribute::OS_IMAGE => "OS image",
        "age" => "joined",
        name => {
            if let Some(host) = name.strip_prefix(attribute::REGISTRY) {
                let without = if own.without { "without " } else { "" };
                return format!("{without}registry configuration of {host} {}", own.value).trim_end().to_owned();
            }
            name
        }
    };
    let without = if own.without { "without " } else { "" };
    format!("{without}{name} {}", own.value).trim_end().to_owned()
}

/// A time in UTC: the hour within a day, else with the date.
pub(super) fn time(at: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(at).as_hours();
    let format = if (0..24).contains(&hours) { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    format!("{} UTC", at.strftime(format))
}
