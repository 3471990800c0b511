//! The events of a pod, as kubelets write them.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::pod::PodEvent;

use super::client::Cluster;
use super::error::{KubeError, Rule};
use super::identity::How;

/// More than a kubelet writes about one pod within the hour that events last.
const MOST: u32 = 300;

/// Why no events are read, where whoever asks never may.
pub(crate) fn unread_events(cluster: &Cluster) -> Option<NotChecked> {
    let why = "a kubelet may write events but not read them; a service account may be allowed to";
    matches!(cluster.identity().how, How::Kubelet(_)).then(|| NotChecked::new("what the kubelet tells in events", why))
}

/// What kubelets have written within the last hour about the pod with this uid, in no order.
pub(crate) async fn pod_events(cluster: &Cluster, namespace: &str, uid: &str) -> Result<Vec<PodEvent>, KubeError> {
    let rule = Rule { verb: "list", resource: "events", name: None, namespace: Some(namespace.to_owned()) };
    // A pod that was created anew under the same name has other events.
    let params = ListParams::default().limit(MOST).fields(&format!("involvedObject.uid={uid}"));
    let list =
        cluster.ask(&rule, async |client| Api::<Event>::namespaced(client, namespace).list(&params).await).await?;
    Ok(list.items.iter().filter(|event| is_of_kubelet(event)).map(event_from).collect())
}

/// Others write about pods too, this program among them.
pub(super) fn is_of_kubelet(event: &Event) -> bool {
    let component = event.source.as_ref().and_then(|source| source.component.as_deref());
    component.or(event.reporting_component.as_deref()) == Some("kubelet")
}

/// An event of either form as the diagnosis knows it.
pub(super) fn event_from(event: &Event) -> PodEvent {
    let series = event.series.as_ref();
    // The newer form has one time and a series in place of the older two times and a count.
    let written = event.event_time.as_ref().map(|time| time.0);
    let first = event.first_timestamp.as_ref().map(|time| time.0).or(written);
    let observed = series.and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = observed.or(event.last_timestamp.as_ref().map(|time| time.0)).or(first);
    let count = series.and_then(|series| series.count).or(event.count).unwrap_or(1);
    PodEvent {
        reason: event.reason.clone().unwrap_or_default(),
        message: event.message.clone().unwrap_or_default(),
        field_path: event.involved_object.field_path.clone().filter(|path| !path.is_empty()),
        first,
        last,
        count: u32::try_from(count).unwrap_or(1).max(1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(event: serde_json::Value, want: Option<(&str, Option<&str>, &str, &str, u32)>) {
        let event: Event = serde_json::from_value(event).unwrap();
        let got = is_of_kubelet(&event).then(|| event_from(&event));
        let shown = got.as_ref().map(|event| {
            let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
            (event.reason.as_str(), event.field_path.as_deref(), time(event.first), time(event.last), event.count)
        });
        let want =
            want.map(|(reason, path, first, last, count)| (reason, path, first.to_owned(), last.to_owned(), count));
        assert_eq!(shown, want);
    }

    #[test]
    fn both_forms_of_a_kubelets_event_are_read_and_no_others() {
        let object = json!({ "kind": "Pod", "fieldPath": "spec.containers{app}" });
        check(
            json!({
                "metadata": {}, "involvedObject": object, "reason": "Failed", "message": "m", "count": 4,
                "firstTimestamp": "2026-07-01T12:00:00Z", "lastTimestamp": "2026-07-01T12:05:00Z",
                "source": { "component": "kubelet", "host": "n" }, "reportingComponent": "kubelet",
            }),
            Some(("Failed", Some("spec.containers{app}"), "2026-07-01T12:00:00Z", "2026-07-01T12:05:00Z", 4)),
        );
        check(
            json!({
                "metadata": {}, "involvedObject": { "kind": "Pod" }, "reason": "BackOff",
                "eventTime": "2026-07-01T12:00:00.000000Z", "reportingComponent": "kubelet",
                "series": { "count": 9, "lastObservedTime": "2026-07-01T12:09:00.000000Z" },
            }),
            Some(("BackOff", None, "2026-07-01T12:00:00Z", "2026-07-01T12:09:00Z", 9)),
        );
        check(
            json!({
                "metadata": {}, "involvedObject": {}, "reason": "PullTagNotFound", "source": { "component": "pullagent" },
            }),
            None,
        );
        check(json!({ "metadata": {}, "involvedObject": {}, "count": -1 }), None);
    }
}
