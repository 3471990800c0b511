//! The service behind its real socket, asked by its real client, beside a real registry and a real API server.

use std::path::{Path, PathBuf};

use axum::Extension;
use pullagent_proto::v1::agent_client::AgentClient;
use pullagent_proto::v1::{Credential, Login, credential::Kind};
use pullagent_testkit::kubernetes::{KubeApi, Pod, Waiting};
use pullagent_testkit::world::World;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UnixStream};
use tonic::transport::{Channel, Endpoint, Uri};

use super::*;
use crate::cli::kube::KubeArguments;
use crate::fixtures;
use crate::kube::open;
use crate::schedule::{self, Input, Schedule};
use crate::socket::Socket;

const WORLD: &str = r#"
about = "a private repository for one user, and a public one"
image = "localhost:{main.port}/team/api:1"

[registry.main]
host = "localhost"
auth = "basic"
users = { ci-robot = "c0rrect-horse" }

[[registry.main.repository]]
name = "team/api"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["ci-robot"]

[[registry.main.repository]]
name = "team/public"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[expect]
verdict = "pullable"
"#;
const ROOT: u32 = 0;
const SOMEBODY: u32 = 1000;

fn root_of(world: &World) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    world.write_root(root.path()).unwrap();
    root
}

fn settings(root: &Path) -> watch::Receiver<Arc<Settings>> {
    let mut settings = Settings { host_root: root.to_owned(), ..Settings::default() };
    "node-1".clone_into(&mut settings.node.name);
    watch::channel(Arc::new(settings)).1
}

/// No API server, now or later.
fn nobody() -> Opened {
    watch::channel(None).1
}

/// A desk where nobody sits.
fn closed() -> Desk {
    Desk::new().0
}

/// A desk that decides by a schedule of its own.
fn desk(limits: schedule::Limits) -> Desk {
    let (desk, mut asks) = Desk::new();
    tokio::spawn(async move {
        let mut schedule = Schedule::new(limits);
        loop {
            asks.next().await;
            for (job, found) in asks.rule(&mut schedule, Timestamp::now()) {
                let found = found.await.ok();
                schedule.handle(Input::Finished(job.id, found.as_ref()), Timestamp::now());
            }
        }
    });
    desk
}

/// A client of `service` on a socket of its own, taken for the user `uid`.
async fn client(service: AgentService, uid: u32) -> (AgentClient<Channel>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let socket = Socket::open(&path, None).await.unwrap();
    let router = service.router().layer(Extension(Peer { uid, gid: uid, pid: None }));
    tokio::spawn(socket.serve(router, std::future::pending()));
    (connect(path).await, folder)
}

async fn connect(path: PathBuf) -> AgentClient<Channel> {
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(hyper_util::rt::TokioIo::new) }
    });
    AgentClient::new(Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap())
}

fn request(image: &str) -> ProbeRequest {
    ProbeRequest { image: image.to_owned(), timeout_ms: 10_000, ..ProbeRequest::default() }
}

fn login(password: &str) -> Credential {
    let login = Login { user: "ci-robot".to_owned(), password: password.to_owned() };
    Credential { source: "--username".to_owned(), kind: Some(Kind::Login(login)) }
}

