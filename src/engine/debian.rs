//! Makes Debian root file systems, for this machine's architecture or a
//! foreign one, with the host's own apt and dpkg.
//!
//! A foreign root made wholly under emulation takes minutes, nearly all of it
//! in decompressing packages and in `update-ca-certificates`. So packages are
//! unpacked by the host's dpkg, natively; only their configuration runs inside
//! the root, emulated; and the certificate store, which is the same on every
//! architecture, is taken from a native root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::EngineError;
use super::command::{run, tied};

/// The Debian release that base images are made from.
pub(crate) const SUITE: &str = "trixie";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What a container has no use for, as Debian's official slim images leave
/// out: `(exclude, path pattern)`.
const PATHS: [(bool, &str); 8] = [
    (true, "/usr/share/doc/*"),
    (false, "/usr/share/doc/*/copyright"),
    (true, "/usr/share/man/*"),
    (true, "/usr/share/info/*"),
    (true, "/usr/share/groff/*"),
    (true, "/usr/share/lintian/*"),
    (true, "/usr/share/linda/*"),
    (true, "/usr/share/locale/*"),
];

/// sid's lists are valid for a week, and some mirrors are behind by more. They
/// are signed none the less; this is no machine that updates must reach.
const SOME_OLD_LISTS: &str = "Acquire::Check-Valid-Until \"false\";\n";

/// Which of Debian's archives packages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archives {
    /// The release, its updates and its security updates, as the official
    /// images name them.
    WithUpdates,
    /// The release alone, as of its last point release.
    Release,
    /// sid, which has no updates beside it.
    Sid,
}

/// A root file system in the making, with apt's lists and downloads beside it.
#[derive(Debug)]
pub(crate) struct DebianRoot {
    work: PathBuf,
    root: PathBuf,
    architecture: &'static str,
    foreign: bool,
}

/// Debian's name of an architecture that OCI names `architecture`.
pub(crate) fn debian_architecture(
    architecture: &str,
    variant: Option<&str>,
) -> Option<&'static str> {
    Some(match (architecture, variant) {
        ("amd64", None) => "amd64",
        ("arm64", None) => "arm64",
        ("arm", Some("v7")) => "armhf",
        ("arm", Some("v5" | "v6")) => "armel",
        ("386", None) => "i386",
        ("ppc64le", None) => "ppc64el",
        ("riscv64", None) => "riscv64",
        ("s390x", None) => "s390x",
        _ => return None,
    })
}

/// Debian's name of this machine's architecture.
///
/// # Errors
/// It has none.
pub(crate) fn host_architecture() -> Result<&'static str, EngineError> {
    let platform = crate::model::Platform::linux(std::env::consts::ARCH);
    debian_architecture(platform.architecture(), platform.variant()).ok_or_else(|| {
        EngineError::Private(format!(
            "Debian has no packages for {}",
            platform.architecture()
        ))
    })
}

/// Checks that the tools are there which make a root.
///
/// # Errors
/// One is missing; the message says which package has it.
pub(crate) fn check_tools() -> Result<(), EngineError> {
    for (program, package) in [
        ("apt-get", "apt"),
        ("dpkg", "dpkg"),
        ("setpriv", "util-linux"),
        ("unshare", "util-linux"),
        ("chroot", "coreutils"),
    ] {
        if !super::command::exists(program) {
            return Err(EngineError::Private(format!(
                "{program} is missing: Debian's packages can be unpacked only where {package} is installed (Debian, Ubuntu)"
            )));
        }
    }
    if !Path::new(KEYRING).exists() {
        return Err(EngineError::Private(format!(
            "{KEYRING} is missing: run `apt-get install debian-archive-keyring` as root"
        )));
    }
    Ok(())
}

