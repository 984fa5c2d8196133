//! What dpkg-query says of all packages.

use std::sync::Arc;

use crate::resources::host::packages::{Installed, PackagesError, Row, Status};

/// What is asked of each package.
pub const FORMAT: &str = "${Package}\\t${Architecture}\\t${db:Status-Abbrev}\\t${Version}\\t${Provides}\\n";
/// The same without what is provided, for hosts where that is too much.
pub const SHORT_FORMAT: &str = "${Package}\\t${Architecture}\\t${db:Status-Abbrev}\\t${Version}\\n";

/// Reads the answer.
///
/// # Errors
/// When a line has too few fields.
pub fn parse(text: &str) -> Result<Installed, PackagesError> {
    let mut installed = Installed::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut fields = line.split('\t');
        let (Some(name), Some(arch), Some(status), Some(version)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(PackagesError::Answer { tool: "dpkg-query", what: format!("{line:?}").into() });
        };
        let Some((status, held, must_reinstall)) = abbreviation(status) else { continue };
        let name: Arc<str> = name.into();
        if &*name == "dpkg" {
            installed.set_native(arch.into());
        }
        if status == Status::Configured {
            for provided in fields.next().map(provided).into_iter().flatten() {
                installed.add_provided(provided.into(), name.clone());
            }
        }
        installed.add(name, Row { arch: arch.into(), status, version: version.into(), held, must_reinstall });
    }
    Ok(installed)
}

/// Reads `ii `: what is wanted, how it is, and an error flag. `None`: nothing of it is here.
fn abbreviation(text: &str) -> Option<(Status, bool, bool)> {
    let mut letters = text.chars();
    let (wanted, is, error) = (letters.next()?, letters.next()?, letters.next().unwrap_or(' '));
    let status = match is {
        'n' => return None,
        'c' => Status::ConfigFiles,
        'i' => Status::Configured,
        'U' => Status::Half("unpacked, not configured"),
        'F' => Status::Half("half configured"),
        'H' => Status::Half("half installed"),
        _ => Status::Half("waits for triggers"),
    };
    Some((status, wanted == 'h', error.eq_ignore_ascii_case(&'r')))
}

/// The names in `mail-transport-agent, awk (= 1)`.
fn provided(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .filter_map(|one| one.split_whitespace().next())
        .map(|one| one.split(':').next().unwrap_or(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::host::packages::{PackageName, Standing};

    #[test]
    fn each_abbreviation_has_its_meaning() {
        for (text, wanted) in [
            ("ii ", Some((Status::Configured, false, false))),
            ("hi ", Some((Status::Configured, true, false))),
            ("rc ", Some((Status::ConfigFiles, false, false))),
            ("iU ", Some((Status::Half("unpacked, not configured"), false, false))),
            ("iF ", Some((Status::Half("half configured"), false, false))),
            ("iHR", Some((Status::Half("half installed"), false, true))),
            ("iW ", Some((Status::Half("waits for triggers"), false, false))),
            ("it ", Some((Status::Half("waits for triggers"), false, false))),
            ("un ", None),
            ("pn ", None),
        ] {
            assert_eq!(abbreviation(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn packages_their_architecture_and_what_they_provide_are_read() {
        let text = "dpkg\tamd64\tii \t1.21.22\t\nmawk\tamd64\tii \t1.3\tawk\nexim\tamd64\thi \t4\tmta (= 1), x:any\n\
                    gone\tamd64\tun \t\t\nold\tall\trc \t2\tawk2\n";
        let installed = parse(text).unwrap();
        assert_eq!(installed.len(), 4);
        let standing = |name| installed.standing(&PackageName::parse(name));
        assert_eq!(standing("awk"), Standing::Provided("mawk"));
        assert_eq!(
            (standing("mta"), standing("x")),
            (Standing::Provided("exim"), Standing::Provided("exim"))
        );
        assert_eq!((standing("gone"), standing("awk2")), (Standing::Absent, Standing::Absent));
        let Standing::Known(exim) = standing("exim") else { panic!("it is there") };
        assert!(exim.held && &*exim.version == "4");
        assert!(parse("only two\tfields\n").is_err());
    }
}
