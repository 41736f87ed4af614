//! Sockets where engines listen that nobody named: they are told of, and
//! never used unasked.

use std::path::{Path, PathBuf};

/// An engine's usual socket, and whether it could build.
struct Usual {
    product: &'static str,
    socket: PathBuf,
}

/// The sockets that are there, each as `Colima unix:///home/me/.colima/…`.
pub(super) fn present(home: Option<&Path>, runtime_dir: Option<&Path>) -> Vec<String> {
    let usual = usual(home, runtime_dir);
    let present = usual.iter().filter(|usual| is_socket(&usual.socket));
    present
        .map(|usual| {
            let note = match usual.product {
                "Podman" => " (it has no BuildKit)",
                _ => "",
            };
            format!("{} unix://{}{note}", usual.product, usual.socket.display())
        })
        .collect()
}

fn usual(home: Option<&Path>, runtime_dir: Option<&Path>) -> Vec<Usual> {
    const OF_HOME: [(&str, &str); 6] = [
        ("Docker Desktop", ".docker/desktop/docker.sock"),
        ("Docker Desktop", ".docker/run/docker.sock"),
        ("Colima", ".colima/default/docker.sock"),
        ("Rancher Desktop", ".rd/docker.sock"),
        ("OrbStack", ".orbstack/run/docker.sock"),
        (
            "Podman",
            ".local/share/containers/podman/machine/podman.sock",
        ),
    ];
    const OF_RUNTIME: [(&str, &str); 2] = [
        ("rootless Docker Engine", "docker.sock"),
        ("Podman", "podman/podman.sock"),
    ];
    let under = |folder: Option<&Path>, known: &[(&'static str, &str)]| -> Vec<Usual> {
        let Some(folder) = folder else {
            return Vec::new();
        };
        let usual = known.iter().map(|(product, path)| Usual {
            product,
            socket: folder.join(path),
        });
        usual.collect()
    };
    let mut all = under(runtime_dir, &OF_RUNTIME);
    all.extend(under(home, &OF_HOME));
    all.extend(under(
        Some(Path::new("/run")),
        &[("Podman", "podman/podman.sock")],
    ));
    all
}

fn is_socket(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
    }
    #[cfg(not(unix))]
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn sockets_that_are_there_are_told_by_their_product() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tempfile::tempdir().unwrap();
        let _listeners: Vec<UnixListener> = [
            runtime.path().join("docker.sock"),
            runtime.path().join("podman/podman.sock"),
            home.path().join(".colima/default/docker.sock"),
        ]
        .iter()
        .map(|socket| {
            std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
            UnixListener::bind(socket).unwrap()
        })
        .collect();
        // A file is no socket.
        std::fs::create_dir(home.path().join(".rd")).unwrap();
        std::fs::write(home.path().join(".rd/docker.sock"), "").unwrap();
        let told = present(Some(home.path()), Some(runtime.path())).join("; ");
        for part in [
            "rootless Docker Engine unix://",
            "Colima unix://",
            "no BuildKit",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("Rancher"), "{told}");
    }
}
