//! Certificates for 127.0.0.1 and for clients, made for one test.

use super::folder::TestFolder;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub private_key: PathBuf,
}

impl Certificate {
    /// Makes one for 127.0.0.1 in `folder` that is its own authority.
    pub fn make(folder: &TestFolder) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("the names are valid");
        Self {
            certificate: folder.write("gateway.pem", made.cert.pem()),
            private_key: folder.write("gateway.key", made.signing_key.serialize_pem()),
        }
    }
}

/// What a certificate is to say.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Host names and addresses.
    pub hosts: &'a [&'a str],
    /// The subject, its outermost name first.
    pub subject: &'a [(DnType, &'a str)],
    /// Mail addresses.
    pub mail: &'a [&'a str],
    /// The year in which it ended.
    pub ended: Option<i32>,
    /// How long it lasts from now on.
    pub lasts: Option<Duration>,
}

/// A private authority.
pub struct Authority {
    /// Its certificate.
    pub file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one in `folder`.
    pub fn make(folder: &TestFolder, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("there are no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("keys can be made");
        let made = params.self_signed(&key).expect("it can sign");
        let file = folder.write(&format!("{name}.pem"), made.pem());
        Self { file, issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate into files of that name.
    pub fn issue(&self, folder: &TestFolder, name: &str, wanted: &Wanted<'_>) -> Certificate {
        let hosts: Vec<String> = wanted.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("the names are valid");
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in wanted.subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        for mail in wanted.mail {
            let mail = (*mail).try_into().expect("it is ASCII");
            params.subject_alt_names.push(SanType::Rfc822Name(mail));
        }
        if let Some(year) = wanted.ended {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
        if let Some(lasts) = wanted.lasts {
            params.not_after = (SystemTime::now() + lasts).into();
        }
        let key = KeyPair::generate().expect("keys can be made");
        let made = params.signed_by(&key, &self.issuer).expect("the authority can sign");
        Certificate {
            certificate: folder.write(&format!("{name}.pem"), made.pem()),
            private_key: folder.write(&format!("{name}.key"), key.serialize_pem()),
        }
    }

    /// Issues one for 127.0.0.1.
    pub fn for_loopback(&self, folder: &TestFolder, name: &str) -> Certificate {
        self.issue(folder, name, &Wanted { hosts: &["127.0.0.1"], ..Wanted::default() })
    }
}

/// A client that trusts the certificates in `trusted`.
pub fn client(trusted: &Path) -> Arc<ClientConfig> {
    client_with(trusted, rustls::ALL_VERSIONS, None)
}

/// The same with these versions, and with a certificate of its own.
pub fn client_with(
    trusted: &Path,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&Certificate>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for trusted in CertificateDer::pem_file_iter(trusted).expect("it can be read") {
        let trusted = trusted.expect("it is a certificate");
        roots.add(trusted).expect("it can be trusted");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider speaks them")
        .with_root_certificates(roots);
    Arc::new(match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let chain = CertificateDer::from_pem_file(&own.certificate).expect("it is there");
            let key = PrivateKeyDer::from_pem_file(&own.private_key).expect("it is there");
            config.with_client_auth_cert(vec![chain], key).expect("they go together")
        }
    })
}
