//! What is sent to an agent, and what is made of one that does not answer as it should.

use tokio::net::UnixListener;

use super::*;

fn socket(path: &Path) -> Socket {
    Socket { path: path.to_owned(), group: "pullagent".to_owned() }
}

#[test]
fn only_the_callers_own_logins_are_sent() {
    let config =
        |text: &str| GivenCredential::DockerConfig { source: "c.json".to_owned(), text: text.to_owned().into() };
    let case = Case {
        image: "r.io/a:1".to_owned(),
        platform: Some("linux/arm64".parse().unwrap()),
        credentials: vec![
            GivenCredential::NodeFile { path: "/root/.docker/config.json".to_owned(), logins: Vec::new() },
            config("{}"),
        ],
        ..Case::default()
    };
    let request = request(&case, Pull::Never, Duration::from_millis(1500));
    let sources: Vec<&str> = request.credentials.iter().map(|credential| credential.source.as_str()).collect();
    assert_eq!(sources, ["c.json"]);
    assert_eq!((request.platform.as_deref(), request.timeout_ms), (Some("linux/arm64"), 1500));
    assert_eq!((request.pull(), request.anonymous), (Pull::Never, false));
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let error = AgentClient::connect(&socket(&path)).await.unwrap_err();
    assert!(matches!(error, Unanswered::Absent(_)), "{error}");
    drop(UnixListener::bind(&path).unwrap());
    let error = AgentClient::connect(&socket(&path)).await.unwrap_err();
    assert!(matches!(error, Unanswered::Absent(_)), "{error}");
}

#[tokio::test]
async fn an_agent_that_hangs_up_is_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    let error = match AgentClient::connect(&socket(&path)).await {
        Ok(agent) => {
            let case = Case { image: "r.io/a:1".to_owned(), ..Case::default() };
            agent.probe(&case, Pull::Auto, Duration::from_secs(1), |_| {}).await.unwrap_err()
        }
        Err(error) => error,
    };
    assert!(matches!(error, Unanswered::Absent(_) | Unanswered::Refused(_)), "{error}");
}
