//! What this process uses, under the names that Prometheus' client libraries have agreed on.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// This process. What cannot be read is left out.
#[derive(Debug)]
pub(super) struct Process {
    /// The kernel's ticks a second, in which it counts processor time.
    ticks: Option<f64>,
    /// When the machine was started, in seconds.
    booted: Option<f64>,
}

/// What /proc/self/stat tells.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: f64,
    start_ticks: f64,
    virtual_bytes: f64,
}

impl Process {
    /// This process, on this machine.
    pub(super) fn new() -> Self {
        let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
        let ticks = ticks.and_then(|ticks| u32::try_from(ticks).ok()).map(f64::from);
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self { ticks, booted: stat.lines().find_map(|line| number(line.strip_prefix("btime ")?)) }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let seen = fs::read_to_string("/proc/self/stat").ok().and_then(|text| parse_stat(&text));
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let ticks = self.ticks;
        let seconds = |of: fn(&Stat) -> f64| Some(of(seen.as_ref()?) / ticks?);
        if let Some(used) = seconds(|stat| stat.cpu_ticks) {
            let help = "Processor time that this process has used, in seconds.";
            let mut metric = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            metric.encode_counter(&used, None::<&Exemplar<[(&str, &str); 0], f64>>)?;
        }
        let started = seconds(|stat| stat.start_ticks).and_then(|since_boot| Some(self.booted? + since_boot));
        let gauges = [
            ("process_resident_memory_bytes", "Memory of this process that is in use.", resident_bytes(&status)),
            ("process_virtual_memory_bytes", "Address space of this process.", seen.as_ref().map(|s| s.virtual_bytes)),
            ("process_start_time_seconds", "When this process was started.", started),
            ("process_open_fds", "Files that this process has open.", open_files()),
            ("process_max_fds", "Files that this process may have open.", most_files(&limits)),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

/// The fields of `proc_pid_stat(5)` after the program's name, which may hold blanks and brackets.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // The manual counts from 1 and the third field is the first one here.
    let field = |manual: usize| number(fields.get(manual - 3)?);
    Some(Stat { cpu_ticks: field(14)? + field(15)?, start_ticks: field(22)?, virtual_bytes: field(23)? })
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(number(line.trim().strip_suffix("kB")?)? * 1024.0)
}

/// Without the one that the look itself opens.
fn open_files() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(open).ok().map(f64::from)
}

fn most_files(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => None,
        soft => number(soft),
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_moves_no_field() {
        let text =
            "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 3 0 120 30 0 0 20 0 4 0 5000 8192000 300 18446744073709551615";
        let want = Stat { cpu_ticks: 150.0, start_ticks: 5000.0, virtual_bytes: 8_192_000.0 };
        assert_eq!(parse_stat(text), Some(want));
        assert_eq!(parse_stat("7 (a) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn sizes_and_limits_are_read_as_the_kernel_writes_them() {
        assert_eq!(resident_bytes("Name:\ta\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
        assert_eq!(resident_bytes("Name:\ta\n"), None);
        assert_eq!(
            most_files("Max open files            1024                 524288               files     \n"),
            Some(1024.0)
        );
        assert_eq!(
            most_files("Max open files            unlimited            unlimited            files     \n"),
            None
        );
    }

    #[test]
    fn this_process_has_memory_and_open_files() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(resident_bytes(&status).unwrap() > 0.0);
        assert!(open_files().unwrap() >= 1.0);
    }
}
