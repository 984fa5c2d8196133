//! Members that show certificates.

use std::path::Path;

use super::*;

fn certificates(name: &str) -> Arc<PeerTls> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/peer/tests/certificates");
    let file = |end: &str| folder.join(format!("{name}{end}"));
    let (certificate, key, by) = (file(".pem"), file("-key.pem"), file("-ca.pem"));
    let trust = PeerTrust::Signed { by, client_must: true };
    Arc::new(PeerTls::new(PeerTlsFiles { certificate, key, trust }).unwrap())
}

#[tokio::test]
async fn members_of_the_same_signer_talk_over_tls() {
    let one = End::of(CLUSTER, 1, Some(certificates("member"))).await;
    let mut two = End::of(CLUSTER, 2, Some(certificates("member"))).await;
    one.knows(&[&two]);
    one.peers.send(message(MessageType::Vote, &one, &two, 7));
    assert_eq!(two.message().await.index, 7);
    assert_eq!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await.unwrap(), [Some(60)]);
}

#[tokio::test]
async fn who_has_a_strangers_certificate_or_none_is_not_served() {
    let two = End::of(CLUSTER, 2, Some(certificates("member"))).await;
    let asked = members_at(&[two.url()], Some(&certificates("stranger"))).await;
    assert!(matches!(asked, Err(CallError::Connect(ConnectError::Tls { .. }))), "{asked:?}");
    let asked = members_at(&[two.url()], None).await;
    assert!(matches!(asked, Err(CallError::Connect(ConnectError::NoCertificates { .. }))), "{asked:?}");
    let plain = PeerUrl { tls: false, ..two.url() };
    assert!(members_at(&[plain], None).await.is_err());
}

#[tokio::test]
async fn a_member_must_be_signed_by_the_right_one_to_be_served() {
    let two = End::of(CLUSTER, 2, Some(certificates("member"))).await;
    // It trusts the server, and shows what the server does not trust.
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/peer/tests/certificates");
    let files = PeerTlsFiles {
        certificate: folder.path().join("certificate"),
        key: folder.path().join("key"),
        trust: PeerTrust::Signed { by: source.join("member-ca.pem"), client_must: true },
    };
    std::fs::copy(source.join("stranger.pem"), &files.certificate).unwrap();
    std::fs::copy(source.join("stranger-key.pem"), &files.key).unwrap();
    let tls = Arc::new(PeerTls::new(files).unwrap());
    assert!(members_at(&[two.url()], Some(&tls)).await.is_err());
}

#[tokio::test]
async fn without_certificates_https_is_not_listened_at() {
    let end = End::new(1).await;
    let url = "https://127.0.0.1:0".parse().unwrap();
    let started = PeerServer::start(&[url], end.settings.clone(), end.node.clone()).await;
    assert!(matches!(started, Err(ListenError::NoCertificate { .. })));
}

#[tokio::test]
async fn who_believes_anybody_talks_to_anybody_over_tls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/peer/tests/certificates");
    let believing = |name: &str| {
        let file = |end: &str| folder.join(format!("{name}{end}"));
        let (certificate, key) = (file(".pem"), file("-key.pem"));
        Arc::new(PeerTls::new(PeerTlsFiles { certificate, key, trust: PeerTrust::Anybody }).unwrap())
    };
    let one = End::of(CLUSTER, 1, Some(believing("member"))).await;
    let two = End::of(CLUSTER, 2, Some(believing("stranger"))).await;
    one.knows(&[&two]);
    assert_eq!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await.unwrap(), [Some(60)]);
}
