//! The tunnel through a SOCKS5 proxy: its greeting, a login if it wants one, and CONNECT over an open connection.
//!
//! Does what Go's client does, message for message (net/http `socks_bundle.go`); neither connects nor speaks TLS.

use std::net::IpAddr;

use pullagent_diagnosis::config::proxy_env::ProxyCredentials;
use pullagent_diagnosis::layer::proxy::{ProxyEvidence, ProxyOutcome, SocksLogin, SocksReply};
use pullagent_diagnosis::layer::transport::StreamFailure;
use pullagent_diagnosis::secret::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::limits::{Limits, ms_since};
use crate::stream::stream_failure;

const VERSION: u8 = 5;
const CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const SUCCEEDED: u8 = 0;

/// Login methods (RFC 1928 section 3).
const NO_LOGIN: u8 = 0;
const USER_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

/// The version of the exchange of user and password (RFC 1929).
const LOGIN_VERSION: u8 = 1;

/// Kinds of addresses (RFC 1928 section 5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks the SOCKS5 proxy at the other end of `stream` for a connection to `host`, a name that the proxy resolves or an
/// address without brackets.
///
/// A login is offered if there is one, and sent only to a proxy that asks for it. All answers together have
/// `limits.handshake`.
pub async fn connect<S>(
    mut stream: S,
    host: &str,
    port: u16,
    login: Option<&Secret<ProxyCredentials>>,
    limits: &Limits,
) -> (ProxyEvidence, Option<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let started = Instant::now();
    let asked = timeout(limits.handshake, ask(&mut stream, host, port, login)).await;
    let outcome = match asked {
        Ok(Ok(())) => ProxyOutcome::Ok,
        Ok(Err(outcome)) => outcome,
        Err(_) => ProxyOutcome::Broken { failure: StreamFailure::Timeout },
    };
    let tunnel = (outcome == ProxyOutcome::Ok).then_some(stream);
    (ProxyEvidence { outcome, ms: ms_since(started), status: None, date: None, tls: None }, tunnel)
}

async fn ask<S>(
    stream: &mut S,
    host: &str,
    port: u16,
    login: Option<&Secret<ProxyCredentials>>,
) -> Result<(), ProxyOutcome>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(host, port)?;
    let greeting: &[u8] =
        if login.is_some() { &[VERSION, 2, NO_LOGIN, USER_PASSWORD] } else { &[VERSION, 1, NO_LOGIN] };
    write(stream, greeting).await?;
    let [version, method] = read(stream).await?;
    spoken(version == VERSION)?;
    match (method, login) {
        (NO_LOGIN, _) => {}
        (USER_PASSWORD, Some(login)) => log_in(stream, login.expose()).await?,
        // Go, which did not offer it, goes on without a login and is turned away then.
        (USER_PASSWORD | NONE_ACCEPTABLE, None) => return Err(refused(SocksLogin::Missing)),
        _ => return Err(refused(SocksLogin::NoCommonMethod)),
    }
    write(stream, &request).await?;
    let [version, reply, reserved, kind] = read(stream).await?;
    spoken(version == VERSION)?;
    if reply != SUCCEEDED {
        return Err(ProxyOutcome::SocksRefused { reply: named(reply) });
    }
    spoken(reserved == RESERVED)?;
    skip_address(stream, kind).await
}

/// The request for a connection.
fn request(host: &str, port: u16) -> Result<Vec<u8>, ProxyOutcome> {
    let mut request = vec![VERSION, CONNECT, RESERVED];
    match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        Err(_) => {
            let Ok(length) = u8::try_from(host.len()) else {
                return Err(broken(StreamFailure::Failed { why: "the host's name is longer than 255 bytes".into() }));
            };
            request.extend([NAME, length]);
            request.extend(host.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

async fn log_in<S>(stream: &mut S, login: &ProxyCredentials) -> Result<(), ProxyOutcome>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (user, password) = (&login.username, login.password.as_deref().unwrap_or_default());
    let (Ok(user_length @ 1..), Ok(password_length)) = (u8::try_from(user.len()), u8::try_from(password.len())) else {
        return Err(refused(SocksLogin::Unsendable));
    };
    let message = [&[LOGIN_VERSION, user_length], user.as_slice(), &[password_length], password].concat();
    write(stream, &message).await?;
    let [version, status] = read(stream).await?;
    spoken(version == LOGIN_VERSION)?;
    if status == SUCCEEDED { Ok(()) } else { Err(refused(SocksLogin::Rejected)) }
}

/// The address that the proxy connects from stands between its reply and the tunnel.
async fn skip_address<S: AsyncRead + Unpin>(stream: &mut S, kind: u8) -> Result<(), ProxyOutcome> {
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let [length] = read(stream).await?;
            usize::from(length)
        }
        _ => return Err(ProxyOutcome::NotSocks),
    };
    let mut address = [0; 255 + 2];
    let (address, _) = address.split_at_mut(length + 2);
    stream.read_exact(address).await.map_err(|error| broken(stream_failure(&error)))?;
    Ok(())
}

fn named(reply: u8) -> SocksReply {
    match reply {
        1 => SocksReply::GeneralFailure,
        2 => SocksReply::NotAllowed,
        3 => SocksReply::NetworkUnreachable,
        4 => SocksReply::HostUnreachable,
        5 => SocksReply::ConnectionRefused,
        6 => SocksReply::TtlExpired,
        7 => SocksReply::CommandNotSupported,
        8 => SocksReply::AddressTypeNotSupported,
        number => SocksReply::Unassigned { number },
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), ProxyOutcome> {
    stream.write_all(bytes).await.map_err(|error| broken(stream_failure(&error)))?;
    stream.flush().await.map_err(|error| broken(stream_failure(&error)))
}

async fn read<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Result<[u8; N], ProxyOutcome> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(|error| broken(stream_failure(&error)))?;
    Ok(bytes)
}

fn spoken(is_socks: bool) -> Result<(), ProxyOutcome> {
    if is_socks { Ok(()) } else { Err(ProxyOutcome::NotSocks) }
}

fn refused(login: SocksLogin) -> ProxyOutcome {
    ProxyOutcome::SocksLogin { login }
}

fn broken(failure: StreamFailure) -> ProxyOutcome {
    ProxyOutcome::Broken { failure }
}

#[cfg(test)]
mod tests;
