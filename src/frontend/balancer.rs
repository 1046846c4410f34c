//! The header that a balancer sends before the client's own bytes.

use crate::app::events::Closed;
use crate::proto::proxy_header::{FIXED_LENGTH, Origin, ProxyHeader};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads the header, and not a byte behind it: where the client is, or why there is none. `balancer`
/// is who sent it, and whom the connection belongs to if the header names nobody.
pub(super) async fn client_behind(
    balancer: SocketAddr,
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<SocketAddr, Closed> {
    let mut fixed = [0; FIXED_LENGTH];
    // A balancer that only looks whether somebody listens says nothing.
    fixed[0] = stream.read_u8().await.map_err(|_| Closed::ByClient)?;
    let cut_short = |error: std::io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => Closed::ProxyHeader,
        _ => Closed::ByClient,
    };
    stream.read_exact(&mut fixed[1..]).await.map_err(cut_short)?;
    let header = ProxyHeader::read(&fixed).map_err(|_| Closed::ProxyHeader)?;
    let mut rest = vec![0; header.rest_length()];
    stream.read_exact(&mut rest).await.map_err(cut_short)?;
    match header.origin(&rest) {
        Ok(Origin::Client(client)) => Ok(client),
        Ok(Origin::Itself) => Ok(balancer),
        Err(_) => Err(Closed::ProxyHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (Result<SocketAddr, Closed>, Vec<u8>) {
        let mut stream = bytes;
        let client = client_behind("10.0.0.1:1".parse().unwrap(), &mut stream).await;
        (client, stream.to_vec())
    }

    #[tokio::test]
    async fn not_a_byte_behind_the_header_is_taken() {
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        bytes.extend_from_slice(&[192, 0, 2, 7, 10, 0, 0, 1, 0, 80, 1, 0x85]);
        let whole = [&bytes[..], b"0\x05"].concat();
        assert_eq!(read(&whole).await, (Ok("192.0.2.7:80".parse().unwrap()), b"0\x05".to_vec()));
        for cut in 1..bytes.len() {
            assert_eq!(read(&bytes[..cut]).await.0, Err(Closed::ProxyHeader), "{cut}");
        }
        assert_eq!(read(b"").await.0, Err(Closed::ByClient));
        assert_eq!(read(b"0\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0xxx").await.0, {
            Err(Closed::ProxyHeader)
        });
    }

    #[tokio::test]
    async fn a_balancers_own_connection_is_its_own() {
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        assert_eq!(read(local).await.0, Ok("10.0.0.1:1".parse().unwrap()));
    }
}
