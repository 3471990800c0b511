//! Exchanges with a scripted SOCKS5 proxy: byte for byte what is sent, and what each answer comes to.

use std::io;
use std::time::Duration;

use pullagent_diagnosis::config::proxy_env::ProxyUrl;
use tokio::io::duplex;

use super::*;

fn limits() -> Limits {
    Limits { handshake: Duration::from_secs(20), ..Limits::default() }
}

fn login(user_info: &str) -> Option<Secret<ProxyCredentials>> {
    ProxyUrl::parse(&format!("socks5://{user_info}@proxy")).unwrap().credentials().cloned()
}

/// A proxy that says each answer after it has read as many bytes as stand before it, and closes.
async fn scripted(host: &str, user_info: Option<&str>, script: &[(usize, &[u8])]) -> (ProxyEvidence, Vec<u8>) {
    let (ours, mut theirs) = duplex(1024);
    let login = user_info.and_then(login);
    let limits = limits();
    let asking = connect(ours, host, 5000, login.as_ref(), &limits);
    let answering = async move {
        let mut read = Vec::new();
        for (length, answer) in script {
            let mut message = vec![0; *length];
            theirs.read_exact(&mut message).await?;
            read.extend(message);
            theirs.write_all(answer).await?;
        }
        io::Result::Ok(read)
    };
    let ((evidence, _), read) = tokio::join!(asking, answering);
    (evidence, read.unwrap())
}

/// With the greeting answered and this reply to CONNECT.
async fn replied(reply: &[u8]) -> ProxyOutcome {
    scripted("a.io", None, &[(3, &[5, 0]), (11, reply)]).await.0.outcome
}

#[tokio::test]
async fn the_name_goes_to_the_proxy_unresolved() {
    let answer: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 4, 56];
    let (evidence, read) = scripted("registry.test", None, &[(3, &[5, 0]), (20, answer)]).await;
    assert_eq!((evidence.outcome, evidence.status), (ProxyOutcome::Ok, None));
    assert_eq!(read, [&[5, 1, 0, 5, 1, 0, 3, 13], "registry.test".as_bytes(), &[0x13, 0x88]].concat());
}

#[tokio::test]
async fn addresses_go_as_addresses() {
    let answer: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 4, 56];
    let (_, read) = scripted("10.0.0.9", None, &[(3, &[5, 0]), (10, answer)]).await;
    assert_eq!(read[3..], [5, 1, 0, 1, 10, 0, 0, 9, 0x13, 0x88]);
    let (_, read) = scripted("fd00::1", None, &[(3, &[5, 0]), (22, answer)]).await;
    assert_eq!(read[3..], [5, 1, 0, 4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x13, 0x88]);
}

#[tokio::test]
async fn the_tunnel_begins_right_behind_the_reply_whatever_address_it_holds() {
    let address_kinds: [&[u8]; 3] =
        [&[1, 9, 9, 9, 9, 0, 1], &[3, 2, b'a', b'b', 0, 1], &[4, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 1]];
    for address in address_kinds {
        let (ours, mut theirs) = duplex(1024);
        theirs.write_all(&[&[5, 0, 5, 0, 0], address, b"first"].concat()).await.unwrap();
        let (evidence, tunnel) = connect(ours, "a.io", 443, None, &limits()).await;
        let mut first = [0; 5];
        tunnel.unwrap().read_exact(&mut first).await.unwrap();
        assert_eq!((evidence.outcome, &first), (ProxyOutcome::Ok, b"first"));
    }
}

#[tokio::test]
async fn a_login_is_sent_only_to_a_proxy_that_asks_for_it() {
    let script: &[(usize, &[u8])] = &[(4, &[5, 2]), (8, &[1, 0]), (11, &[5, 2, 0, 1])];
    let (evidence, read) = scripted("a.io", Some("bob:p%40"), script).await;
    assert_eq!(evidence.outcome, ProxyOutcome::SocksRefused { reply: SocksReply::NotAllowed });
    assert_eq!(read[..12], [5, 2, 0, 2, 1, 3, b'b', b'o', b'b', 2, b'p', b'@']);
    let (_, read) = scripted("a.io", Some("bob:p%40"), &[(4, &[5, 0]), (11, &[5, 2, 0, 1])]).await;
    assert_eq!(read[4..8], [5, 1, 0, 3]);
    let (_, read) = scripted("a.io", Some("bob"), &[(4, &[5, 2]), (6, &[1, 0]), (11, &[5, 2, 0, 1])]).await;
    assert_eq!(read[4..10], [1, 3, b'b', b'o', b'b', 0]);
}

