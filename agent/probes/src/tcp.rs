//! Connecting to a host: every address is dialled and judged on its own, and the connection that Go would use is kept.
//!
//! Owns the sockets until one is handed on. What a failure means is `layer::transport` of the diagnosis.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nix::errno::Errno;
use pullagent_diagnosis::layer::transport::{AddressEvidence, ConnectEvidence, ConnectOutcome};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{Instant, timeout_at};

use crate::limits::{Limits, ms_since};
use crate::outstanding::Outstanding;
use crate::route::source_towards;
use crate::stream::system_word;

/// How much longer the first family may take than the second (Go net/dial.go `fallbackDelay`).
const FALLBACK_DELAY: Duration = Duration::from_millis(300);

/// How much longer an address may take than a later one of its family.
const PATIENCE: Duration = Duration::from_millis(50);

/// How many addresses of one family are dialled: the list comes from whoever owns the name.
const MAX_PER_FAMILY: usize = 12;

/// A host to which a connection was made or failed, while other addresses may still be dialled.
#[derive(Debug)]
pub struct Connection {
    /// The connection, with `TCP_NODELAY`; to be taken.
    pub stream: Option<TcpStream>,
    evidence: ConnectEvidence,
    dials: Dials,
}

impl Connection {
    /// How it ended.
    pub fn outcome(&self) -> &ConnectOutcome {
        &self.evidence.outcome
    }

    /// The address that is used. Not asked of the socket: one that was reset at once has none any more.
    pub fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.evidence.used?, self.evidence.port))
    }

    /// Why it is not contacted, if none of its addresses connected and at least one was not dialled for this.
    pub fn not_contacted(&self) -> Option<&str> {
        match &self.evidence.outcome {
            ConnectOutcome::NotContacted { why } => Some(why),
            _ => None,
        }
    }

    /// Waits for the other addresses, at most until then; what is missing then was not waited for.
    pub async fn finish(mut self, until: Instant) -> ConnectEvidence {
        while self.dials.next_outcome(until).await {}
        self.evidence.addresses = self.dials.close();
        self.evidence
    }
}

/// Dials a host's addresses, which are in order of preference, until `limits.connect`.
///
/// Go dials the addresses of the first one's family one after the other, and those of the other family beside them
/// 300 ms later or when the first family has failed; the first connection is used. We dial all at once, so that each
/// has an outcome, and use the first in order that connects: those before it get 50 ms more, and the first family its
/// 300 ms. That is the connection Go would come to, only sooner where addresses before it are silent. If none connects
/// the outcome is the first one's, as in Go.
///
/// Connections that are not used are closed at once. At most 12 addresses of a family are dialled.
///
/// `denied` says why an address is not contacted. It is asked for each address that would be dialled, and no name is
/// resolved in between; if such an address is among them and none connects, that is the outcome, for the runtime might
/// have come through there.
///
/// Source: Go net/dial.go `dialParallel`, `dialSerial`.
pub async fn connect(
    addresses: &[IpAddr],
    port: u16,
    limits: &Limits,
    denied: impl Fn(IpAddr) -> Option<String>,
) -> Connection {
    let mut dials = Dials::new(addresses, limits, denied);
    // What is sent when nobody receives any more is closed by its sender.
    let (sender, mut receiver) = channel(dials.addresses.len().max(1));
    dials.begin(port, &sender);
    let mut connected = BTreeMap::new();
    while let Some(until) = dials.decisive_until(connected.first_key_value()) {
        if !dials.next_outcome(until).await {
            break;
        }
        while let Ok(Connected { index, stream, ms }) = receiver.try_recv() {
            dials.record(index, ConnectOutcome::Ok, ms);
            connected.insert(index, (stream, Instant::now()));
        }
    }
    let used = connected.pop_first().map(|(index, (stream, _))| (index, stream));
    let evidence = ConnectEvidence {
        outcome: if used.is_some() { ConnectOutcome::Ok } else { dials.first_failure() },
        ms: ms_since(dials.start),
        used: used.as_ref().and_then(|(index, _)| Some(dials.addresses.get(*index)?.ip)),
        port,
        source: match &used {
            Some((_, stream)) => stream.local_addr().ok().map(|addr| addr.ip()),
            None => addresses.first().copied().and_then(source_towards),
        },
        addresses: Vec::new(),
    };
    Connection { stream: used.map(|(_, stream)| stream), evidence, dials }
}

/// A connection that one of the dials made.
#[derive(Debug)]
struct Connected {
    index: usize,
    stream: TcpStream,
    ms: u32,
}