/// Everything that comes back, the report last.
async fn probed(client: &mut AgentClient<Channel>, request: ProbeRequest) -> (usize, Value) {
    let mut updates = client.probe(request).await.unwrap().into_inner();
    let mut progress = 0;
    loop {
        match updates.message().await.unwrap().expect("a report at the end").update.unwrap() {
            Update::Progress(_) => progress += 1,
            Update::ReportJson(json) => {
                assert!(!json.contains("c0rrect-horse") && !json.contains('\n'), "{json}");
                assert!(updates.message().await.unwrap().is_none(), "nothing comes after the report");
                return (progress, serde_json::from_str(&json).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn a_callers_login_serves_the_callers_question_and_only_root_reads_its_user() {
    let world = World::from_toml("agent", WORLD).await.unwrap();
    let (root, port) = (root_of(&world), world.addr("main").unwrap().port());
    for uid in [ROOT, SOMEBODY] {
        let service = AgentService::new(settings(root.path()), nobody(), Memory::default(), closed());
        let (mut client, _folder) = client(service, uid).await;
        let credentials = vec![login("c0rrect-horse")];
        let image = format!("localhost:{port}/team/api:1");
        let (progress, report) = probed(&mut client, ProbeRequest { credentials, ..request(&image) }).await;
        assert!(progress > 0, "it is told that it has begun");
        assert_eq!((&report["verdict"], &report["examinedBy"]), (&"pullable".into(), &"agent".into()), "{report}");
        assert_eq!(report["credentials"][0]["outcome"], "accepted");
        assert_eq!(report["credentials"][0]["user"].as_str(), (uid == ROOT).then_some("ci-robot"));
        assert_eq!(report["pull"]["attempted"], false);
        let (_, stranger) = probed(&mut client, request(&image)).await;
        assert_eq!(stranger["verdict"], "failing", "the login of one question is gone with it: {stranger}");
    }
}

#[tokio::test]
async fn new_settings_count_from_the_next_question_on() {
    let world = World::from_toml("agent", WORLD).await.unwrap();
    let (root, port) = (root_of(&world), world.addr("main").unwrap().port());
    let strange = tempfile::tempdir().unwrap();
    let (tell, told) = watch::channel(settings(strange.path()).borrow().clone());
    let (mut client, _folder) = client(AgentService::new(told, nobody(), Memory::default(), closed()), ROOT).await;
    let image = format!("localhost:{port}/team/public:1");
    let asked = || ProbeRequest { credentials: vec![login("c0rrect-horse")], ..request(&image) };
    let (_, before) = probed(&mut client, asked()).await;
    assert_eq!(before["verdict"], "failing", "whoever signed for the registry is not trusted there: {before}");
    tell.send_replace(settings(root.path()).borrow().clone());
    let (_, after) = probed(&mut client, asked()).await;
    assert_eq!(after["verdict"], "pullable", "{after}");
}

#[tokio::test]
async fn a_user_has_one_question_at_a_time_and_takes_it_back_by_going() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = tempfile::tempdir().unwrap();
    let service = AgentService::new(settings(root.path()), nobody(), Memory::default(), closed());
    let (mut client, _folder) = client(service, SOMEBODY).await;
    let image = format!("127.0.0.1:{}/a:1", silent.local_addr().unwrap().port());
    let updates = client.probe(request(&image)).await.unwrap();
    let (mut connection, _) = silent.accept().await.unwrap();
    let refused = client.probe(request(&image)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused}");
    drop(updates);
    let mut asked = Vec::new();
    // It ends because the agent gives up: nothing here ever answers.
    let _ = connection.read_to_end(&mut asked).await;
    assert!(client.probe(request(&image)).await.is_ok());
}

#[tokio::test]
async fn reports_are_for_everybody_and_users_for_root() {
    let memory = Memory::default();
    memory.remember(None, &fixtures::diagnosis("r.io/x:1"));
    let root = tempfile::tempdir().unwrap();
    for uid in [ROOT, SOMEBODY] {
        let service = AgentService::new(settings(root.path()), nobody(), memory.clone(), closed());
        let (mut client, _folder) = client(service, uid).await;
        let json = client.reports(ReportsRequest {}).await.unwrap().into_inner().reports_json;
        let list: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(list["schema"], "pullagent.dev/reports/v1");
        let rows = list["items"][0]["credentials"].as_array().unwrap();
        assert_eq!(rows.iter().any(|row| row["user"].is_string()), uid == ROOT, "{json}");
    }
}

#[tokio::test]
async fn nobody_is_answered_without_the_kernels_word() {
    let root = tempfile::tempdir().unwrap();
    let service = AgentService::new(settings(root.path()), nobody(), Memory::default(), closed());
    let refused = service.reports(Request::new(ReportsRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
}

#[tokio::test]
async fn a_pod_is_asked_about_where_it_is_and_with_its_own_secrets() {
    let (api, world) = tokio::join!(KubeApi::start(), World::from_toml("agent", WORLD));
    let (api, world) = (api.expect("the API server starts; `tests/setup` builds it"), world.unwrap());
    let (root, port) = (root_of(&world), world.addr("main").unwrap().port());
    let config = format!(r#"{{"auths":{{"localhost:{port}":{{"username":"ci-robot","password":"c0rrect-horse"}}}}}}"#);
    let secret = serde_json::json!({ "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": { "name": "pull", "namespace": "shop" }, "stringData": { ".dockerconfigjson": config } });
    api.create_namespace("shop").await.unwrap();
    api.apply(&format!("---\n{secret}\n")).await.unwrap();
    let image = format!("localhost:{port}/team/api:1");
    for node in ["node-1", "node-2"] {
        api.create_node(node).await.unwrap();
        let pod = Pod::new(node, "shop", &format!("web-{node}")).container("app", &image).pull_secret("pull");
        api.create_pod(&pod).await.unwrap();
        let said = format!("failed to pull and unpack image \"{image}\": not found");
        api.pod_waiting(&pod, &[Waiting::pull_failed("app", &said)]).await.unwrap();
    }
    let kubeconfig = root.path().join("kubeconfig");
    std::fs::write(&kubeconfig, api.admin().kubeconfig()).unwrap();
    let settings = settings(root.path());
    let arguments = KubeArguments { kubeconfig: Some(kubeconfig), ..KubeArguments::default() };
    let cluster = Arc::new(open(&arguments, &settings.borrow().clone()).await.unwrap());
    // One repeat an hour is allowed to this namespace.
    let desk = desk(schedule::Limits { per_namespace: 2, ..schedule::Limits::default() });
    let memory = Memory::default();
    let service = AgentService::new(settings, watch::channel(Some(cluster)).1, memory.clone(), desk);
    let (mut client, _folder) = client(service, SOMEBODY).await;
    let about = |pod: &str| WhyRequest { namespace: "shop".to_owned(), pod: pod.to_owned() };
    let reply = client.why(about("web-node-1")).await.unwrap().into_inner();
    assert_eq!((reply.report_json.len(), reply.waiting_json.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&reply.report_json[0]).unwrap();
    assert_eq!((&report["examinedBy"], &report["pod"]["name"]), (&"agent".into(), &"web-node-1".into()), "{report}");
    let row = &report["credentials"][0];
    assert_eq!((&row["outcome"], &row["user"], &row["key"]), (&"accepted".into(), &Value::Null, &Value::Null));
    assert!(!reply.report_json[0].contains("ci-robot") && !reply.report_json[0].contains("c0rrect-horse"));
    // The second question is answered with what is known: the kubelet's words, or what was remembered.
    let found: Diagnosis = serde_json::from_str(&reply.report_json[0]).unwrap();
    for told in ["everything but the kubelet's words", "anything since then"] {
        let reply = client.why(about("web-node-1")).await.unwrap().into_inner();
        let report: Value = serde_json::from_str(&reply.report_json[0]).unwrap();
        let note = &report["notChecked"][0];
        assert_eq!(note["what"], told, "{report}");
        assert!(note["why"].as_str().unwrap().contains("namespace shop has had its examinations"), "{note}");
        let name = PodName { namespace: "shop".to_owned(), name: "web-node-1".to_owned() };
        memory.remember(Some(&name), &found);
    }
    for pod in ["web-node-2", "none"] {
        let refused = client.why(about(pod)).await.unwrap_err();
        let said = (refused.code(), refused.message().to_owned());
        assert_eq!(said, (tonic::Code::NotFound, format!("this node has no pod shop/{pod}")));
    }
    let refused = client.why(about("../secrets")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}