impl DebianRoot {
    /// Starts a root in the folder `work`, which must be empty or missing, and
    /// fetches the package lists. apt in the root goes by all of Debian's
    /// lists later, whatever `archives` it is made from.
    ///
    /// # Errors
    /// The folder cannot be written, or one of the lists cannot be had.
    pub(crate) fn begin(
        work: &Path,
        architecture: &'static str,
        archives: Archives,
    ) -> Result<Self, EngineError> {
        let made = Self {
            work: work.to_owned(),
            root: work.join("root"),
            architecture,
            foreign: architecture != host_architecture()?,
        };
        for folder in [
            "root/etc/apt/apt.conf.d",
            "root/etc/apt/sources.list.d",
            "root/etc/dpkg/dpkg.cfg.d",
            "root/usr/sbin",
            "root/var/lib/dpkg/info",
            "root/var/lib/dpkg/updates",
            "apt/lists/partial",
            "apt/cache/archives/partial",
        ] {
            let folder = work.join(folder);
            fs::create_dir_all(&folder).map_err(EngineError::file("cannot create", folder))?;
        }
        made.write("root/var/lib/dpkg/status", "")?;
        made.write("root/etc/dpkg/dpkg.cfg.d/docker", &path_lines(""))?;
        // Nothing that is installed in a container starts a service.
        made.write("root/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")?;
        made.executable("root/usr/sbin/policy-rc.d")?;
        made.write(
            "root/etc/apt/apt.conf.d/docker-clean",
            "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };\n\
             Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n",
        )?;
        made.write(
            "root/etc/apt/apt.conf.d/docker-no-languages",
            "Acquire::Languages \"none\";\n",
        )?;
        made.write(
            "root/etc/apt/sources.list.d/debian.sources",
            &archives
                .in_the_root()
                .sources("/usr/share/keyrings/debian-archive-keyring.pgp"),
        )?;
        made.write("apt/build.sources", &archives.sources(KEYRING))?;
        let mut configuration = made.apt_configuration();
        if archives == Archives::Sid {
            configuration += SOME_OLD_LISTS;
        }
        made.write("apt/apt.conf", &configuration)?;
        // Without the option, apt is content with what some mirrors hold.
        run(
            &format!("fetching Debian's package lists for {architecture}"),
            made.apt()
                .args(["-qq", "-o", "APT::Update::Error-Mode=any", "update"]),
        )?;
        Ok(made)
    }

    /// The root file system itself.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// Installs Debian's essential packages, apt, and `packages`.
    ///
    /// # Errors
    /// Downloading, unpacking or configuring fails.
    pub(crate) fn install_base(&self, packages: &[&str]) -> Result<(), EngineError> {
        self.download(&["?essential"])?;
        let essential = self.archives()?;
        let essential_list: String = essential
            .iter()
            .map(|path| format!("{}\n", path.display()))
            .collect();
        self.write("apt/essential", &essential_list)?;
        let mut all = vec!["?essential", "apt"];
        all.extend(packages);
        self.download(&all)?;
        self.unpack_and_configure(true)
    }