/// Every dial to one host, and what is known of the outcomes.
#[derive(Debug)]
struct Dials {
    start: Instant,
    deadline: Instant,
    /// In dialling order, the first family first. `NotWaitedFor` until there is an outcome, which for an address that is
    /// not contacted there is from the beginning.
    addresses: Vec<AddressEvidence>,
    outstanding: Outstanding<(usize, ConnectOutcome, u32)>,
}

impl Dials {
    fn new(addresses: &[IpAddr], limits: &Limits, denied: impl Fn(IpAddr) -> Option<String>) -> Self {
        let is_fallback = |ip: &&IpAddr| addresses.first().is_some_and(|first| first.is_ipv4() != ip.is_ipv4());
        let primaries = addresses.iter().filter(|ip| !is_fallback(ip)).take(MAX_PER_FAMILY);
        let fallbacks = addresses.iter().filter(is_fallback).take(MAX_PER_FAMILY);
        let outcome = |ip| denied(ip).map_or(ConnectOutcome::NotWaitedFor, |why| ConnectOutcome::NotContacted { why });
        let address = |ip: &IpAddr| AddressEvidence { ip: *ip, outcome: outcome(*ip), ms: 0 };
        let addresses = primaries.chain(fallbacks).map(address).collect();
        let start = Instant::now();
        Self { start, deadline: start + limits.connect, addresses, outstanding: Outstanding::new() }
    }

    fn begin(&mut self, port: u16, connected: &Sender<Connected>) {
        let (start, deadline) = (self.start, self.deadline);
        let is_denied = |address: &AddressEvidence| matches!(address.outcome, ConnectOutcome::NotContacted { .. });
        for (index, address) in self.addresses.iter().enumerate().filter(|(_, address)| !is_denied(address)) {
            let (to, connected) = (SocketAddr::new(address.ip, port), connected.clone());
            self.outstanding.begin(async move {
                let outcome = match timeout_at(deadline, dial(to)).await {
                    Ok(Ok(stream)) => {
                        // Refused where another connection is already in use; this one is closed then.
                        let _ = connected.try_send(Connected { index, stream, ms: ms_since(start) });
                        ConnectOutcome::Ok
                    }
                    Ok(Err(error)) => failure(&error),
                    Err(_) => ConnectOutcome::Timeout,
                };
                (index, outcome, ms_since(start))
            });
        }
    }

    /// How long another address may still be preferred to the best connection so far; `None` if none can be.
    fn decisive_until(&self, best: Option<(&usize, &(TcpStream, Instant))>) -> Option<Instant> {
        let Some((&index, (_, since))) = best else { return Some(self.deadline) };
        let before =
            self.addresses.iter().take(index).find(|address| address.outcome == ConnectOutcome::NotWaitedFor)?;
        let is_other_family = self.addresses.get(index).is_some_and(|best| best.ip.is_ipv4() != before.ip.is_ipv4());
        let until = if is_other_family { self.start + FALLBACK_DELAY } else { *since + PATIENCE };
        Some(until.min(self.deadline))
    }

    /// Records an outcome; false if there was none until then.
    async fn next_outcome(&mut self, until: Instant) -> bool {
        let Some((index, outcome, ms)) = self.outstanding.next(until).await else { return false };
        self.record(index, outcome, ms);
        true
    }

    fn record(&mut self, index: usize, outcome: ConnectOutcome, ms: u32) {
        if let Some(address) = self.addresses.get_mut(index) {
            address.outcome = outcome;
            address.ms = ms;
        }
    }

    /// To be asked when no address connected, at the deadline at the latest.
    fn first_failure(&self) -> ConnectOutcome {
        let is_denied = |outcome: &&ConnectOutcome| matches!(outcome, ConnectOutcome::NotContacted { .. });
        let mut outcomes = self.addresses.iter().map(|address| &address.outcome);
        match outcomes.clone().find(is_denied).or_else(|| outcomes.next()) {
            None => ConnectOutcome::Failed { why: "no address to connect to".to_owned() },
            Some(ConnectOutcome::NotWaitedFor) => ConnectOutcome::Timeout,
            Some(outcome) => outcome.clone(),
        }
    }

    /// Gives up what is still outstanding.
    fn close(mut self) -> Vec<AddressEvidence> {
        let is_late = Instant::now() >= self.deadline;
        for address in &mut self.addresses {
            if address.outcome == ConnectOutcome::NotWaitedFor {
                address.ms = ms_since(self.start);
                if is_late {
                    address.outcome = ConnectOutcome::Timeout;
                }
            }
        }
        self.addresses
    }
}

