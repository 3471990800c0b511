//! What the daemon remembers: the last diagnoses, newest first, and how each check stands.
//!
//! Bounded in number and bytes. It decides nothing and shows nothing; whoever serves reads a copy.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnosis::{Diagnosis, NodeReport, REPORTS_SCHEMA, Verdict};
use pullagent_diagnosis::for_others::redact_for_others;
use pullagent_diagnosis::report::{self, Format, Style};
use pullagent_diagnosis::summary::FailingPods;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::summary::CheckDetails;

/// As many diagnoses are remembered.
const MAX_REPORTS: usize = 200;
/// Their JSON together, in bytes.
const MAX_BYTES: usize = 2 << 20;
/// The JSON of one, in bytes: no single image may push out all the others.
const MAX_REPORT_BYTES: usize = 256 << 10;
/// As many checks are remembered; of more, the first ones.
pub(crate) const MAX_CHECKS: usize = 64;

/// A handle on the memory; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    node: Option<NodeReport>,
    /// Newest first.
    reports: VecDeque<Arc<Kept>>,
    bytes: usize,
    left_out: u64,
    /// In the order in which they are configured.
    checks: Vec<CheckState>,
    /// What else the last runs of checks told, by the checks' names.
    details: BTreeMap<String, CheckDetails>,
    failing_pods: Vec<FailingPods>,
}

/// The pod whose image a diagnosis is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodName {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

/// A diagnosis that is remembered, as its JSON: that is what is asked for most, and its size is known.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The image as it was written.
    pub(crate) image: String,
    /// The pod that failed with it; none for a check.
    pub(crate) pod: Option<PodName>,
    /// The report `pullagent.dev/report/v1`.
    json: Box<RawValue>,
}

impl Kept {
    /// The diagnosis itself.
    pub(crate) fn diagnosis(&self) -> Option<Diagnosis> {
        serde_json::from_str(self.json.get()).ok()
    }
}

/// How a scheduled check stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckState {
    /// What is checked, as it is configured or was found: an image, or a registry.
    pub(crate) name: String,
    /// The registry's host, with its port unless that is the scheme's default.
    pub(crate) host: String,
    /// Whether the settings name it; the others were discovered.
    pub(crate) configured: bool,
    /// Its last run; none yet at the beginning.
    pub(crate) last: Option<CheckRun>,
}

/// One run of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckRun {
    /// What came of it.
    pub(crate) verdict: Verdict,
    /// The cause, unless all is well.
    pub(crate) cause: Option<Code>,
    /// The cause in one sentence.
    pub(crate) summary: Option<String>,
    /// When it ended.
    pub(crate) at: Timestamp,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: u32,
}

/// Everything remembered, as it was at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// The node, once it was looked at.
    pub(crate) node: Option<NodeReport>,
    /// The diagnoses, newest first.
    pub(crate) reports: Vec<Arc<Kept>>,
    /// How many diagnoses were too large to be remembered.
    pub(crate) left_out: u64,
    /// The checks, in the order in which they are configured.
    pub(crate) checks: Vec<CheckState>,
}

/// The list of reports, as it is served.
#[derive(Serialize)]
struct Reports<'a> {
    schema: &'static str,
    items: Vec<&'a RawValue>,
}

impl Memory {
    /// Remembers where all this is.
    pub(crate) fn set_node(&self, node: NodeReport) {
        self.lock().node = Some(node);
    }

    /// Remembers a diagnosis in place of an earlier one for the same image and pod. The oldest ones give way; one that
    /// is too large by itself is only counted.
    pub(crate) fn remember(&self, pod: Option<&PodName>, diagnosis: &Diagnosis) {
        let image = diagnosis.target.image.clone();
        let kept = as_json(diagnosis).map(|json| Arc::new(Kept { image: image.clone(), pod: pod.cloned(), json }));
        let mut inner = self.lock();
        inner.forget(|kept| kept.image == image && kept.pod.as_ref() == pod);
        let Some(kept) = kept else {
            inner.left_out = inner.left_out.saturating_add(1);
            return;
        };
        inner.bytes += kept.json.get().len();
        inner.reports.push_front(kept);
        while inner.reports.len() > MAX_REPORTS || inner.bytes > MAX_BYTES {
            let Some(oldest) = inner.reports.pop_back() else { break };
            inner.bytes = inner.bytes.saturating_sub(oldest.json.get().len());
        }
    }

    /// What was found out for this pod and image, if it is remembered.
    pub(crate) fn find(&self, pod: &PodName, image: &str) -> Option<Diagnosis> {
        let inner = self.lock();
        inner.reports.iter().find(|kept| kept.image == image && kept.pod.as_ref() == Some(pod))?.diagnosis()
    }

