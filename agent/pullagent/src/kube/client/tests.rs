//! A client against a server that is none of Kubernetes: it shows what arrives, and answers as it is told.

use std::fs;
use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pullagent_diagnosis::not_checked::NotChecked;

use super::super::identity::{Asked, Surroundings, choose};
use super::super::pods::get_pod;
use super::*;

/// A pod whose uid is what the request said of itself.
async fn answer(request: Request) -> Response {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    let status = |code: u16| {
        let body =
            serde_json::json!({ "kind": "Status", "status": "Failure", "code": code, "message": "m", "reason": "r" });
        (StatusCode::from_u16(code).unwrap(), body.to_string()).into_response()
    };
    match request.uri().path() {
        "/api/v1/namespaces/prod/pods/absent" => status(404),
        "/api/v1/namespaces/prod/pods/forbidden" => status(403),
        "/api/v1/namespaces/prod/pods/expired" => status(401),
        "/api/v1/namespaces/prod/pods/nonsense" => "hunter2".into_response(),
        "/api/v1/namespaces/prod/pods/silent" => std::future::pending().await,
        _ => {
            let uid = format!("{} {}", header("authorization"), header("user-agent"));
            serde_json::json!({ "metadata": { "uid": uid } }).to_string().into_response()
        }
    }
}

/// Where such a server is.
async fn server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}")
}

/// A cluster of somebody whose token is in the file `token` of this folder.
async fn cluster(folder: &Path, server: &str) -> Result<Cluster, KubeError> {
    let config = format!(
        "current-context: c\ncontexts: [ {{ name: c, context: {{ cluster: k, user: u, namespace: team }} }} ]\n\
         clusters: [ {{ name: k, cluster: {{ server: '{server}' }} }} ]\nusers: [ {{ name: u, user: {{ tokenFile: token }} }} ]\n"
    );
    fs::write(folder.join("config"), config).unwrap();
    let asked = Asked { kubeconfig: Some(folder.join("config")), ..Asked::default() };
    let around =
        Surroundings { host_root: folder.to_owned(), pod: None, own: Vec::new(), kubelet: Ok(None), is_root: false };
    Cluster::open(choose(&asked, &around)).await
}

fn write_token(folder: &Path, token: &str) {
    fs::write(folder.join("next"), token).unwrap();
    fs::rename(folder.join("next"), folder.join("token")).unwrap();
}

#[tokio::test]
async fn a_new_token_is_used_from_the_next_request_on() {
    let folder = tempfile::tempdir().unwrap();
    let says = async |cluster: &Cluster| get_pod(cluster, "prod", "web-0").await.unwrap().uid;
    write_token(folder.path(), "one\n");
    let cluster = cluster(folder.path(), &server().await).await.unwrap();
    let agent = concat!("pullagent/", env!("CARGO_PKG_VERSION"));
    assert_eq!(cluster.default_namespace().await, "team");
    assert_eq!(says(&cluster).await, format!("Bearer one {agent}"));
    write_token(folder.path(), "two");
    assert_eq!(says(&cluster).await, format!("Bearer two {agent}"));
    // Half-way through a rotation the old one is still better than none.
    fs::remove_file(folder.path().join("token")).unwrap();
    assert_eq!(says(&cluster).await, format!("Bearer two {agent}"));
    write_token(folder.path(), "three");
    assert_eq!(says(&cluster).await, format!("Bearer three {agent}"));
}

#[tokio::test]
async fn every_refusal_names_what_was_attempted() {
    let folder = tempfile::tempdir().unwrap();
    write_token(folder.path(), "hunter2");
    let server = server().await;
    let cluster = cluster(folder.path(), &server).await.unwrap();
    let check = async |pod: &str, want: &str| {
        let error = get_pod(&cluster, "prod", pod).await.unwrap_err().to_string();
        assert_eq!(error.replace(&server, "SERVER"), want);
    };
    check("absent", "there is no pod prod/absent").await;
    check(
        "forbidden",
        "context c may not get pod prod/forbidden; a role with this rule allows it: apiGroups: [\"\"], resources: \
         [\"pods\"], resourceNames: [\"forbidden\"], verbs: [\"get\"], in namespace prod",
    )
    .await;
    check("expired", "the API server at SERVER does not accept context c: its certificate or token may have expired")
        .await;
    check(
        "nonsense",
        "cannot get pod prod/nonsense: the API server answered 200 with something that is not what was asked for",
    )
    .await;
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    write_token(folder.path(), "t");
    let server = server().await;
    let mut cluster = cluster(folder.path(), &server).await.unwrap();
    cluster.deadline = Duration::from_secs(1);
    let error = get_pod(&cluster, "prod", "silent").await.unwrap_err();
    let want = format!("cannot get pod prod/silent: the API server at {server} did not answer within 1 s");
    assert_eq!(error.to_string(), want);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    write_token(folder.path(), "t");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let cluster = cluster(folder.path(), &server).await.unwrap();
    let error = get_pod(&cluster, "prod", "web-0").await.unwrap_err().to_string();
    let want = format!(
        "cannot get pod prod/web-0: the API server at {server} cannot be reached: Connection refused (os error 111)"
    );
    assert_eq!(error, want);
}

#[tokio::test]
async fn nobody_is_told_why() {
    let notes = vec![NotChecked::new("the API server", "the setting kubernetes.identity is none")];
    let identity = Identity { name: "nobody".to_owned(), how: How::Nobody, notes };
    let error = Cluster::open(identity).await.err().unwrap();
    assert_eq!(error.to_string(), "the API server is not asked: the setting kubernetes.identity is none");
}
