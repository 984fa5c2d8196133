//! The choice of most kinds: that something exists, or is absent.

use crate::engine::ParamError;
use crate::resources::choice::choice;

/// Whether it should be there.
///
/// # Errors
/// When the text is no state.
pub fn is_present(state: &str) -> Result<bool, ParamError> {
    choice("state", state, &[("exists", true), ("absent", false)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_states() {
        assert_eq!((is_present("exists"), is_present("absent")), (Ok(true), Ok(false)));
        assert_eq!(is_present("exist").unwrap_err().hint.unwrap(), "did you mean `exists`?");
        assert_eq!(is_present("on").unwrap_err().hint.unwrap(), "it is one of `exists`, `absent`");
    }
}