async fn dial(to: SocketAddr) -> Result<TcpStream, Error> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn failure(error: &Error) -> ConnectOutcome {
    match error.kind() {
        ErrorKind::ConnectionRefused => ConnectOutcome::Refused,
        ErrorKind::TimedOut => ConnectOutcome::Timeout,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => ConnectOutcome::Reset,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => ConnectOutcome::Unreachable { why: system_word(error) },
        // IPv6 switched off in the kernel.
        _ if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => {
            ConnectOutcome::Unreachable { why: system_word(error) }
        }
        _ => ConnectOutcome::Failed { why: system_word(error) },
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    const LIMITS: Limits = Limits {
        dns: Duration::ZERO,
        connect: Duration::from_secs(20),
        handshake: Duration::ZERO,
        unreached: Duration::ZERO,
        total: Duration::ZERO,
        aside: Duration::ZERO,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn later() -> Instant {
        Instant::now() + LIMITS.connect
    }

    async fn listen(on: &str, port: u16) -> TcpListener {
        TcpListener::bind((ip(on), port)).await.unwrap()
    }

    fn port(listener: &TcpListener) -> u16 {
        listener.local_addr().unwrap().port()
    }

    fn outcomes(evidence: &ConnectEvidence) -> Vec<(IpAddr, &ConnectOutcome)> {
        evidence.addresses.iter().map(|address| (address.ip, &address.outcome)).collect()
    }

    #[tokio::test]
    async fn the_first_address_that_connects_is_used_and_all_are_judged() {
        let second = listen("127.0.0.2", 0).await;
        let _third = listen("127.0.0.3", port(&second)).await;
        let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(ip);
        let mut connection = connect(&addresses, port(&second), &LIMITS, |_| None).await;
        let stream = connection.stream.take().unwrap();
        assert_eq!(stream.peer_addr().unwrap().ip(), ip("127.0.0.2"));
        assert!(stream.nodelay().unwrap());
        let evidence = connection.finish(later()).await;
        assert_eq!((&evidence.outcome, evidence.used), (&ConnectOutcome::Ok, Some(ip("127.0.0.2"))));
        assert_eq!(evidence.source, Some(stream.local_addr().unwrap().ip()));
        let expected = [
            (addresses[0], &ConnectOutcome::Refused),
            (addresses[1], &ConnectOutcome::Ok),
            (addresses[2], &ConnectOutcome::Ok),
        ];
        assert_eq!(outcomes(&evidence), expected);
    }

    #[tokio::test]
    async fn a_connection_that_is_not_used_is_closed() {
        let first = listen("127.0.0.1", 0).await;
        let second = listen("127.0.0.2", port(&first)).await;
        let connection = connect(&["127.0.0.1", "127.0.0.2"].map(ip), port(&first), &LIMITS, |_| None).await;
        assert!(connection.stream.is_some());
        let (mut unused, _) = second.accept().await.unwrap();
        assert_eq!(unused.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_other_family_is_used_when_the_first_fails() {
        let listener = listen("127.0.0.1", 0).await;
        let connection = connect(&[ip("::1"), ip("127.0.0.1")], port(&listener), &LIMITS, |_| None).await;
        let evidence = connection.finish(later()).await;
        assert_eq!(evidence.used, Some(ip("127.0.0.1")));
        assert_ne!(evidence.addresses[0].outcome, ConnectOutcome::Ok);
    }

    #[tokio::test]
    async fn the_first_family_is_preferred_whatever_the_order_of_the_rest() {
        let listener = listen("127.0.0.1", 0).await;
        let addresses = [ip("127.0.0.2"), ip("::1"), ip("127.0.0.1")];
        let evidence = connect(&addresses, port(&listener), &LIMITS, |_| None).await.finish(later()).await;
        assert_eq!(evidence.used, Some(ip("127.0.0.1")));
        let order: Vec<_> = evidence.addresses.iter().map(|address| address.ip).collect();
        assert_eq!(order, [addresses[0], addresses[2], addresses[1]]);
    }

    #[tokio::test]
    async fn the_failure_is_the_first_addresss() {
        let closed = TcpSocket::new_v4().unwrap();
        closed.bind((ip("127.0.0.1"), 0).into()).unwrap();
        let port = closed.local_addr().unwrap().port();
        // The system itself refuses to connect to the broadcast address.
        let connection = connect(&[ip("127.0.0.1"), ip("255.255.255.255")], port, &LIMITS, |_| None).await;
        assert!(connection.stream.is_none());
        let evidence = connection.finish(later()).await;
        assert_eq!(
            (&evidence.outcome, evidence.used, evidence.source),
            (&ConnectOutcome::Refused, None, Some("127.0.0.1".parse().unwrap()))
        );
        assert!(matches!(
            evidence.addresses[1].outcome,
            ConnectOutcome::Unreachable { .. } | ConnectOutcome::Failed { .. }
        ));
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let (port, _listener, _filling) = listen_silently().await;
        let limits = Limits { connect: Duration::from_millis(150), ..LIMITS };
        let connection = connect(&[ip("127.0.0.1")], port, &limits, |_| None).await;
        assert_eq!(connection.outcome(), &ConnectOutcome::Timeout);
        let evidence = connection.finish(Instant::now()).await;
        assert_eq!(outcomes(&evidence), [(ip("127.0.0.1"), &ConnectOutcome::Timeout)]);
    }

    #[tokio::test]
    async fn a_silent_address_does_not_hold_the_others() {
        let (port, _silent, _filling) = listen_silently().await;
        let _answering = listen("127.0.0.2", port).await;
        let connection = connect(&["127.0.0.1", "127.0.0.2"].map(ip), port, &LIMITS, |_| None).await;
        assert!(connection.stream.is_some());
        let evidence = connection.finish(Instant::now()).await;
        assert_eq!(evidence.used, Some(ip("127.0.0.2")));
        let expected = [(ip("127.0.0.1"), &ConnectOutcome::NotWaitedFor), (ip("127.0.0.2"), &ConnectOutcome::Ok)];
        assert_eq!(outcomes(&evidence), expected);
    }

    #[tokio::test]
    async fn an_address_that_is_denied_is_not_dialled() {
        let denied_one = listen("127.0.0.1", 0).await;
        let port = port(&denied_one);
        let other = listen("127.0.0.2", port).await;
        let denied = |denied: IpAddr| move |ip| (ip == denied).then(|| "it is denied".to_owned());
        let not_contacted = ConnectOutcome::NotContacted { why: "it is denied".to_owned() };
        let addresses = [ip("127.0.0.1"), ip("127.0.0.2")];
        let evidence = connect(&addresses, port, &LIMITS, denied(addresses[0])).await.finish(later()).await;
        assert_eq!(evidence.used, Some(addresses[1]));
        assert_eq!(outcomes(&evidence), [(addresses[0], &not_contacted), (addresses[1], &ConnectOutcome::Ok)]);

        // What the other one says is no failure of the host: the runtime may come through by the first.
        drop(other);
        let connection = connect(&addresses, port, &LIMITS, denied(addresses[0])).await;
        assert_eq!(connection.not_contacted(), Some("it is denied"));
        let denied_one = denied_one.into_std().unwrap();
        let nobody = denied_one.accept().map_err(|error| error.kind());
        assert_eq!(nobody.unwrap_err(), ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn nothing_to_dial_is_a_failure() {
        let connection = connect(&[], 443, &LIMITS, |_| None).await;
        assert!(matches!(connection.outcome(), ConnectOutcome::Failed { .. }));
        assert_eq!(connection.finish(later()).await.addresses, []);
    }

    #[tokio::test]
    async fn a_list_without_end_is_cut() {
        let addresses: Vec<_> = (1..=200).map(|last| IpAddr::from(Ipv4Addr::new(127, 0, 1, last))).collect();
        let evidence = connect(&addresses, 1, &LIMITS, |_| None).await.finish(later()).await;
        assert_eq!(evidence.addresses.len(), MAX_PER_FAMILY);
    }

    #[test]
    fn errors_of_the_system_become_outcomes() {
        let word = |why: &str| why.to_owned();
        for (errno, expected) in [
            (Errno::ECONNREFUSED, ConnectOutcome::Refused),
            (Errno::ETIMEDOUT, ConnectOutcome::Timeout),
            (Errno::ECONNRESET, ConnectOutcome::Reset),
            (Errno::EHOSTUNREACH, ConnectOutcome::Unreachable { why: word("no route to host") }),
            (Errno::ENETUNREACH, ConnectOutcome::Unreachable { why: word("network is unreachable") }),
            (Errno::ENETDOWN, ConnectOutcome::Unreachable { why: word("network is down") }),
            (Errno::EADDRNOTAVAIL, ConnectOutcome::Unreachable { why: word("cannot assign requested address") }),
            (
                Errno::EAFNOSUPPORT,
                ConnectOutcome::Unreachable { why: word("address family not supported by protocol") },
            ),
            (Errno::EPERM, ConnectOutcome::Failed { why: system_word(&Errno::EACCES.into()) }),
            (Errno::EMFILE, ConnectOutcome::Failed { why: word("too many open files") }),
        ] {
            assert_eq!(failure(&errno.into()), expected, "{errno}");
        }
    }

    /// A listener whose queue is full: the system drops whatever else arrives.
    async fn listen_silently() -> (u16, TcpListener, TcpStream) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((ip("127.0.0.1"), 0).into()).unwrap();
        let listener = socket.listen(0).unwrap();
        let filling = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (port(&listener), listener, filling)
    }
}
