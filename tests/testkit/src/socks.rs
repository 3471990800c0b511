//! The server's side of SOCKS5 (RFC 1928, RFC 1929) as far as a request for a connection. Connects nowhere itself.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const USER_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

/// The connection is made.
pub(crate) const SUCCEEDED: u8 = 0;
/// The name does not resolve, or the host cannot be reached.
pub(crate) const HOST_UNREACHABLE: u8 = 4;
/// The host refuses.
pub(crate) const CONNECTION_REFUSED: u8 = 5;

/// What a client asks for.
pub(crate) struct Asked {
    /// `name:port` or `address:port`.
    pub(crate) target: String,
    /// Whether it sent a user and a password.
    pub(crate) authorized: bool,
}

/// Reads up to the request for a connection; `None` if the client was turned away, having no login or a wrong one.
pub(crate) async fn greet<S>(client: &mut S, login: Option<&(String, String)>) -> io::Result<Option<Asked>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if client.read_u8().await? != VERSION {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let methods = counted(client).await?;
    let wanted = if login.is_some() { USER_PASSWORD } else { NO_LOGIN };
    if !methods.contains(&wanted) {
        client.write_all(&[VERSION, NONE_ACCEPTABLE]).await?;
        return Ok(None);
    }
    client.write_all(&[VERSION, wanted]).await?;
    if let Some((user, password)) = login {
        let version = client.read_u8().await?;
        let (sent_user, sent_password) = (counted(client).await?, counted(client).await?);
        let right = version == 1 && sent_user == user.as_bytes() && sent_password == password.as_bytes();
        client.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(None);
        }
    }
    let [version, command, _reserved, kind] = array(client).await?;
    if (version, command) != (VERSION, 1) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let host = match kind {
        1 => Ipv4Addr::from(array::<4, S>(client).await?).to_string(),
        4 => format!("[{}]", Ipv6Addr::from(array::<16, S>(client).await?)),
        _ => String::from_utf8_lossy(&counted(client).await?).into_owned(),
    };
    let port = client.read_u16().await?;
    Ok(Some(Asked { target: format!("{host}:{port}"), authorized: login.is_some() }))
}

/// Answers the request; `from` is where the connection was made from.
pub(crate) async fn reply<S: AsyncWrite + Unpin>(
    client: &mut S,
    number: u8,
    from: Option<SocketAddr>,
) -> io::Result<()> {
    let (kind, mut address) = match from {
        Some(SocketAddr::V6(from)) => (4, from.ip().octets().to_vec()),
        Some(SocketAddr::V4(from)) => (1, from.ip().octets().to_vec()),
        None => (1, vec![0; 4]),
    };
    address.extend(from.map_or(0, |from| from.port()).to_be_bytes());
    client.write_all(&[&[VERSION, number, 0, kind], address.as_slice()].concat()).await
}

/// Bytes behind one that counts them.
async fn counted<S: AsyncRead + Unpin>(client: &mut S) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn array<const N: usize, S: AsyncRead + Unpin>(client: &mut S) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
