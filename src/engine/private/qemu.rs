//! The versions of QEMU that there are: those in the roots of private engines,
//! which need not run.

use super::paths::Paths;
use super::{emulation, root};
use crate::engine::EngineError;

/// A QEMU in the root of a private engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qemu {
    /// Its version, `10.0.13`.
    pub version: String,
    /// The engine whose root it is in.
    pub(super) paths: Paths,
}

impl Qemu {
    /// The one that is meant by a version, the beginning of one, or the release of
    /// Debian that an engine is made of.
    ///
    /// # Errors
    /// There is none, or there are several; which there are, and what to do.
    pub fn find(wanted: &str) -> Result<Self, EngineError> {
        Self::among(&all(&Paths::of_user()?)?, wanted)
    }

    fn among(all: &[Self], wanted: &str) -> Result<Self, EngineError> {
        let is_meant = |qemu: &&Self| {
            let rest = qemu.version.strip_prefix(wanted);
            qemu.paths.release().as_str() == wanted
                || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found: Vec<&Self> = all.iter().filter(is_meant).collect();
        let what = match found.as_slice() {
            [one] => return Ok((*one).clone()),
            [] => "no QEMU here is",
            _ => "more than one QEMU is",
        };
        let each = all
            .iter()
            .map(|qemu| format!("{} ({})", qemu.version, qemu.paths.release()));
        let each: Vec<String> = each.collect();
        let known = match each.is_empty() {
            true => "none".to_owned(),
            false => each.join(", "),
        };
        Err(EngineError::Private(format!(
            "{what} {wanted:?}: there is {known}; `buildrace engine up --release RELEASE` makes the \
             engine of another release (trixie, sid), and its QEMU serves once that was stopped, too"
        )))
    }
}

/// Every one whose engine is made.
fn all(paths: &Paths) -> Result<Vec<Qemu>, EngineError> {
    let mut found = Vec::new();
    for paths in emulation::each_release(paths) {
        let marker = root::read_marker(&paths)?;
        let package = marker.and_then(|marker| marker.packages.get("qemu-user").cloned());
        found.extend(package.map(|version| Qemu {
            version: root::upstream_version(&version),
            paths,
        }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Release;

    #[test]
    fn a_qemu_is_meant_by_its_version_or_its_release() {
        let cache = tempfile::tempdir().unwrap();
        let qemu = |release, version: &str| Qemu {
            version: version.into(),
            paths: Paths::under(cache.path(), release).unwrap(),
        };
        let all = [
            qemu(Release::Trixie, "10.0.13"),
            qemu(Release::Sid, "10.1.3"),
        ];
        let version = |wanted: &str| Qemu::among(&all, wanted).map(|qemu| qemu.version);
        for (wanted, found) in [
            ("10.0", "10.0.13"),
            ("10.0.13", "10.0.13"),
            ("trixie", "10.0.13"),
            ("10.1", "10.1.3"),
            ("sid", "10.1.3"),
        ] {
            assert_eq!(version(wanted).unwrap(), found, "{wanted}");
        }
        for (wanted, told) in [
            ("10", "more than one QEMU is \"10\""),
            ("1", "no QEMU here is \"1\""),
            ("10.0.1", "no QEMU here is"),
            ("bookworm", "10.0.13 (trixie), 10.1.3 (sid)"),
            ("", "no QEMU here is"),
        ] {
            let error = version(wanted).unwrap_err().to_string();
            assert!(error.contains(told), "{wanted}: {error}");
        }
        let none = Qemu::among(&[], "sid").unwrap_err().to_string();
        assert!(none.contains("there is none") && none.contains("engine up --release"));
    }

    #[test]
    fn only_the_qemu_of_a_made_root_is_there() {
        let cache = tempfile::tempdir().unwrap();
        let trixie = Paths::under(cache.path(), Release::Trixie).unwrap();
        assert_eq!(all(&trixie).unwrap(), []);
        let sid = trixie.beside(Release::Sid).unwrap();
        std::fs::create_dir_all(sid.root()).unwrap();
        let packages = [("qemu-user".to_owned(), "1:11.1.3+ds-1".to_owned())];
        root::write_marker(&sid.root(), packages.into()).unwrap();
        let found = all(&trixie).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].version, "11.1.3");
    }
}
