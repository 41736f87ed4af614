//! How each stand-in is made: the one place to add another.

use crate::model::familiar_name;

/// What an image consists of, on top of Debian's essential packages and apt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Official name and tag, which the stand-in gets.
    pub(crate) name: &'static str,
    /// Names of Debian packages; with none the image is Debian's base alone.
    pub(crate) packages: &'static [&'static str],
    /// Variables of the environment, with their values.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// The folder that containers start in; the root where it is `None`.
    pub(crate) workdir: Option<&'static str>,
    /// Symbolic links in the image, each with what it points to.
    pub(crate) links: &'static [(&'static str, &'static str)],
    /// Folders in the image that everyone may write to.
    pub(crate) folders: &'static [&'static str],
}

const DEBIAN_PATH: (&str, &str) = (
    "PATH",
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
);

static RECIPES: [Recipe; 2] = [
    Recipe {
        name: "debian:trixie-slim",
        packages: &[],
        env: &[DEBIAN_PATH],
        workdir: None,
        links: &[],
        folders: &[],
    },
    // Against the official image: Debian's build of Go 1.24, and no g++, curl,
    // wget, subversion or mercurial.
    Recipe {
        name: "golang:1.24-trixie",
        packages: &[
            "ca-certificates",
            "gcc",
            "git",
            "golang-1.24-go",
            "libc6-dev",
            "make",
            "pkgconf",
        ],
        env: &[
            (
                "PATH",
                "/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("GOTOOLCHAIN", "local"),
            ("GOPATH", "/go"),
        ],
        workdir: Some("/go"),
        links: &[("/usr/local/go", "/usr/lib/go-1.24")],
        folders: &["/go", "/go/bin", "/go/src"],
    },
];

impl Recipe {
    /// The recipe's name in a form fit for a folder's.
    pub(super) fn folder(&self) -> String {
        self.name.replace([':', '/'], "-")
    }
}

/// The recipe of an image, by any name that a Dockerfile may give it.
pub(crate) fn recipe(name: &str) -> Option<&'static Recipe> {
    let familiar = familiar_name(name);
    RECIPES.iter().find(|recipe| recipe.name == familiar)
}

/// The official names that there are recipes for, in one line.
pub(crate) fn names() -> String {
    RECIPES.each_ref().map(|recipe| recipe.name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_official_image_is_known_by_each_of_its_names() {
        for name in [
            "golang:1.24-trixie",
            "docker.io/library/golang:1.24-trixie",
            "docker.io/golang:1.24-trixie",
            "index.docker.io/library/golang:1.24-trixie",
            "library/golang:1.24-trixie",
        ] {
            assert_eq!(recipe(name).unwrap().name, "golang:1.24-trixie");
        }
        for other in [
            "golang",
            "golang:1.24",
            "ghcr.io/library/golang:1.24-trixie",
            "someone/golang:1.24-trixie",
            "golang:1.24-trixie@sha256:00",
        ] {
            assert_eq!(recipe(other), None, "{other}");
        }
    }
}
