//! Networks of a test's own: what runs in one reaches nothing but what it is
//! joined to, and each byte between two of them is counted by the kernel.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A network namespace, which lives as long as the process that holds it.
pub struct Network {
    holder: Child,
}

impl Network {
    /// One with a loopback device alone.
    pub fn new() -> Self {
        let mut holder = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--"])
            .args(["sh", "-c", "ip link set lo up && echo up && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut word = [0; 3];
        let stdout = holder.stdout.as_mut().unwrap();
        stdout.read_exact(&mut word).unwrap();
        Self { holder }
    }

    /// The file that names it.
    pub fn file(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.holder.id()).into()
    }

    /// A command in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.file().display()));
        command.args(["--", program]);
        command
    }

    /// Joins it to another one by a cable. This end is named `name` and has the
    /// first address of the net `10.99.NUMBER.0/30`, the other one is `eth0` and has
    /// the second, which is returned.
    pub fn join(&self, other: &Self, name: &str, number: u8) -> String {
        let [near, far] = [1, 2].map(|last| format!("10.99.{number}.{last}"));
        let holder = other.holder.id().to_string();
        let cable = ["type", "veth", "peer", "name", "eth0", "netns", &holder];
        self.ip(&[&["link", "add", name][..], &cable].concat());
        for (network, device, address) in [(self, name, &near), (other, "eth0", &far)] {
            let address = format!("{address}/30");
            network.ip(&["address", "add", &address, "dev", device]);
            network.ip(&["link", "set", device, "up"]);
        }
        far
    }

    fn ip(&self, args: &[&str]) {
        let output = self.command("ip").args(args).output().unwrap();
        assert!(output.status.success(), "ip {args:?}: {output:?}");
    }

    /// Bytes that have come in by its `eth0`.
    pub fn received(&self) -> u64 {
        let devices = format!("/proc/{}/net/dev", self.holder.id());
        let devices = std::fs::read_to_string(devices).unwrap();
        let mut lines = devices.lines();
        let counted = lines.find_map(|line| line.trim_start().strip_prefix("eth0:"));
        let counted = counted.expect("an eth0").split_whitespace().next();
        counted.unwrap().parse().unwrap()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