    /// Installs packages into a root that has its base.
    ///
    /// # Errors
    /// Downloading, unpacking or configuring fails.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<(), EngineError> {
        self.download(packages)?;
        self.unpack_and_configure(false)
    }

    /// A copy in another folder, to install other packages in.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn copy(&self, work: &Path) -> Result<Self, EngineError> {
        let copy = Self {
            work: work.to_owned(),
            root: work.join("root"),
            architecture: self.architecture,
            foreign: self.foreign,
        };
        run(
            "copying a root file system",
            tied("cp")
                .args(["--archive", "--reflink=auto", "--"])
                .arg(&self.work)
                .arg(work),
        )?;
        copy.write("apt/apt.conf", &copy.apt_configuration())?;
        Ok(copy)
    }

    /// Puts the certificate store of a native root with the same packages
    /// into a foreign one, where it was left unmade.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(crate) fn take_certificates(&self, native: &Self) -> Result<(), EngineError> {
        if !self.foreign || !self.root.join("etc/ssl/certs").exists() {
            return Ok(());
        }
        run(
            "copying the certificate store",
            Command::new("cp")
                .args(["--archive", "--no-target-directory", "--"])
                .arg(native.root.join("etc/ssl/certs"))
                .arg(self.root.join("etc/ssl/certs")),
        )?;
        Ok(())
    }

    /// Removes what installing leaves and nobody needs afterwards.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub(crate) fn clean(&self) -> Result<(), EngineError> {
        for file in [
            "var/lib/dpkg/status-old",
            "var/lib/dpkg/diversions-old",
            "var/lib/dpkg/statoverride-old",
            "var/cache/debconf/config.dat-old",
            "var/cache/debconf/templates.dat-old",
            "var/cache/ldconfig/aux-cache",
            "var/log/dpkg.log",
            "var/log/alternatives.log",
        ] {
            let path = self.root.join(file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(EngineError::file("cannot remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn download(&self, packages: &[&str]) -> Result<(), EngineError> {
        run(
            "downloading Debian packages",
            self.apt()
                .args(["-qq", "--yes", "--download-only", "install"])
                .args(packages),
        )?;
        Ok(())
    }

    fn unpack_and_configure(&self, first: bool) -> Result<(), EngineError> {
        let essential = if first { "apt/essential" } else { "" };
        let mut command = tied("unshare");
        command
            .args(["--mount", "--propagation=private", "--pid", "--fork"])
            .args(["--kill-child=SIGKILL", "--mount-proc", "--", "sh", "-c"])
            .arg(include_str!("debian.sh"))
            .arg("sh")
            .arg(&self.root)
            .arg(self.work.join("apt/cache/archives"))
            .arg(if first {
                self.work.join(essential)
            } else {
                PathBuf::new()
            })
            .arg(if self.foreign { "foreign" } else { "native" })
            .args(path_lines("--").lines())
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
            .env("LC_ALL", "C")
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            );
        run(
            &format!("installing Debian packages for {}", self.architecture),
            &mut command,
        )?;
        for path in self.archives()? {
            fs::remove_file(&path).map_err(EngineError::file("cannot remove", path))?;
        }
        Ok(())
    }

    /// The packages that were downloaded and not yet installed.
    fn archives(&self) -> Result<Vec<PathBuf>, EngineError> {
        let folder = self.work.join("apt/cache/archives");
        let entries =
            fs::read_dir(&folder).map_err(EngineError::file("cannot read", folder.clone()))?;
        Ok(entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .collect())
    }

    fn apt(&self) -> Command {
        let mut command = tied("apt-get");
        command
            .env("APT_CONFIG", self.work.join("apt/apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        command
    }

    /// apt's settings: everything of the root's, nothing of the host's but
    /// how it reaches the network.
    fn apt_configuration(&self) -> String {
        let root = self.root.display();
        let apt = self.work.join("apt");
        let apt = apt.display();
        let network = Command::new("apt-config")
            .arg("dump")
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default()
            .lines()
            .filter(|line| line.starts_with("Acquire::http") && line.contains("roxy"))
            .map(|line| format!("{line}\n"))
            .collect::<String>();
        format!(
            "APT::Architecture \"{architecture}\";\n\
             APT::Architectures {{ \"{architecture}\"; }};\n\
             APT::Install-Recommends \"false\";\n\
             APT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\n\
             Dir::Etc::parts \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\n\
             Dir::Etc::preferences \"/dev/null\";\n\
             Dir::Etc::main \"/dev/null\";\n\
             Dir::Etc::sourcelist \"{apt}/build.sources\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\n\
             Dir::State \"{apt}\";\n\
             Dir::State::lists \"{apt}/lists\";\n\
             Dir::State::status \"{root}/var/lib/dpkg/status\";\n\
             Dir::Cache \"{apt}/cache\";\n\
             Dir::Log \"{apt}\";\n\
             {network}",
            architecture = self.architecture,
        )
    }

    fn write(&self, file: &str, content: &str) -> Result<(), EngineError> {
        let path = self.work.join(file);
        fs::write(&path, content).map_err(EngineError::file("cannot write", path))
    }

    fn executable(&self, file: &str) -> Result<(), EngineError> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.work.join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(EngineError::file("cannot make executable", path))
    }
}

impl Archives {
    /// Those that apt in the root goes by.
    fn in_the_root(self) -> Self {
        match self {
            Self::WithUpdates | Self::Release => Self::WithUpdates,
            Self::Sid => Self::Sid,
        }
    }

    /// These archives in the form of apt's `.sources` files.
    fn sources(self, keyring: &str) -> String {
        let entry = |archive: &str, suites: &str| {
            format!(
                "Types: deb\nURIs: http://deb.debian.org/{archive}\nSuites: {suites}\n\
                 Components: main\nSigned-By: {keyring}\n"
            )
        };
        match self {
            Self::WithUpdates => [
                entry("debian", &format!("{SUITE} {SUITE}-updates")),
                entry("debian-security", &format!("{SUITE}-security")),
            ]
            .join("\n"),
            Self::Release => entry("debian", SUITE),
            Self::Sid => entry("debian", "sid"),
        }
    }
}

/// [`PATHS`] as dpkg's configuration or, with `--`, its options.
fn path_lines(dashes: &str) -> String {
    PATHS
        .iter()
        .map(|(exclude, pattern)| {
            let word = if *exclude { "exclude" } else { "include" };
            format!("{dashes}path-{word}={pattern}\n")
        })
        .collect()
}
