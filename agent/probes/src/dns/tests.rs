//! Resolutions against name servers on loopback that answer by script.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use pullagent_diagnosis::config::hosts_file::parse_hosts;
use pullagent_diagnosis::config::resolv_conf::parse_resolv_conf;
use pullagent_diagnosis::layer::dns::ServerFault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::task::JoinSet;

use super::*;

/// Long enough for any answer on loopback; only silence ever uses it up.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

/// What a server does with a question; for names it does not know it says `NXDOMAIN`.
#[derive(Clone)]
enum Script {
    Address(&'static str),
    /// By way of two aliases.
    Alias(&'static str),
    Empty,
    Code(ResponseCode),
    Silence,
    /// No answer, no authority, no recursion.
    Lame,
    Unparsable,
    /// Answers to other questions come first.
    AfterGarbage(&'static str),
    /// The address comes over TCP only.
    Truncated(&'static str),
    /// Truncated, and TCP closes without a word.
    TruncatedForNothing,
    /// The first question is lost.
    SecondTime(&'static str),
    /// Answered when a name of the search list is asked for.
    AfterNext(&'static str),
}

type Scripts = HashMap<(&'static str, RecordType), Script>;

/// A name server; gone when dropped.
struct Server {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

async fn serve(rows: &[(&'static str, Script, Script)]) -> Server {
    let mut scripts = Scripts::new();
    for (name, ipv4, ipv6) in rows {
        scripts.insert((name, RecordType::A), ipv4.clone());
        scripts.insert((name, RecordType::AAAA), ipv6.clone());
    }
    let scripts = Arc::new(scripts);
    let (udp, tcp) = bind_both().await;
    let address = udp.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_udp(udp, Arc::clone(&scripts)));
    tasks.spawn(serve_tcp(tcp, scripts));
    Server { address, _tasks: tasks }
}

/// The same port for both; another may hold it for one of them.
async fn bind_both() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: UdpSocket, scripts: Arc<Scripts>) {
    let mut buffer = [0; 1500];
    let mut seen = Vec::new();
    let mut held = Vec::new();
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let is_repeated = seen.contains(&(from, question.metadata.id));
        seen.push((from, question.metadata.id));
        match script(&scripts, &question) {
            Script::AfterNext(ip) => held.push((with_address(reply(&question), ip).to_vec().unwrap(), from)),
            script => {
                for datagram in datagrams(&question, &script, is_repeated) {
                    socket.send_to(&datagram, from).await.unwrap();
                }
                if question.queries[0].name().num_labels() > 2 {
                    for (datagram, to) in held.drain(..) {
                        socket.send_to(&datagram, to).await.unwrap();
                    }
                }
            }
        }
    }
}

async fn serve_tcp(listener: TcpListener, scripts: Arc<Scripts>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut bytes = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut bytes).await.unwrap();
        let question = Message::from_vec(&bytes).unwrap();
        let answer = match script(&scripts, &question) {
            Script::Truncated(ip) | Script::Address(ip) => with_address(reply(&question), ip),
            Script::Empty => reply(&question),
            _ => continue,
        };
        let bytes = answer.to_vec().unwrap();
        stream.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    }
}

fn script(scripts: &Scripts, question: &Message) -> Script {
    assert!(question.metadata.recursion_desired);
    assert_eq!(question.max_payload(), 1232);
    let query = &question.queries[0];
    let name = query.name().to_ascii();
    let script = scripts.iter().find(|((known, kind), _)| *known == name && *kind == query.query_type());
    script.map_or(Script::Code(ResponseCode::NXDomain), |(_, script)| script.clone())
}

fn datagrams(question: &Message, script: &Script, is_repeated: bool) -> Vec<Vec<u8>> {
    let mut answer = reply(question);
    let mut datagrams = Vec::new();
    match script {
        Script::Silence | Script::AfterNext(_) => return datagrams,
        Script::SecondTime(_) if !is_repeated => return datagrams,
        Script::Address(ip) | Script::SecondTime(ip) => answer = with_address(answer, ip),
        Script::Alias(ip) => {
            answer = with_address(answer, ip);
            answer.answers[0].name = name("c.example.");
            let alias = |from, to| Record::from_rdata(name(from), 60, RData::CNAME(CNAME(name(to))));
            answer.answers.insert(0, alias("reg.example.", "b.example."));
            answer.answers.insert(1, alias("b.example.", "c.example."));
        }
        Script::Empty => {}
        Script::Code(code) => answer.metadata.response_code = *code,
        Script::Lame => answer.metadata.recursion_available = false,
        Script::Unparsable => {
            let mut bytes = with_address(answer, "192.0.2.1").to_vec().unwrap();
            bytes.truncate(bytes.len() - 2);
            return vec![bytes];
        }
        Script::AfterGarbage(ip) => {
            let mut stranger = with_address(reply(question), "203.0.113.1");
            stranger.metadata.id = stranger.metadata.id.wrapping_add(1);
            datagrams.push(stranger.to_vec().unwrap());
            let mut other_name = with_address(reply(question), "203.0.113.1");
            other_name.queries[0].set_name(name("other.example."));
            datagrams.push(other_name.to_vec().unwrap());
            datagrams.push(question.to_vec().unwrap());
            datagrams.push(b"no message".to_vec());
            datagrams.push(Vec::new());
            answer = with_address(answer, ip);
        }
        Script::Truncated(_) | Script::TruncatedForNothing => answer.metadata.truncation = true,
    }
    datagrams.push(answer.to_vec().unwrap());
    datagrams
}

fn reply(question: &Message) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_available = true;
    answer.queries.clone_from(&question.queries);
    answer
}

fn with_address(mut answer: Message, ip: &str) -> Message {
    let data = match ip.parse().unwrap() {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    answer.add_answer(Record::from_rdata(answer.queries[0].name().clone(), 60, data));
    answer
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// A port that nobody answers on, and that nobody else gets: bound for TCP without listening, and for UDP by a socket
/// that is connected elsewhere.
struct Closed {
    address: SocketAddr,
    _bound: (TcpSocket, UdpSocket),
}

async fn closed() -> Closed {
    loop {
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = tcp.local_addr().unwrap();
        if let Ok(udp) = UdpSocket::bind(address).await {
            udp.connect((Ipv4Addr::LOCALHOST, 9)).await.unwrap();
            return Closed { address, _bound: (tcp, udp) };
        }
    }
}

fn resolver(servers: &[SocketAddr], resolv_conf: &str) -> Resolver {
    Resolver { servers: servers.to_vec(), ..parse_resolv_conf(resolv_conf, "", |_| None) }
}

async fn evidence(resolver: &Resolver, dns: Duration) -> DnsEvidence {
    let limits = Limits { dns, ..Limits::default() };
    let resolution = resolve("reg.example", resolver, &Hosts::default(), &limits).await;
    resolution.finish(Instant::now() + LONG).await
}

/// The outcome with one server that answers `A` so and has no `AAAA`.
async fn outcome(script: Script, dns: Duration) -> DnsOutcome {
    let server = serve(&[("reg.example.", script, Script::Empty)]).await;
    evidence(&resolver(&[server.address], ""), dns).await.outcome
}

fn ok(ips: &[&str]) -> DnsOutcome {
    DnsOutcome::Ok { addresses: ips.iter().map(|ip| ip.parse().unwrap()).collect(), source: NameSource::Dns }
}

#[tokio::test]
async fn an_address_stands_for_itself() {
    let closed = closed().await;
    let nobody = resolver(&[closed.address], "");
    for (host, ip) in [("192.0.2.1", "192.0.2.1"), ("[2001:db8::1]", "2001:db8::1"), ("2001:db8::1", "2001:db8::1")] {
        let resolution = resolve(host, &nobody, &Hosts::default(), &Limits::default()).await;
        assert_eq!(resolution.addresses(), [ip.parse::<IpAddr>().unwrap()]);
        let evidence = resolution.finish(Instant::now() + LONG).await;
        assert!(matches!(evidence.outcome, DnsOutcome::Ok { source: NameSource::Literal, .. }));
        assert_eq!((evidence.queries.len(), evidence.servers.len()), (0, 0));
    }
}

#[tokio::test]
async fn the_hosts_file_comes_before_the_servers() {
    let hosts = parse_hosts("127.0.0.1 reg.example");
    let closed = closed().await;
    let nobody = resolver(&[closed.address], "");
    let resolution = resolve("REG.example", &nobody, &hosts, &Limits::default()).await;
    assert_eq!(resolution.addresses(), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    assert!(matches!(resolution.outcome(), DnsOutcome::Ok { source: NameSource::HostsFile, .. }));
}

#[tokio::test]
async fn both_families_are_asked() {
    let server = serve(&[("reg.example.", Script::Address("127.0.0.2"), Script::Address("::1"))]).await;
    let evidence = evidence(&resolver(&[server.address], ""), LONG).await;
    let DnsOutcome::Ok { mut addresses, .. } = evidence.outcome else { panic!("{evidence:?}") };
    addresses.sort();
    assert_eq!(addresses, ["127.0.0.2".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
    let asked: Vec<_> = evidence.queries.iter().map(|query| (query.name.as_str(), query.family)).collect();
    assert_eq!(asked, [("reg.example.", Family::Ipv4), ("reg.example.", Family::Ipv6)]);
}

#[tokio::test]
async fn one_family_is_enough() {
    assert_eq!(outcome(Script::Address("192.0.2.1"), LONG).await, ok(&["192.0.2.1"]));
}

#[tokio::test]
async fn aliases_are_followed_within_the_answer() {
    assert_eq!(outcome(Script::Alias("192.0.2.1"), LONG).await, ok(&["192.0.2.1"]));
}

#[tokio::test]
async fn a_name_without_addresses_is_not_found() {
    assert_eq!(outcome(Script::Empty, LONG).await, DnsOutcome::NameNotFound);
    assert_eq!(outcome(Script::Code(ResponseCode::NXDomain), LONG).await, DnsOutcome::NameNotFound);
}

#[tokio::test]
async fn a_failing_server_is_named_with_its_answer() {
    let unusable = |why: &str| ServerFault::Unusable { why: why.to_owned() };
    for (script, expected) in [
        (Script::Code(ResponseCode::ServFail), ServerFault::ServFail),
        (Script::Code(ResponseCode::Refused), ServerFault::Refused),
        (Script::Code(ResponseCode::FormErr), unusable("response code FORMERR")),
        (Script::Lame, unusable("lame referral")),
        (Script::Unparsable, unusable("cannot be parsed")),
        (Script::TruncatedForNothing, unusable("connection closed without an answer")),
    ] {
        let server = serve(&[("reg.example.", script, Script::Empty)]).await;
        let outcome = evidence(&resolver(&[server.address], ""), LONG).await.outcome;
        assert_eq!(outcome, DnsOutcome::ServerFailure { server: server.address, fault: expected });
    }
}

#[tokio::test]
async fn a_closed_port_is_seen_at_once() {
    let closed = closed().await;
    let server = closed.address;
    let why = "connection refused".to_owned();
    let expected = DnsOutcome::ServerFailure { server, fault: ServerFault::Unreachable { why } };
    assert_eq!(evidence(&resolver(&[server], ""), LONG).await.outcome, expected);
    assert_eq!(evidence(&resolver(&[server], "options use-vc"), LONG).await.outcome, expected);
}

#[tokio::test]
async fn silence_ends_at_the_limit() {
    let server = serve(&[("reg.example.", Script::Silence, Script::Silence)]).await;
    let evidence = evidence(&resolver(&[server.address], ""), SHORT).await;
    assert_eq!(evidence.outcome, DnsOutcome::Timeout);
    assert_eq!(evidence.servers[0].answer, DnsAnswer::Timeout);
}

#[tokio::test]
async fn one_lost_packet_is_no_silence() {
    assert_eq!(outcome(Script::SecondTime("192.0.2.1"), Duration::from_secs(2)).await, ok(&["192.0.2.1"]));
}

#[tokio::test]
async fn strangers_answers_are_ignored() {
    assert_eq!(outcome(Script::AfterGarbage("192.0.2.1"), LONG).await, ok(&["192.0.2.1"]));
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let server = serve(&[("reg.example.", Script::Truncated("192.0.2.1"), Script::Empty)]).await;
    let evidence = evidence(&resolver(&[server.address], ""), LONG).await;
    assert_eq!(evidence.outcome, ok(&["192.0.2.1"]));
    assert_eq!(evidence.queries.iter().map(|query| query.tcp).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn tcp_can_be_asked_for() {
    // Over UDP this server would be silent.
    let server = serve(&[("reg.example.", Script::Address("192.0.2.1"), Script::Empty)]).await;
    let evidence = evidence(&resolver(&[server.address], "options use-vc"), LONG).await;
    assert_eq!(evidence.outcome, ok(&["192.0.2.1"]));
    assert!(evidence.queries.iter().all(|query| query.tcp));
}

#[tokio::test]
async fn the_second_server_is_not_believed_when_the_first_knows_of_no_such_name() {
    let first = serve(&[]).await;
    let second = serve(&[("reg.example.", Script::Address("192.0.2.2"), Script::Empty)]).await;
    let evidence = evidence(&resolver(&[first.address, second.address], ""), LONG).await;
    assert_eq!(evidence.outcome, DnsOutcome::NameNotFound);
    let answers: Vec<_> = evidence.servers.iter().map(|server| &server.answer).collect();
    assert_eq!(answers, [&DnsAnswer::NoSuchName, &DnsAnswer::Ok { addresses: vec!["192.0.2.2".parse().unwrap()] }]);
}

#[tokio::test]
async fn the_second_server_serves_when_the_first_fails() {
    let first =
        serve(&[("reg.example.", Script::Code(ResponseCode::ServFail), Script::Code(ResponseCode::Refused))]).await;
    let second = serve(&[("reg.example.", Script::Address("192.0.2.2"), Script::Empty)]).await;
    let closed = closed().await;
    for first in [first.address, closed.address] {
        let outcome = evidence(&resolver(&[first, second.address], ""), LONG).await.outcome;
        assert_eq!(outcome, ok(&["192.0.2.2"]));
    }
}

#[tokio::test]
async fn the_second_server_serves_when_the_first_is_silent() {
    let first = serve(&[("reg.example.", Script::Silence, Script::Silence)]).await;
    let second = serve(&[("reg.example.", Script::Address("192.0.2.2"), Script::Empty)]).await;
    let evidence = evidence(&resolver(&[first.address, second.address], ""), SHORT).await;
    assert_eq!(evidence.outcome, ok(&["192.0.2.2"]));
    assert_eq!(evidence.servers[0].answer, DnsAnswer::Timeout);
}

#[tokio::test]
async fn a_silent_second_server_is_not_waited_for() {
    let first = serve(&[("reg.example.", Script::Address("192.0.2.1"), Script::Empty)]).await;
    let second = serve(&[("reg.example.", Script::Silence, Script::Silence)]).await;
    let limits = Limits { dns: LONG, ..Limits::default() };
    let both = resolver(&[first.address, second.address], "");
    let resolution = resolve("reg.example", &both, &Hosts::default(), &limits).await;
    assert_eq!(resolution.addresses(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    let evidence = resolution.finish(Instant::now()).await;
    assert_eq!(evidence.servers[1].answer, DnsAnswer::NotWaitedFor);
}

#[tokio::test]
async fn the_search_list_is_walked() {
    let server = serve(&[("reg.example.b.", Script::Address("192.0.2.1"), Script::Empty)]).await;
    let evidence = evidence(&resolver(&[server.address], "search a b c"), LONG).await;
    assert_eq!((evidence.outcome, evidence.name.as_deref()), (ok(&["192.0.2.1"]), Some("reg.example.b.")));
    let names: Vec<_> = evidence.queries.iter().step_by(2).map(|query| query.name.as_str()).collect();
    assert_eq!(names, ["reg.example.", "reg.example.a.", "reg.example.b."]);
}

#[tokio::test]
async fn silence_about_one_name_leaves_time_for_the_next() {
    let server = serve(&[
        ("reg.example.", Script::Silence, Script::Silence),
        ("reg.example.b.", Script::Address("192.0.2.1"), Script::Empty),
    ])
    .await;
    let found = evidence(&resolver(&[server.address], "search a b"), SHORT).await;
    assert_eq!((found.outcome, found.name.as_deref()), (ok(&["192.0.2.1"]), Some("reg.example.b.")));
    let lost = evidence(&resolver(&[server.address], "search a"), SHORT).await;
    assert_eq!((lost.outcome, lost.name), (DnsOutcome::Timeout, None));
}

#[tokio::test]
async fn one_lost_packet_is_no_silence_where_a_search_list_shares_the_time() {
    let server = serve(&[("reg.example.", Script::SecondTime("192.0.2.1"), Script::Empty)]).await;
    let evidence = evidence(&resolver(&[server.address], "search a"), Duration::from_secs(2)).await;
    assert_eq!(evidence.outcome, ok(&["192.0.2.1"]));
    assert!(evidence.queries.iter().all(|query| query.name == "reg.example."), "{evidence:?}");
}

#[tokio::test]
async fn an_answer_after_its_names_share_still_counts() {
    let server = serve(&[("reg.example.", Script::AfterNext("192.0.2.1"), Script::Empty)]).await;
    let evidence = evidence(&resolver(&[server.address], "search a"), Duration::from_secs(1)).await;
    assert_eq!((evidence.outcome, evidence.name), (ok(&["192.0.2.1"]), None));
    assert!(evidence.queries.iter().any(|query| query.name == "reg.example.a."));
}

#[tokio::test]
async fn what_cannot_be_encoded_is_not_asked() {
    let server = serve(&[]).await;
    let label = "x".repeat(64);
    let evidence = evidence(&resolver(&[server.address], &format!("search {label} a..b")), LONG).await;
    assert_eq!(evidence.outcome, DnsOutcome::NameNotFound);
    assert!(matches!(evidence.queries[2].answer, DnsAnswer::Unusable { .. }), "{evidence:?}");
}
