//! `OpenMetrics` text as Prometheus' older text format, which every scraper reads without being asked.
//!
//! They differ in the names of counters in the lines about a family, in units and in the last line.

/// The same families and samples in the text format 0.0.4.
pub(super) fn classic(open_metrics: &str) -> String {
    let about = |line: &'_ str, what: &str| line.strip_prefix(what).map(str::to_owned);
    let types = open_metrics.lines().filter_map(|line| about(line, "# TYPE "));
    let counters: Vec<String> = types.filter_map(|family| Some(family.strip_suffix(" counter")?.to_owned())).collect();
    let mut out = String::with_capacity(open_metrics.len() + 256);
    for line in open_metrics.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let mut words = line.splitn(4, ' ');
        let told = (words.next(), words.next(), words.next(), words.next());
        match told {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(rest))
                if counters.iter().any(|c| c == name) =>
            {
                out.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::classic;

    #[test]
    fn counters_are_named_as_their_samples_are() {
        assert_eq!(
            classic(
                "# HELP a What.\n# TYPE a counter\na_total 1\n# HELP b_s B.\n# TYPE b_s gauge\n# UNIT b_s s\nb_s 2\n# EOF\n"
            ),
            "# HELP a_total What.\n# TYPE a_total counter\na_total 1\n# HELP b_s B.\n# TYPE b_s gauge\nb_s 2\n"
        );
    }
}
