use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A server that answers each connection's first words with these bytes, and ends it.
async fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut words = [0; 4096];
            let _ = stream.read(&mut words).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn http(url: &str, body_match: Option<&str>, status: &[u16]) -> Probe {
    Probe::Http(Box::new(HttpProbe {
        url: url.parse().unwrap(),
        method: Method::GET,
        status: status.to_vec(),
        body_match: body_match.map(Arc::from),
        headers: HeaderMap::new(),
        ca: None,
        timeout: Duration::from_secs(20),
    }))
}

fn tcp(host: &str, port: u16, send: Option<&str>, expect: Option<&str>) -> Probe {
    let (send, expect) = (send.map(Arc::from), expect.map(Arc::from));
    Probe::Tcp(TcpProbe { host: host.into(), port, send, expect, timeout: Duration::from_secs(20) })
}

async fn asked(probe: Probe) -> Result<(), String> {
    NetworkProber::default().probe(&probe).await.map(|_| ()).map_err(|error| format!("{error:?}"))
}

#[tokio::test]
async fn a_status_and_a_text_in_the_body_tell_a_good_answer() {
    let fine = server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nall well\n").await;
    let ill = server("HTTP/1.1 503 Sorry\r\ncontent-length: 0\r\n\r\n").await;
    let (fine, ill) = (format!("http://{fine}/"), format!("http://{ill}/"));
    assert_eq!(asked(http(&fine, None, &[])).await, Ok(()));
    assert_eq!(asked(http(&fine, Some("well"), &[200])).await, Ok(()));
    assert!(asked(http(&fine, Some("ill"), &[])).await.unwrap_err().contains("Body { seen: 9 }"));
    assert!(asked(http(&ill, None, &[])).await.unwrap_err().contains("Status { found: 503 }"));
    assert_eq!(asked(http(&ill, None, &[503])).await, Ok(()));
    let moved = server("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(asked(http(&format!("http://{moved}/"), None, &[302])).await, Ok(()));
}

#[tokio::test]
async fn each_cause_is_one_of_its_own() {
    let (refused, silent) = (nobody().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let plain = server("no TLS, and no HTTP\r\n\r\n").await;
    let silent_url = format!("http://{}/", silent.local_addr().unwrap());
    assert_eq!(asked(http(&format!("http://{refused}/"), None, &[])).await, Err("Refused".to_owned()));
    let name = asked(http("http://no-such-host.invalid/", None, &[])).await.unwrap_err();
    assert!(name.starts_with("Name { host: \"no-such-host.invalid\""), "{name}");
    let tls = asked(http(&format!("https://{plain}/"), None, &[])).await.unwrap_err();
    assert!(tls.starts_with("Tls"), "{tls}");
    let babble = asked(http(&format!("http://{plain}/"), None, &[])).await.unwrap_err();
    assert!(babble.starts_with("Protocol"), "{babble}");
    let mut slow = http(&silent_url, None, &[]);
    if let Probe::Http(probe) = &mut slow {
        probe.timeout = Duration::from_millis(50);
    }
    assert_eq!(asked(slow).await, Err("Timeout { after: 50ms }".to_owned()));
    let mut signed = http("https://127.0.0.1/", None, &[]);
    if let Probe::Http(probe) = &mut signed {
        probe.ca = Some(std::path::Path::new("/no/such/ca").into());
    }
    assert!(asked(signed).await.unwrap_err().starts_with("Authorities"));
}

#[tokio::test]
async fn a_tcp_server_is_asked_and_its_answer_read() {
    let address = server("220 here\r\n").await;
    let (host, port) = (address.ip().to_string(), address.port());
    assert_eq!(asked(tcp(&host, port, None, None)).await, Ok(()));
    assert_eq!(asked(tcp(&host, port, Some("hello\r\n"), Some("220 "))).await, Ok(()));
    let other = asked(tcp(&host, port, Some("hello\r\n"), Some("250"))).await.unwrap_err();
    assert!(other.starts_with("Body") || other == "Cut", "{other}");
    assert_eq!(asked(tcp("127.0.0.1", nobody().await.port(), None, None)).await, Err("Refused".to_owned()));
    let name = asked(tcp("no-such-host.invalid", 1, None, None)).await.unwrap_err();
    assert!(name.starts_with("Name"), "{name}");
}

#[test]
fn who_is_asked_is_shown_without_secrets() {
    assert_eq!(
        http("https://anna:pw@example.org:8443/x?key=1", None, &[]).to_string(),
        "https://example.org:8443/x"
    );
    assert_eq!(tcp("::1", 22, None, None).to_string(), "[::1]:22");
    assert_eq!(http("http://[::1]:80/", None, &[]).address(), Some("::1".parse().unwrap()));
    assert_eq!(http("http://name/", None, &[]).address(), None);
}

#[tokio::test]
async fn a_certificate_counts_if_the_authorities_named_signed_it() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, cert.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut words = [0; 4096];
            let _ = stream.read(&mut words).await;
            let _ = stream.write_all(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let by = |ca: Option<&std::path::Path>| {
        let mut probe = http(&url, None, &[]);
        if let Probe::Http(probe) = &mut probe {
            probe.ca = ca.map(Into::into);
        }
        asked(probe)
    };
    assert_eq!(by(Some(&ca)).await, Ok(()));
    let other = by(None).await.unwrap_err();
    assert!(other.starts_with("Tls"), "{other}");

    // Whoever began without authorities sees them come, without a new start.
    let bundle = dir.path().join("bundle.crt");
    let prober = NetworkProber { clients: Clients::over(vec![bundle.clone()]), ..NetworkProber::default() };
    assert!(matches!(prober.probe(&http(&url, None, &[])).await, Err(ProbeError::Tls { .. })));
    std::fs::copy(&ca, &bundle).unwrap();
    assert!(prober.probe(&http(&url, None, &[])).await.is_ok());
}
