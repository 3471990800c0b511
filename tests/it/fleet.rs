//! What is shipped for Prometheus and Grafana: promtool finds the rules right, each alert leads to a page, and every
//! expression asks for metrics that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const RULES: &str = "rules.yaml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn folder() -> PathBuf {
    root().join("packaging/monitoring")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All rules of the file.
fn rules() -> Vec<Value> {
    let groups = yaml(RULES)["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

#[track_caller]
fn promtool(arguments: &[&str], folder: &Path) {
    let ran = Command::new("promtool").args(arguments).current_dir(folder).output();
    let ran = ran.expect("promtool runs; tests/setup installs Debian's package prometheus");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "promtool {arguments:?}: {out}{err}");
}

#[test]
fn the_rules_are_right_and_do_what_their_tests_say() {
    promtool(&["check", "rules", RULES], &folder());
    promtool(&["test", "rules", "rules_test.yaml"], &folder());
}

#[test]
fn every_alert_is_tested_to_fire_and_to_be_silent() {
    let tests = yaml("rules_test.yaml");
    let cases: Vec<&Value> = tests["tests"]
        .as_array()
        .expect("tests")
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().expect("cases"))
        .collect();
    for alert in rules().iter().filter_map(|rule| rule["alert"].as_str()) {
        let of = |fires: bool| {
            cases.iter().any(|case| {
                let expected = case["exp_alerts"].as_array().map_or(0, Vec::len);
                case["alertname"] == alert && (expected > 0) == fires
            })
        };
        assert!(of(true) && of(false), "{alert} is not tested both ways");
    }
}

#[test]
fn the_operators_manifest_holds_the_same_rules() {
    let manifest = yaml("prometheusrule.yaml");
    assert_eq!(manifest["kind"], "PrometheusRule");
    assert_eq!(manifest["spec"]["groups"], yaml(RULES)["groups"]);
}

#[test]
fn every_alert_says_what_is_the_matter_and_where_to_read_on() {
    let anchors = |page: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(root().join("docs").join(page)).unwrap_or_default();
        let headings = text.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-")).collect()
    };
    for rule in rules() {
        let Some(alert) = rule["alert"].as_str() else { continue };
        let annotations = &rule["annotations"];
        for name in ["summary", "description"] {
            assert!(annotations[name].as_str().is_some_and(|text| text.len() > 20), "{alert} has no {name}");
        }
        let link = annotations["runbook_url"].as_str().unwrap_or_default();
        let (file, anchor) = link.split_once('#').unwrap_or_default();
        // Where the cause is a label it is the heading too; the runbooks of some causes stand for all.
        let anchor = if anchor == "{{ $labels.cause | toLower }}" { "dnstimeout" } else { anchor };
        let page = file.rsplit('/').next().unwrap_or_default();
        assert!(anchors(page).contains(anchor), "{alert}: {link} leads nowhere");
        assert!(rule["labels"]["severity"].is_string() && rule["for"].is_string(), "{alert}");
    }
}

/// The names in an expression that look like metrics of ours.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    expression
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| word.starts_with("pullagent_") || word.starts_with("pullagent:"))
        .map(str::to_owned)
        .collect()
}

/// The expressions of the dashboard, its variables as Grafana fills them in.
fn dashboard_expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text("dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").clone();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets").clone());
    targets.map(|target| target["expr"].as_str().expect("an expression").replace("$host", ".*")).collect()
}

#[test]
fn every_expression_asks_for_metrics_that_there_are() {
    let operations = fs::read_to_string(root().join("docs/operations.md")).expect("docs/operations.md");
    let rules = rules();
    let records: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["record"].as_str()).collect();
    let expressions = rules.iter().filter_map(|rule| rule["expr"].as_str().map(str::to_owned));
    let mut seen = 0;
    for expression in expressions.chain(dashboard_expressions()) {
        for metric in metrics_in(&expression) {
            let is_known = operations.contains(&format!("| `{metric}` |")) || records.contains(metric.as_str());
            assert!(is_known, "{metric} is no metric: {expression}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} metrics were found");
}

#[test]
fn the_dashboards_expressions_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules: Vec<Value> = dashboard_expressions()
        .iter()
        .enumerate()
        .map(|(number, expr)| serde_json::json!({ "record": format!("dashboard:{number}"), "expr": expr }))
        .collect();
    // JSON is YAML.
    let file = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string();
    fs::write(folder.path().join(RULES), file).expect("a file");
    promtool(&["check", "rules", RULES], folder.path());
}
