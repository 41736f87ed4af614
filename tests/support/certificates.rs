//! Certificates for a BuildKit on TLS, and for its clients: an authority for
//! each test, gone with its folder.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// One that signs what BuildKit and its clients show each other.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// The two files by which somebody proves who they are.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// Makes one whose files are in `folder`, which may be that of another.
    pub fn new(folder: &Path, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(DnType::CommonName, format!("{name} of a test"));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = parameters.self_signed(&key).unwrap();
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(parameters, key);
        Self { folder, issuer }
    }

    /// Its own certificate, which others trust.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// For a server at these host names and addresses.
    pub fn server(&self, names: &[&str]) -> Identity {
        self.sign("server", names, ExtendedKeyUsagePurpose::ServerAuth, 4096)
    }

    /// For a client.
    pub fn client(&self) -> Identity {
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        self.sign("client", &[], purpose, 4096)
    }

    /// For a server, and no longer valid.
    pub fn expired_server(&self, names: &[&str]) -> Identity {
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        self.sign("expired-server", names, purpose, 2001)
    }

    /// For a client, and no longer valid.
    pub fn expired_client(&self) -> Identity {
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        self.sign("expired-client", &[], purpose, 2001)
    }

    fn sign(
        &self,
        file: &str,
        names: &[&str],
        purpose: ExtendedKeyUsagePurpose,
        until: i32,
    ) -> Identity {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters
            .distinguished_name
            .push(DnType::CommonName, format!("{file} of a test"));
        parameters.extended_key_usages = vec![purpose];
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        let identity = Identity {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}-key.pem")),
        };
        fs::write(&identity.certificate, signed.pem()).unwrap();
        fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}