    /// Forgets what was found out for a pod that is gone.
    pub(crate) fn forget_pod(&self, pod: &PodName) {
        self.lock().forget(|kept| kept.pod.as_ref() == Some(pod));
    }

    /// The checks that there are now, the configured ones first. What is known of a check of the same name stays.
    pub(crate) fn set_checks(&self, checks: impl IntoIterator<Item = CheckState>) {
        let mut checks: Vec<CheckState> = checks.into_iter().collect();
        checks.sort_by_key(|check| !check.configured);
        checks.truncate(MAX_CHECKS);
        let mut inner = self.lock();
        for check in checks.iter_mut().filter(|check| check.last.is_none()) {
            let known = inner.checks.iter().find(|known| known.name == check.name && known.host == check.host);
            check.last = known.and_then(|known| known.last.clone());
        }
        inner.details.retain(|name, _| checks.iter().any(|check| check.name == *name));
        inner.checks = checks;
    }

    /// Remembers a run of the check of this name; one of no known check is dropped.
    pub(crate) fn checked(&self, name: &str, run: CheckRun) {
        if let Some(check) = self.lock().checks.iter_mut().find(|check| check.name == name) {
            check.last = Some(run);
        }
    }

    /// Remembers what else a run of the check of this name told that ended at `at`; one of no known check is dropped.
    pub(crate) fn check_told(&self, name: &str, diagnosis: &Diagnosis, at: Timestamp) {
        let mut inner = self.lock();
        if inner.checks.iter().any(|check| check.name == name) {
            inner.details.entry(name.to_owned()).or_default().follow(diagnosis, at);
        }
    }

    /// What else the last runs of a check told.
    pub(crate) fn details(&self, name: &str) -> Option<CheckDetails> {
        self.lock().details.get(name).cloned()
    }

    /// Remembers the pods that fail now, in place of those before.
    pub(crate) fn set_failing_pods(&self, failing: Vec<FailingPods>) {
        self.lock().failing_pods = failing;
    }

    /// The pods that fail now, one entry a code and host.
    pub(crate) fn failing_pods(&self) -> Vec<FailingPods> {
        self.lock().failing_pods.clone()
    }

    /// Everything remembered.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        Snapshot {
            node: inner.node.clone(),
            reports: inner.reports.iter().cloned().collect(),
            left_out: inner.left_out,
            checks: inner.checks.clone(),
        }
    }

    /// The checks alone, in the order in which they are configured.
    pub(crate) fn checks(&self) -> Vec<CheckState> {
        self.lock().checks.clone()
    }

    /// The last diagnoses as `pullagent.dev/reports/v1`, on one line.
    pub(crate) fn reports_json(&self) -> String {
        list(&self.snapshot())
    }

    /// The same as those may read it who are not root.
    pub(crate) fn reports_json_for_others(&self) -> String {
        list(&self.snapshot().for_others())
    }

    /// What is held is whole between any two statements, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// The same as those may read it who are not root. A report that cannot be read again is left out.
    pub(crate) fn for_others(self) -> Self {
        let redacted = |kept: &Arc<Kept>| {
            let mut diagnosis = kept.diagnosis()?;
            redact_for_others(&mut diagnosis);
            let json = as_json(&diagnosis)?;
            Some(Arc::new(Kept { image: kept.image.clone(), pod: kept.pod.clone(), json }))
        };
        let reports = self.reports.iter().filter_map(redacted).collect();
        let mut checks = self.checks;
        for run in checks.iter_mut().filter_map(|check| check.last.as_mut()) {
            // What of it would have to be hidden is not known any more; the code says enough.
            run.summary = None;
        }
        Self { reports, checks, ..self }
    }
}

impl Inner {
    fn forget(&mut self, mut gone: impl FnMut(&Kept) -> bool) {
        self.reports.retain(|kept| !gone(kept));
        self.bytes = self.reports.iter().map(|kept| kept.json.get().len()).sum();
    }
}

fn list(snapshot: &Snapshot) -> String {
    let items = snapshot.reports.iter().map(|kept| &*kept.json).collect();
    // Text that is JSON already and a constant: there is nothing to fail.
    serde_json::to_string(&Reports { schema: REPORTS_SCHEMA, items }).unwrap_or_default()
}