#[tokio::test]
async fn a_login_founders_in_several_ways() {
    let outcome = async |user_info, script| scripted("a.io", user_info, script).await.0.outcome;
    assert_eq!(outcome(Some("u:p"), &[(4, &[5, 2]), (5, &[1, 1])]).await, refused(SocksLogin::Rejected));
    assert_eq!(outcome(None, &[(3, &[5, 0xff])]).await, refused(SocksLogin::Missing));
    assert_eq!(outcome(None, &[(3, &[5, 2])]).await, refused(SocksLogin::Missing));
    assert_eq!(outcome(Some("u:p"), &[(4, &[5, 0xff])]).await, refused(SocksLogin::NoCommonMethod));
    assert_eq!(outcome(Some("u:p"), &[(4, &[5, 1])]).await, refused(SocksLogin::NoCommonMethod));
    assert_eq!(outcome(Some(":p"), &[(4, &[5, 2])]).await, refused(SocksLogin::Unsendable));
    let long = format!("u:{}", "p".repeat(256));
    assert_eq!(outcome(Some(&long), &[(4, &[5, 2])]).await, refused(SocksLogin::Unsendable));
    assert_eq!(outcome(Some("u:p"), &[(4, &[5, 2]), (5, &[5, 0])]).await, ProxyOutcome::NotSocks);
}

#[tokio::test]
async fn every_reply_has_its_name() {
    for (number, reply) in [
        (1, SocksReply::GeneralFailure),
        (2, SocksReply::NotAllowed),
        (3, SocksReply::NetworkUnreachable),
        (4, SocksReply::HostUnreachable),
        (5, SocksReply::ConnectionRefused),
        (6, SocksReply::TtlExpired),
        (7, SocksReply::CommandNotSupported),
        (8, SocksReply::AddressTypeNotSupported),
        (9, SocksReply::Unassigned { number: 9 }),
        (255, SocksReply::Unassigned { number: 255 }),
    ] {
        // A refusal often ends before its address.
        assert_eq!(replied(&[5, number, 0, 1]).await, ProxyOutcome::SocksRefused { reply });
    }
}

#[tokio::test]
async fn what_is_no_socks_is_told_as_such() {
    let greeted = async |answer: &[u8]| scripted("a.io", None, &[(3, answer)]).await.0.outcome;
    assert_eq!(greeted(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, ProxyOutcome::NotSocks);
    assert_eq!(greeted(b"SSH-2.0-OpenSSH_9.6\r\n").await, ProxyOutcome::NotSocks);
    assert_eq!(greeted(&[4, 0x5a]).await, ProxyOutcome::NotSocks);
    assert_eq!(replied(b"HTTP").await, ProxyOutcome::NotSocks);
    assert_eq!(replied(&[5, 0, 1, 1, 0, 0, 0, 0, 0, 0]).await, ProxyOutcome::NotSocks);
    assert_eq!(replied(&[5, 0, 0, 9, 0, 0, 0, 0, 0, 0]).await, ProxyOutcome::NotSocks);
}

#[tokio::test]
async fn the_end_is_told_from_silence() {
    let closed = broken(StreamFailure::Closed);
    assert_eq!(scripted("a.io", None, &[(3, &[])]).await.0.outcome, closed);
    assert_eq!(scripted("a.io", None, &[(3, &[5])]).await.0.outcome, closed);
    assert_eq!(replied(&[5, 0, 0, 3, 200, 0]).await, closed);
    let (ours, _theirs) = duplex(1024);
    let limits = Limits { handshake: Duration::from_millis(20), ..Limits::default() };
    let (evidence, tunnel) = connect(ours, "a.io", 443, None, &limits).await;
    assert_eq!(evidence.outcome, broken(StreamFailure::Timeout));
    assert!(tunnel.is_none());
}

#[tokio::test]
async fn a_name_that_no_message_can_hold_is_not_sent() {
    let (evidence, _) = connect(duplex(1).0, &"a".repeat(256), 443, None, &limits()).await;
    assert!(matches!(evidence.outcome, ProxyOutcome::Broken { failure: StreamFailure::Failed { .. } }));
}
