//! Whose answer a pull ends with, of all its endpoints: in the runtime's order, which goes on after most failures.

use super::link::{Outcome, Point};
use crate::evidence::Role;
use crate::plan::Plan;
use crate::runtime::{Kind, Runtime};

/// Where a pull ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The endpoint at this index serves the image.
    Served(usize),
    /// No endpoint does; the failure of the one at this index is the cause.
    Failed(usize),
    /// Too little was seen.
    Open,
}

/// The end by the outcomes of the endpoints, which are in the plan's order.
pub(super) fn of(plan: &Plan, outcomes: &[Outcome]) -> End {
    let resolves = |index: usize| plan.endpoints.get(index).is_none_or(|endpoint| endpoint.resolves);
    let resolving = || outcomes.iter().enumerate().filter(|(index, _)| resolves(*index));
    let others = || outcomes.iter().enumerate().filter(|(index, _)| !resolves(*index));
    let point = |outcome: &Outcome| outcome.failure().map(|failure| failure.point);
    let ends = |outcome: &Outcome| point(outcome).is_some_and(|point| ends_the_pull(plan, point));
    for (index, outcome) in resolving() {
        if matches!(outcome, Outcome::Serves) {
            // Content is asked for in the order of all endpoints, those that resolve nothing among them.
            let spoilt = others().find(|(other, outcome)| *other < index && ends(outcome));
            return spoilt.map_or(End::Served(index), |(other, _)| End::Failed(other));
        }
        if ends(outcome) {
            return End::Failed(index);
        }
    }
    // One that resolves the reference and has lost a part of the image leaves that part to the others.
    let has_lost_a_part = |(_, outcome): (usize, &Outcome)| matches!(point(outcome), Some(Point::Part { .. }));
    if let Some((index, _)) = others().find(|(_, outcome)| matches!(outcome, Outcome::Serves))
        && resolving().any(has_lost_a_part)
    {
        return End::Served(index);
    }
    if resolving().any(|(_, outcome)| matches!(outcome, Outcome::Undecided)) {
        return End::Open;
    }
    let is_upstream = |index: usize| plan.endpoints.get(index).is_none_or(|e| e.role == Role::Registry);
    let last = resolving().rfind(|(index, _)| is_upstream(*index)).or_else(|| resolving().next_back());
    let Some((upstream, outcome)) = last else { return End::Open };
    let refuses =
        |outcome: &Outcome| matches!(outcome.failure().and_then(super::link::Failure::status), Some(401 | 403 | 404));
    let mirror = resolving().find(|(index, outcome)| !is_upstream(*index) && refuses(outcome));
    match mirror.filter(|_| point(outcome) == Some(Point::Unreached)) {
        Some((mirror, _)) => End::Failed(mirror),
        None => End::Failed(upstream),
    }
}

