//! Debian's own servers as parts of a world; `tests/setup` installs them.

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};
use pullagent_testkit::world::World;
use tokio::net::TcpStream;

use crate::{
    dns::{over_udp, question},
    proxy::head_after,
};

const WORLD: &str = r#"
about = "a company that runs on Debian"
image = "registry.test:{main.port}/team/api:1"

[docker_registry.main]
host = "registry.test"
repository = [{ name = "team/api", tags = ["1"] }]

[squid.proxy]
host = "proxy.test"
allow = ["registry.test"]

[[resolver]]
dnsmasq = { domains = ["test"] }

[expect]
verdict = "pullable"
"#;

#[tokio::test]
async fn debians_servers_make_a_world() {
    let world = World::from_toml("debian.toml", WORLD).await.expect("a world; `tests/setup` installs its servers");
    let registry = world.addr("main").expect("a registry");
    assert_eq!(world.image(), format!("registry.test:{}/team/api:1", registry.port()));

    let said = async |target: &str| {
        let mut proxy = TcpStream::connect(world.addr("proxy").expect("a proxy")).await.expect("connect");
        head_after(&mut proxy, &format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await
    };
    // The proxy knows where the registry is, and reaches it.
    let head = said(&format!("registry.test:{}", registry.port())).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let head = said("other.test:443").await;
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("squid"), "{head}");

    let told = async |name: &str| {
        let answer = over_udp(world.resolvers()[0], &question(name, RecordType::A)).await;
        let answer = Message::from_vec(&answer).expect("a message");
        (answer.metadata.response_code, answer.answers.len())
    };
    assert_eq!(told("registry.test.").await, (ResponseCode::NoError, 1));
    assert_eq!(told("other.test.").await, (ResponseCode::NXDomain, 0));
    assert_eq!(told("registry.corp.").await, (ResponseCode::Refused, 0));
}