/// The report's JSON, unless it is too large.
fn as_json(diagnosis: &Diagnosis) -> Option<Box<RawValue>> {
    const PLAIN: Style = Style { width: 0, color: false, verbose: 0 };
    let json = report::render(Format::Json, diagnosis, &PLAIN);
    if json.len() > MAX_REPORT_BYTES {
        return None;
    }
    RawValue::from_string(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{diagnosis, failing};

    fn pod(name: &str) -> PodName {
        PodName { namespace: "prod".into(), name: name.into() }
    }

    fn images(memory: &Memory) -> Vec<String> {
        memory.snapshot().reports.iter().map(|kept| kept.image.clone()).collect()
    }

    #[test]
    fn the_latest_for_an_image_and_a_pod_replaces_the_one_before() {
        let memory = Memory::default();
        memory.remember(Some(&pod("a")), &failing("r.io/x:1"));
        memory.remember(Some(&pod("b")), &failing("r.io/x:1"));
        memory.remember(None, &diagnosis("r.io/x:1"));
        memory.remember(Some(&pod("a")), &diagnosis("r.io/x:1"));
        let reports = memory.snapshot().reports;
        assert_eq!(
            reports.iter().map(|kept| kept.pod.clone()).collect::<Vec<_>>(),
            [Some(pod("a")), None, Some(pod("b"))]
        );
        assert_eq!(reports[0].diagnosis().unwrap(), diagnosis("r.io/x:1"));
        memory.forget_pod(&pod("a"));
        assert_eq!(memory.snapshot().reports.len(), 2);
    }

    #[test]
    fn the_oldest_give_way_to_number_and_to_size() {
        let memory = Memory::default();
        for number in 0..MAX_REPORTS + 7 {
            memory.remember(None, &diagnosis(&format!("r.io/x:{number}")));
        }
        let held = images(&memory);
        assert_eq!((held.len(), held[0].as_str()), (MAX_REPORTS, "r.io/x:206"));
        for number in 0..40 {
            let mut large = diagnosis(&format!("r.io/large:{number}"));
            large.node.os = "x".repeat(200 << 10);
            memory.remember(None, &large);
        }
        assert!(memory.lock().bytes <= MAX_BYTES);
        assert!(memory.reports_json().len() <= MAX_BYTES + MAX_REPORTS + 64);
        assert_eq!(images(&memory)[0], "r.io/large:39");
        assert_eq!(images(&memory).len(), 10);
    }

    #[test]
    fn one_that_is_too_large_is_counted_and_pushes_nothing_out() {
        let memory = Memory::default();
        memory.remember(None, &diagnosis("r.io/small:1"));
        let mut huge = diagnosis("r.io/huge:1");
        huge.node.os = "x".repeat(MAX_REPORT_BYTES);
        memory.remember(None, &huge);
        assert_eq!((images(&memory), memory.snapshot().left_out), (vec!["r.io/small:1".to_owned()], 1));
    }

    #[test]
    fn the_list_is_json_that_reads_back() {
        let memory = Memory::default();
        assert_eq!(memory.reports_json(), r#"{"schema":"pullagent.dev/reports/v1","items":[]}"#);
        memory.remember(None, &failing("r.io/x:1"));
        let list: pullagent_diagnosis::diagnosis::Reports = serde_json::from_str(&memory.reports_json()).unwrap();
        assert_eq!(list.items, [failing("r.io/x:1")]);
    }

    #[test]
    fn others_read_the_same_reports_without_users() {
        let memory = Memory::default();
        memory.remember(None, &diagnosis("r.io/x:1"));
        let users = |json: String| {
            let list: pullagent_diagnosis::diagnosis::Reports = serde_json::from_str(&json).unwrap();
            list.items.iter().flat_map(|item| &item.credentials).filter(|row| row.user.is_some()).count()
        };
        assert!(users(memory.reports_json()) > 0);
        assert_eq!(users(memory.reports_json_for_others()), 0);
    }

    #[test]
    fn new_settings_keep_what_is_known_of_a_check() {
        let memory = Memory::default();
        let check =
            |name: &str, configured| CheckState { name: name.into(), host: name.into(), configured, last: None };
        let run =
            CheckRun { verdict: Verdict::Pullable, cause: None, summary: None, at: Timestamp::UNIX_EPOCH, took_ms: 3 };
        memory.set_checks([check("found.io", false), check("r.io", true)]);
        memory.checked("r.io", run.clone());
        memory.checked("unknown.io", run.clone());
        memory.set_checks([check("new.io", true), check("r.io", true)]);
        let held = memory.checks();
        assert_eq!(held.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["new.io", "r.io"]);
        assert_eq!(held[1].last, Some(run));
        memory.set_checks((0..1000).map(|n| check(&n.to_string(), n == 999)));
        assert_eq!((memory.checks().len(), memory.checks()[0].name.as_str()), (MAX_CHECKS, "999"));
    }
}
