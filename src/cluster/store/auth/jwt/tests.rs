use super::*;

const RSA: &[u8] = include_bytes!("test_keys/rsa.pem");
const RSA_PKCS1: &[u8] = include_bytes!("test_keys/rsa-pkcs1.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("test_keys/rsa.pub.pem");
const RSA_CERTIFICATE: &[u8] = include_bytes!("test_keys/rsa.crt.pem");
const RSA_SHORT: &[u8] = include_bytes!("test_keys/rsa1024.pub.pem");
const P256: &[u8] = include_bytes!("test_keys/p256.pem");
const P256_SEC1: &[u8] = include_bytes!("test_keys/p256-sec1.pem");
const P256_PUBLIC: &[u8] = include_bytes!("test_keys/p256.pub.pem");
const P384: &[u8] = include_bytes!("test_keys/p384.pem");
const P384_PUBLIC: &[u8] = include_bytes!("test_keys/p384.pub.pem");
const ED25519: &[u8] = include_bytes!("test_keys/ed25519.pem");
const ED25519_PUBLIC: &[u8] = include_bytes!("test_keys/ed25519.pub.pem");
/// Given out by etcd 3.5.30 for `root` at revision 3, for the keys above.
const TOKENS_OF_ETCD: &str = include_str!("test_keys/tokens-of-etcd.txt");

const TTL: Duration = Duration::from_secs(600);

fn jwt(method: SignMethod, public: Option<&[u8]>, private: Option<&[u8]>) -> Jwt {
    Jwt::new(method, public, private, TTL).unwrap()
}

fn root(jwt: &Jwt, token: &str, now_s: u64) -> bool {
    jwt.user_of(token, now_s) == Some(Caller { user: "root".into(), auth_revision: 3 })
}

#[test]
fn every_method_knows_its_own_tokens() {
    use SignMethod::*;
    for (method, public, private) in [
        (RS256, RSA_PUBLIC, RSA),
        (RS384, RSA_PUBLIC, RSA_PKCS1),
        (RS512, RSA_CERTIFICATE, RSA),
        (PS256, RSA_PUBLIC, RSA),
        (PS384, RSA_PUBLIC, RSA),
        (PS512, RSA_PUBLIC, RSA),
        (ES256, P256_PUBLIC, P256),
        (ES256, P256_PUBLIC, P256_SEC1),
        (ES384, P384_PUBLIC, P384),
        (EdDSA, ED25519_PUBLIC, ED25519),
        (HS256, b"", b"secret"),
        (HS384, b"", b"secret"),
        (HS512, b"", b"secret"),
    ] {
        let both = jwt(method, Some(public), Some(private));
        let token = both.issue("root", 3, 1000).unwrap();
        assert!(root(&both, &token, 1000), "{method:?}");
        assert!(root(&jwt(method, None, Some(private)), &token, 1000), "{method:?}");
        if !public.is_empty() {
            assert!(root(&jwt(method, Some(public), None), &token, 1000), "{method:?}");
        }
    }
}

#[test]
fn tokens_that_etcd_has_given_out_are_known() {
    for line in TOKENS_OF_ETCD.lines() {
        let (method, token) = line.split_once(' ').unwrap();
        let jwt = match method {
            "RS256" => jwt(SignMethod::RS256, Some(RSA_PUBLIC), None),
            "PS384" => jwt(SignMethod::PS384, Some(RSA_CERTIFICATE), None),
            "ES256" => jwt(SignMethod::ES256, Some(P256_PUBLIC), None),
            other => panic!("{other}"),
        };
        assert!(root(&jwt, token, 1_700_000_000), "{method}");
        assert!(!root(&jwt, token, 1_800_000_000), "{method} is over by then");
    }
}

#[test]
fn a_token_says_what_one_of_etcd_says() {
    let token = jwt(SignMethod::ES256, None, Some(P256)).issue("root", 3, 1000).unwrap();
    let parts: Vec<_> = token
        .split('.')
        .take(2)
        .map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts, [r#"{"alg":"ES256","typ":"JWT"}"#, r#"{"exp":1600,"revision":3,"username":"root"}"#]);
}

#[test]
fn a_token_is_good_until_it_ends() {
    let jwt = jwt(SignMethod::EdDSA, None, Some(ED25519));
    let token = jwt.issue("root", 3, 1000).unwrap();
    assert!(root(&jwt, &token, 1599));
    assert!(!root(&jwt, &token, 1600));
}

#[test]
fn a_token_that_was_touched_is_not_known() {
    let jwt = jwt(SignMethod::EdDSA, None, Some(ED25519));
    let token = jwt.issue("user", 3, 1000).unwrap();
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(r#"{"exp":1600,"revision":3,"username":"root"}"#);
    assert_eq!(jwt.user_of(&parts.join("."), 1000), None);
    for broken in
        ["", ".", "..", "a.b.c", "kPMfFQwlnHcwBygd.131", &token[..token.len() - 2], &format!("{token}.x")]
    {
        assert_eq!(jwt.user_of(broken, 1000), None, "{broken}");
    }
}

fn signed(jwt: &Jwt, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let made = jwt.signer.as_ref().unwrap().sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(made))
}

#[test]
fn the_method_is_ours_whatever_the_token_asks_for() {
    let claims = r#"{"exp":1600,"revision":3,"username":"root"}"#;
    let ours = jwt(SignMethod::RS256, Some(RSA_PUBLIC), Some(RSA));
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims));
    assert_eq!(ours.user_of(&none, 1000), None);
    // The public key, which everybody has, as a shared secret.
    let confused = jwt(SignMethod::HS256, None, Some(RSA_PUBLIC));
    for alg in ["HS256", "RS256"] {
        let token = signed(&confused, &format!(r#"{{"alg":"{alg}"}}"#), claims);
        assert_eq!(ours.user_of(&token, 1000), None, "{alg}");
    }
}

#[test]
fn claims_of_the_wrong_type_are_no_claims() {
    let jwt = jwt(SignMethod::HS256, None, Some(b"secret"));
    let known = |claims: &str| jwt.user_of(&signed(&jwt, r#"{"alg":"HS256"}"#, claims), 1000).is_some();
    assert!(known(r#"{"revision":3,"username":"root"}"#));
    assert!(known(r#"{"revision":3.0,"username":"root","exp":1000.5,"iss":"x"}"#));
    assert!(!known(r#"{"revision":3,"username":"root","exp":"9999"}"#));
    assert!(!known(r#"{"revision":3,"username":"root","nbf":1001}"#));
    assert!(!known(r#"{"revision":"3","username":"root"}"#));
    assert!(!known(r#"{"revision":-1,"username":"root"}"#));
    assert!(!known(r#"{"revision":3}"#));
    assert!(!known(r#"{"username":"root"}"#));
}

#[test]
fn with_a_public_key_alone_no_token_can_be_made() {
    let jwt = jwt(SignMethod::RS256, Some(RSA_PUBLIC), None);
    assert_eq!(jwt.issue("root", 3, 1000), Err(JwtError::VerifyOnly));
}

#[test]
fn keys_that_do_not_fit_are_told() {
    let error = |method, public, private| Jwt::new(method, public, private, TTL).unwrap_err();
    use SignMethod::*;
    assert_eq!(error(RS256, None, None), JwtError::NoKey);
    assert_eq!(error(HS256, None, Some(b"")), JwtError::NoKey);
    assert_eq!(error(ES256, None, Some(RSA)).to_string(), "the private key is none for ES256");
    assert_eq!(error(ES384, None, Some(P256)), JwtError::PrivateKey(ES384));
    assert_eq!(error(RS256, None, Some(b"nonsense")), JwtError::PrivateKey(RS256));
    assert_eq!(error(ES256, Some(P384_PUBLIC), None), JwtError::PublicKey(ES256));
    assert_eq!(error(EdDSA, Some(RSA_PUBLIC), None), JwtError::PublicKey(EdDSA));
    assert_eq!(error(RS256, Some(RSA_SHORT), None), JwtError::PublicKey(RS256));
    assert_eq!(error(RS256, Some(RSA), None), JwtError::PublicKey(RS256));
}

#[test]
fn two_keys_that_are_no_pair_are_told() {
    let stranger = EcdsaPair::new();
    let error =
        Jwt::new(SignMethod::ES256, Some(P256_PUBLIC), Some(stranger.pem().as_bytes()), TTL).unwrap_err();
    assert_eq!(error, JwtError::Mismatch);
}

/// A new P-256 key.
struct EcdsaPair(Vec<u8>);

impl EcdsaPair {
    fn new() -> Self {
        let random = ring::rand::SystemRandom::new();
        let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        Self(ring::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref().to_vec())
    }

    fn pem(&self) -> String {
        let body = base64::engine::general_purpose::STANDARD.encode(&self.0);
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }
}
