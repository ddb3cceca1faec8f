//! Explains errors of a peer's TLS certificate, with what to do about them.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError::{
    self, BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
    NotValidYet, NotValidYetContext, UnknownIssuer,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, RootCertStore};

/// The server whose certificate is checked, and how to correct the configuration for it.
pub struct Peer<'a> {
    /// Its name in a sentence, such as `the broker`.
    pub name: &'a str,
    /// What to do if its authority is unknown.
    pub if_unknown_authority: &'a str,
    /// What to do if its certificate is for another name.
    pub if_other_name: &'a str,
}

/// What is wrong, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    pub problem: String,
    pub remedy: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem, self.remedy)
    }
}

/// What is wrong with a peer's certificate and what to do; `None` if neither an error nor its
/// causes are about that.
pub fn explain(error: &(dyn Error + 'static), peer: &Peer<'_>) -> Option<Explanation> {
    let Peer {
        name,
        if_unknown_authority,
        if_other_name,
    } = peer;
    let cause = cause(error)?;
    let remedy = match cause {
        rustls::Error::InvalidCertificate(error) => match error {
            UnknownIssuer | BadSignature => format!(
                "{name} shows a certificate that is self-signed, or of an authority that is not \
                 known here: {if_unknown_authority}"
            ),
            NotValidForName | NotValidForNameContext { .. } => (*if_other_name).to_owned(),
            Expired | ExpiredContext { .. } => {
                format!("renew the certificate of {name}, or set the clock of this machine")
            }
            NotValidYet | NotValidYetContext { .. } => {
                format!("set the clock of this machine, or that of {name}")
            }
            CertificateError::Other(_) => format!(
                "{name} needs a certificate (X.509 version 3) that an authority has signed, not \
                 the authority's own"
            ),
            _ => format!("{name} needs another certificate"),
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
        ) => format!("roomwatt has no client certificate: {name} must not ask for one"),
        _ => return None,
    };
    Some(Explanation {
        problem: cause.to_string(),
        remedy,
    })
}

/// Parses the certificates of authorities from a file in PEM format.
///
/// # Errors
/// The reason why it can't be used, for the operator.
pub fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let wrong = |error: &dyn fmt::Display| format!("it contains an invalid certificate: {error}");
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        authorities.add(certificate).map_err(|error| match error {
            // Only the reason: the full text speaks of a peer, but this is a file.
            rustls::Error::InvalidCertificate(why) => wrong(&format_args!("{why:?}")),
            other => wrong(&other),
        })?;
    }
    if authorities.is_empty() {
        return Err("it contains no certificate (PEM)".to_owned());
    }
    Ok(authorities)
}

/// The first error of TLS among an error and its causes.
pub fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(cause) = error.downcast_ref() {
            return Some(cause);
        }
        next = match error.downcast_ref::<io::Error>() {
            // `source` skips the wrapped error itself.
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// An authority for tests, valid until 2120.
#[cfg(test)]
pub(crate) const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBEDCBw6ADAgECAgEBMAUGAytlcDAXMRUwEwYDVQQDDAxhbiBhdXRob3JpdHkw
IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBcxFTATBgNVBAMMDGFu
IGF1dGhvcml0eTAqMAUGAytlcAMhAOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe
6mkURtIsozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBRMXs5AI6A0HuKs
/8xNFxVKhU8C5TAFBgMrZXADQQBBMoY5VP/5aqmuY8HvVX+zXMixHx5zeSCWg1zO
OB8sNEAKyAaotGw6NXjJe7scRMgcvobqlaJGg4s/Jr8Wcg4F
-----END CERTIFICATE-----
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_certificate_in_a_file_of_authorities_must_be_valid() {
        let known = |pem: &str| authorities(pem.as_bytes()).map(|known| known.len());
        assert_eq!(known(AUTHORITY), Ok(1));
        assert_eq!(
            known(&format!("of our own:\n{AUTHORITY}\n{AUTHORITY}")),
            Ok(2)
        );
        let (begin, end) = (
            "-----BEGIN CERTIFICATE-----\n",
            "-----END CERTIFICATE-----\n",
        );
        for (pem, expected) in [
            (String::new(), "it contains no certificate (PEM)"),
            ("a key".into(), "it contains no certificate (PEM)"),
            (begin.into(), "it contains an invalid certificate: "),
            (
                format!("{begin}!\n{end}"),
                "it contains an invalid certificate: ",
            ),
            (
                format!("{AUTHORITY}{begin}aGVsbG8=\n{end}"),
                "it contains an invalid certificate: BadEncoding",
            ),
        ] {
            let wrong = known(&pem).expect_err("no certificate");
            assert!(wrong.starts_with(expected), "{pem}: {wrong}");
        }
    }

    #[test]
    fn each_error_has_its_remedy() {
        const PEER: Peer<'_> = Peer {
            name: "the server",
            if_unknown_authority: "name its authority",
            if_other_name: "set its name",
        };
        let invalid = rustls::Error::InvalidCertificate;
        for (cause, expected) in [
            (
                invalid(UnknownIssuer),
                Some("UnknownIssuer: the server shows a certificate that is self-signed, or of"),
            ),
            (
                invalid(NotValidForName),
                Some("NotValidForName: set its name"),
            ),
            (
                invalid(Expired),
                Some("Expired: renew the certificate of the server, or set the clock of this"),
            ),
            (
                invalid(NotValidYet),
                Some("set the clock of this machine, or that of the server"),
            ),
            (
                invalid(CertificateError::Revoked),
                Some("the server needs another certificate"),
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                Some("the server must not ask for one"),
            ),
            (rustls::Error::DecryptError, None),
        ] {
            let text = cause.to_string();
            let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, cause));
            let shown = explain(&wrapped, &PEER).map(|explanation| explanation.to_string());
            assert_eq!(shown.is_some(), expected.is_some(), "{shown:?}");
            if let (Some(shown), Some(expected)) = (shown, expected) {
                assert!(
                    shown.starts_with(&text) && shown.contains(expected),
                    "{shown}"
                );
            }
        }
        assert_eq!(explain(&io::Error::other("no TLS"), &PEER), None);
    }
}