/// Whether the runtime asks nobody else after a failure at this point. CRI-O takes everything from the endpoint that it
/// has the manifest from (`containers/image` `docker_image_src.go` `newImageSource`).
pub(super) fn ends_the_pull(plan: &Plan, point: Point) -> bool {
    let is_cri_o = || plan.runtime.as_ref().and_then(Runtime::version).is_some_and(|v| v.kind() == Kind::CriO);
    match point {
        Point::Taken => true,
        Point::Part { .. } => is_cri_o(),
        Point::Unreached | Point::Refused { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Scheme;
    use crate::case::{Case, Network, Node, NodeConfig};
    use crate::cause::Code;
    use crate::config::{files, hosts_file, process_env, proxy_env, resolv_conf, trust};
    use crate::diagnose::link::Failure;
    use crate::finding::Finding;
    use crate::plan::{Endpoint, plan};
    use crate::runtime::{RuntimeAnswer, RuntimeProcess, RuntimeVersion};

    fn fails(point: Point) -> Outcome {
        Outcome::Fails(Failure { finding: Finding::new(Code::Unknown, ""), point })
    }

    fn outcome(word: &str) -> Outcome {
        match word {
            "serves" => Outcome::Serves,
            "unclear" => Outcome::Undecided,
            "dead" => fails(Point::Unreached),
            "taken" => fails(Point::Taken),
            "lost" => fails(Point::Part { status: Some(404) }),
            status => fails(Point::Refused { status: status.parse().ok() }),
        }
    }

    /// The end of endpoints that come to this; the last is the registry, one with `pull:` before it resolves nothing.
    #[track_caller]
    fn check(words: &str, want: End) {
        check_with(None, words, want);
    }

    #[track_caller]
    fn check_with(runtime: Option<&str>, words: &str, want: End) {
        let words: Vec<&str> = words.split_whitespace().collect();
        let node =
            Node { name: String::new(), platform: "linux/amd64".parse().unwrap(), has_ipv4: true, has_ipv6: true };
        let network = Network {
            proxy: proxy_env::ProxyEnv::default(),
            resolver: resolv_conf::parse_resolv_conf("", "", |_| None),
            hosts: hosts_file::parse_hosts(""),
            trust: trust::Trust::default(),
        };
        let files = files::Files::default();
        let config = NodeConfig {
            runtime: None,
            files,
            environment: process_env::ProcessEnv::default(),
            kubelet: None,
            node,
            network,
            unread_credentials: vec![],
            not_checked: vec![],
        };
        let case = Case { image: "r.test/a:1".into(), ..Case::default() };
        let mut plan = plan(&case, &config);
        plan.runtime = runtime.map(|name| Runtime {
            endpoint: String::new(),
            named_by: None,
            answer: RuntimeAnswer::Version(RuntimeVersion { name: name.into(), version: "1".into() }),
            process: RuntimeProcess::NotSeen { why: String::new() },
            config_file: None,
        });
        let endpoint = |(index, word): (usize, &&str)| {
            let role = if index + 1 == words.len() { Role::Registry } else { Role::Mirror };
            let resolves = !word.starts_with("pull:");
            Endpoint { resolves, ..Endpoint::plain(role, Scheme::Https, format!("{index}.test")) }
        };
        plan.endpoints = words.iter().enumerate().map(endpoint).collect();
        let outcomes: Vec<Outcome> = words.iter().map(|word| outcome(word.trim_start_matches("pull:"))).collect();
        assert_eq!(of(&plan, &outcomes), want, "{words:?}");
    }

    #[test]
    fn the_first_that_serves_is_pulled_from_whatever_failed_before() {
        check("serves", End::Served(0));
        for before in ["404", "401", "403", "503", "dead", "lost", "unclear"] {
            check(&format!("{before} serves"), End::Served(1));
        }
        check("serves dead", End::Served(0));
        check("dead serves 404", End::Served(1));
    }

    #[test]
    fn an_answer_that_is_taken_for_good_decides() {
        check("taken serves", End::Failed(0));
        check("404 taken serves", End::Failed(1));
        check("serves taken", End::Served(0));
        check_with(Some("containerd"), "lost serves", End::Served(1));
        check_with(Some("cri-o"), "lost serves", End::Failed(0));
        check_with(Some("cri-o"), "404 serves", End::Served(1));
    }

    #[test]
    fn of_failures_the_registrys_is_the_cause_unless_it_could_not_be_reached() {
        check("dead dead 404", End::Failed(2));
        check("404 503", End::Failed(1));
        check("503 dead dead", End::Failed(2));
        for told in ["404", "401", "403"] {
            check(&format!("dead {told} 404 dead"), End::Failed(1));
        }
        check("lost dead", End::Failed(0));
        check("unclear dead", End::Open);
        check("404 unclear", End::Open);
        check("", End::Open);
    }

    #[test]
    fn where_nothing_is_resolved_only_content_counts() {
        check("pull:serves dead", End::Failed(1));
        check("pull:dead serves", End::Served(1));
        check("pull:unclear 404", End::Failed(1));
        check("pull:taken serves", End::Failed(0));
        check("serves pull:taken", End::Served(0));
        check("pull:serves lost", End::Served(0));
        check("pull:404 lost", End::Failed(1));
    }
}
