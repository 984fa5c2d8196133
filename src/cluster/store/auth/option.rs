//! `--auth-token`: how callers prove who they are after they have shown the password.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::jwt::{DEFAULT_TTL, SignMethod};

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthTokenOption {
    /// Letters that the members remember.
    Simple,
    /// Signed, and remembered by nobody.
    Jwt(JwtOption),
}

/// `jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=10m`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtOption {
    /// How tokens are signed.
    pub method: SignMethod,
    /// The file of the public key, or of a certificate with it.
    pub public_key: Option<PathBuf>,
    /// The file of the private key; without it tokens of others are accepted, and none are made.
    pub private_key: Option<PathBuf>,
    /// How long a token is good for.
    pub ttl: Duration,
    /// What etcd would warn about and not look at.
    pub unknown: Vec<String>,
}

/// Why `--auth-token` cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthTokenError {
    /// Neither of the kinds.
    #[error("unknown kind of token {0:?}: it is `simple` or `jwt,...`")]
    Kind(String),
    /// Not `name=value`.
    #[error("{0:?} is not of the form name=value")]
    Form(String),
    /// Said twice.
    #[error("{0} is given twice")]
    Twice(String),
    /// Must be said.
    #[error("jwt needs sign-method, such as sign-method=RS256")]
    NoMethod,
    /// None of those that there are.
    #[error("unknown sign-method {0:?}: there are {known}", known = SignMethod::NAMES.join(", "))]
    Method(String),
    /// Needs a curve that we have not.
    #[error("sign-method ES512 is not supported: use ES256, ES384 or EdDSA")]
    Es512,
    /// Neither key.
    #[error("jwt needs priv-key, pub-key or both")]
    NoKey,
    /// Not a duration.
    #[error("ttl={0:?} is not a duration greater than 0, such as 10m or 1h30m")]
    Ttl(String),
}

impl std::str::FromStr for AuthTokenOption {
    type Err = AuthTokenError;

    fn from_str(text: &str) -> Result<Self, AuthTokenError> {
        let mut parts = text.split(',');
        let kind = parts.next().unwrap_or_default();
        let options = pairs(parts)?;
        match kind {
            "" | "simple" => Ok(Self::Simple),
            "jwt" => Ok(Self::Jwt(jwt(options)?)),
            other => Err(AuthTokenError::Kind(other.to_owned())),
        }
    }
}

fn pairs<'a>(parts: impl Iterator<Item = &'a str>) -> Result<BTreeMap<&'a str, &'a str>, AuthTokenError> {
    let mut pairs = BTreeMap::new();
    for part in parts {
        let (name, value) = part.split_once('=').ok_or_else(|| AuthTokenError::Form(part.to_owned()))?;
        if pairs.insert(name, value).is_some() {
            return Err(AuthTokenError::Twice(name.to_owned()));
        }
    }
    Ok(pairs)
}

fn jwt(mut options: BTreeMap<&str, &str>) -> Result<JwtOption, AuthTokenError> {
    let method = match options.remove("sign-method").ok_or(AuthTokenError::NoMethod)? {
        "ES512" => return Err(AuthTokenError::Es512),
        name => SignMethod::of(name).ok_or_else(|| AuthTokenError::Method(name.to_owned()))?,
    };
    let public_key = options.remove("pub-key").map(PathBuf::from);
    let private_key = options.remove("priv-key").map(PathBuf::from);
    if public_key.is_none() && private_key.is_none() {
        return Err(AuthTokenError::NoKey);
    }
    let ttl = match options.remove("ttl") {
        None => DEFAULT_TTL,
        Some(text) => duration(text).ok_or_else(|| AuthTokenError::Ttl(text.to_owned()))?,
    };
    let unknown = options.into_keys().map(str::to_owned).collect();
    Ok(JwtOption { method, public_key, private_key, ttl, unknown })
}

/// A duration as Go writes it: `1h30m`, `1.5s`, `250ms`. `None` also for nothing at all, and for what is not above 0.
fn duration(mut text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    while !text.is_empty() {
        let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, rest) = text.split_at(digits);
        let unit_end =
            rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        text = rest;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<AuthTokenOption>().unwrap_err().to_string()
    }

    fn jwt(text: &str) -> JwtOption {
        match text.parse().unwrap() {
            AuthTokenOption::Jwt(jwt) => jwt,
            AuthTokenOption::Simple => panic!("{text} is simple"),
        }
    }

    #[test]
    fn simple_is_what_is_meant_by_nothing() {
        assert_eq!("".parse(), Ok(AuthTokenOption::Simple));
        assert_eq!("simple".parse(), Ok(AuthTokenOption::Simple));
        assert_eq!("simple,x=y".parse(), Ok(AuthTokenOption::Simple));
    }

    #[test]
    fn a_jwt_names_its_files_method_and_life() {
        let option = jwt("jwt,pub-key=a.pem,priv-key=b.pem,sign-method=RS256,ttl=10m");
        assert_eq!(option.method, SignMethod::RS256);
        assert_eq!(option.public_key, Some("a.pem".into()));
        assert_eq!(option.private_key, Some("b.pem".into()));
        assert_eq!(option.ttl, Duration::from_secs(600));
        assert!(option.unknown.is_empty());
    }

    #[test]
    fn a_jwt_lives_five_minutes_unless_said_otherwise() {
        assert_eq!(jwt("jwt,priv-key=b,sign-method=EdDSA").ttl, Duration::from_secs(300));
    }

    #[test]
    fn an_option_that_etcd_would_warn_about_is_told() {
        assert_eq!(jwt("jwt,priv-key=b,sign-method=ES256,foo=bar").unknown, ["foo"]);
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        assert_eq!(error("zzz"), "unknown kind of token \"zzz\": it is `simple` or `jwt,...`");
        assert_eq!(error("jwt,foo"), "\"foo\" is not of the form name=value");
        assert_eq!(error("jwt,sign-method=RS256,sign-method=RS256"), "sign-method is given twice");
        assert_eq!(error("jwt,priv-key=b"), "jwt needs sign-method, such as sign-method=RS256");
        assert!(
            error("jwt,priv-key=b,sign-method=rs256")
                .starts_with("unknown sign-method \"rs256\": there are RS256,")
        );
        assert!(error("jwt,priv-key=b,sign-method=ES512").contains("use ES256"));
        assert_eq!(error("jwt,sign-method=RS256"), "jwt needs priv-key, pub-key or both");
        for ttl in ["abc", "0s", "-5s", "5", "", "1d", "1.2.3s"] {
            assert!(
                error(&format!("jwt,sign-method=RS256,priv-key=b,ttl={ttl}")).contains("is not a duration"),
                "{ttl}"
            );
        }
    }

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
    }
}
