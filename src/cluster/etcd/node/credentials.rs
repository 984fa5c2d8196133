//! What a client shows to be recognised by.

/// What a client shows to be recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// A token that it was given when it showed its password.
    pub token: Option<String>,
    /// The common name of its certificate.
    pub common_name: Option<String>,
}
