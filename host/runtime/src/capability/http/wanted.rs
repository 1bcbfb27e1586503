//! What a guest wants sent, taken apart and put together again: the request that leaves is built from these parts and
//! from no text of the guest's.
//!
//! The place is read by the WHATWG rules, as grants are, so that what is compared is what is connected to. Whatever
//! those rules would quietly mend (blanks, backslashes, a user before the host) is refused: a guest that needs
//! mending is mistaken or means something else.

use super::Code;
use super::bindings::types::{Method as Named, Scheme};
use super::fields::{Fields, LENGTH};
use crate::crossings::{cut, one_line};
use kapell_model::http::{Method, URL_MAX, head_bytes, hides_separator, is_plain};
use std::sync::Arc;
use url::Url;

/// Longest text of a place that can't be read, as the record quotes it.
const QUOTE_MAX: usize = 300;

/// A request as the guest put it together, without its body.
#[derive(Clone, Debug)]
pub struct Parts {
    pub(super) method: Named,
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Option<String>,
    pub(super) path: Option<String>,
    pub(super) headers: Fields,
}

/// A request that can be sent if a grant permits it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Arc<[u8]>,
}

impl Parts {
    /// The request, or why it can't be one.
    pub(super) fn wanted(&self, body: &Arc<[u8]>) -> Result<Wanted, Code> {
        let method = method(&self.method).ok_or(Code::MethodInvalid)?;
        let url = self.url()?;
        let announced = self.headers.get(LENGTH).pop();
        if announced.is_some_and(|length| length != body.len().to_string().into_bytes()) {
            return Err(Code::RequestSize);
        }
        let headers = self.headers.entries().iter().filter(|(name, _)| name != LENGTH).cloned().collect();
        Ok(Wanted { method, url, headers, body: Arc::clone(body) })
    }

    /// The place as the guest wrote it, for the record of a request that never became one.
    pub(super) fn quoted(&self) -> String {
        let scheme = match &self.scheme {
            None | Some(Scheme::Https) => "https",
            Some(Scheme::Http) => "http",
            Some(Scheme::Other(other)) => other,
        };
        let (authority, path) = (self.authority.as_deref().unwrap_or_default(), self.path());
        cut(&one_line(&format!("{scheme}://{authority}{path}")), QUOTE_MAX)
    }

    /// The method's word, for the record.
    pub(super) fn word(&self) -> &'static str {
        method(&self.method).map_or("other", Method::word)
    }

    fn path(&self) -> &str {
        self.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/")
    }

    fn url(&self) -> Result<Url, Code> {
        let scheme = match &self.scheme {
            None | Some(Scheme::Https) => "https",
            Some(Scheme::Http) => "http",
            Some(Scheme::Other(_)) => return Err(Code::Protocol),
        };
        let (authority, path) = (self.authority.as_deref().unwrap_or_default(), self.path());
        if authority.len() + path.len() > URL_MAX {
            return Err(Code::UriTooLong);
        }
        if !is_authority(authority) || !is_path(path) {
            return Err(Code::UriInvalid);
        }
        let url = Url::parse(&format!("{scheme}://{authority}{path}")).map_err(|_| Code::UriInvalid)?;
        match is_plain(&url) {
            true => Ok(url),
            false if url.as_str().len() > URL_MAX => Err(Code::UriTooLong),
            false => Err(Code::UriInvalid),
        }
    }
}

/// The method, when it is one a grant can name.
fn method(named: &Named) -> Option<Method> {
    match named {
        Named::Get => Some(Method::Get),
        Named::Head => Some(Method::Head),
        Named::Options => Some(Method::Options),
        Named::Post => Some(Method::Post),
        Named::Put => Some(Method::Put),
        Named::Patch => Some(Method::Patch),
        Named::Delete => Some(Method::Delete),
        Named::Connect | Named::Trace | Named::Other(_) => None,
    }
}

/// A host and perhaps a port, and nothing that a URL could go on with: no user, no zone, no escape, no dot at its end.
fn is_authority(text: &str) -> bool {
    let plain = |letter: char| {
        !letter.is_whitespace() && !letter.is_control() && !"@/\\?#%<>^|\"`{}".contains(letter)
    };
    let dotted = text.ends_with('.') || text.contains(".:");
    !text.is_empty() && !dotted && text.chars().all(plain)
}

/// An absolute path and perhaps a query: not another whole URL, no fragment, no hidden separator, nothing to mend.
fn is_path(text: &str) -> bool {
    let plain = |byte: u8| (0x21..0x7f).contains(&byte) && !b"#\\<>\"`^{}|".contains(&byte);
    let path = text.split('?').next().unwrap_or_default();
    text.starts_with('/') && text.bytes().all(plain) && !hides_separator(path)
}

impl Wanted {
    /// Bytes of the request as HTTP/1.1 writes what the guest said: what counts against the bytes a grant lets be
    /// sent. What the host adds is the host's.
    pub(super) fn weight(&self) -> u64 {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        head_bytes(self.method, &self.url) + (headers + self.body.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(scheme: Option<Scheme>, authority: &str, path: &str) -> Parts {
        let (authority, path) = (Some(authority.to_owned()), Some(path.to_owned()));
        Parts { method: Named::Get, scheme, authority, path, headers: Fields::default() }
    }

    fn read(parts: &Parts) -> String {
        match parts.wanted(&Arc::from([])) {
            Ok(wanted) => format!("{} {}", wanted.method, wanted.url),
            Err(code) => code.word().to_owned(),
        }
    }

    #[test]
    fn a_place_has_one_spelling_or_is_none() {
        let table = [
            ("api.acme.example", "/v1/orders?id=1"),
            ("API.Acme.Example:443", ""),
            ("api.acme.example:8443", "/a/../b/./c"),
            ("0x7f.1", "/"),
            ("2130706433", "/"),
            ("[::ffff:127.0.0.1]", "/"),
            ("b\u{fc}cher.example", "/"),
            ("\u{430}pple.example", "/"),
            ("good@evil.example", "/"),
            ("user:word@good.example", "/"),
            ("good.example.", "/"),
            ("127.0.0.1.:80", "/"),
            ("good.example:0", "/"),
            ("good.example:65536", "/"),
            ("[fe80::1%25eth0]", "/"),
            ("%6cocalhost", "/"),
            ("good.example\t", "/"),
            ("good\n.example", "/"),
            ("good.example/evil", "/"),
            ("good.example#", "/"),
            ("good.example\\evil", "/"),
            ("", "/"),
            ("good.example", "http://evil.example/"),
            ("good.example", "//evil.example/"),
            ("good.example", "*"),
            ("good.example", "evil.example:443"),
            ("good.example", "/a b"),
            ("good.example", "/a\r\nhost: evil.example"),
            ("good.example", "/a\\..\\b"),
            ("good.example", "/v1/%2e%2e/admin"),
            ("good.example", "/v1%2f..%2fadmin"),
            ("good.example", "/a#b"),
            ("good.example", "/caf\u{e9}"),
        ];
        let line = |(authority, path): &(&str, &str)| {
            format!(
                "{:34} {:26} {}",
                format!("{authority:?}"),
                format!("{path:?}"),
                read(&parts(None, authority, path))
            )
        };
        insta::assert_snapshot!(table.iter().map(line).collect::<Vec<_>>().join("\n"), @r#"
        "api.acme.example"                 "/v1/orders?id=1"          GET https://api.acme.example/v1/orders?id=1
        "API.Acme.Example:443"             ""                         GET https://api.acme.example/
        "api.acme.example:8443"            "/a/../b/./c"              GET https://api.acme.example:8443/b/c
        "0x7f.1"                           "/"                        GET https://127.0.0.1/
        "2130706433"                       "/"                        GET https://127.0.0.1/
        "[::ffff:127.0.0.1]"               "/"                        GET https://[::ffff:7f00:1]/
        "bücher.example"                   "/"                        GET https://xn--bcher-kva.example/
        "аpple.example"                    "/"                        GET https://xn--pple-43d.example/
        "good@evil.example"                "/"                        http-request-uri-invalid
        "user:word@good.example"           "/"                        http-request-uri-invalid
        "good.example."                    "/"                        http-request-uri-invalid
        "127.0.0.1.:80"                    "/"                        http-request-uri-invalid
        "good.example:0"                   "/"                        http-request-uri-invalid
        "good.example:65536"               "/"                        http-request-uri-invalid
        "[fe80::1%25eth0]"                 "/"                        http-request-uri-invalid
        "%6cocalhost"                      "/"                        http-request-uri-invalid
        "good.example\t"                   "/"                        http-request-uri-invalid
        "good\n.example"                   "/"                        http-request-uri-invalid
        "good.example/evil"                "/"                        http-request-uri-invalid
        "good.example#"                    "/"                        http-request-uri-invalid
        "good.example\\evil"               "/"                        http-request-uri-invalid
        ""                                 "/"                        http-request-uri-invalid
        "good.example"                     "http://evil.example/"     http-request-uri-invalid
        "good.example"                     "//evil.example/"          GET https://good.example//evil.example/
        "good.example"                     "*"                        http-request-uri-invalid
        "good.example"                     "evil.example:443"         http-request-uri-invalid
        "good.example"                     "/a b"                     http-request-uri-invalid
        "good.example"                     "/a\r\nhost: evil.example" http-request-uri-invalid
        "good.example"                     "/a\\..\\b"                http-request-uri-invalid
        "good.example"                     "/v1/%2e%2e/admin"         http-request-uri-invalid
        "good.example"                     "/v1%2f..%2fadmin"         http-request-uri-invalid
        "good.example"                     "/a#b"                     http-request-uri-invalid
        "good.example"                     "/café"                    http-request-uri-invalid
        "#);
    }

    #[test]
    fn a_place_ends_at_exactly_its_bytes() {
        let with = |bytes: usize| read(&parts(None, "a.example", &format!("/{}", "x".repeat(bytes - 18))));
        assert!(with(URL_MAX - 1).starts_with("GET "));
        assert!(with(URL_MAX).starts_with("GET "));
        assert_eq!(with(URL_MAX + 1), "http-request-uri-too-long");
        assert_eq!(with(URL_MAX * 100), "http-request-uri-too-long");
    }

    #[test]
    fn methods_and_schemes_are_those_a_grant_can_name() {
        let named = |method| read(&Parts { method, ..parts(Some(Scheme::Http), "a.example", "/") });
        for (method, word) in [(Named::Get, "GET"), (Named::Delete, "DELETE"), (Named::Patch, "PATCH")] {
            assert_eq!(named(method), format!("{word} http://a.example/"));
        }
        for method in [Named::Connect, Named::Trace, Named::Other("GET".into()), Named::Other("a b".into())] {
            assert_eq!(named(method), "http-request-method-invalid");
        }
        let other = parts(Some(Scheme::Other("ftp".into())), "a.example", "/");
        assert_eq!(read(&other), "http-protocol-error");
    }

    #[test]
    fn an_announced_length_is_true_and_never_handed_on() {
        let with = |length: &str| {
            let headers = Fields::of_list(vec![(LENGTH.into(), length.into())]).unwrap_or_default();
            let sent = Parts { headers, ..parts(None, "a.example", "/") }.wanted(&Arc::from(*b"12345"));
            sent.map(|wanted| wanted.headers.len())
        };
        assert_eq!(with("5"), Ok(0));
        for length in ["4", "6", "05", "+5", "5, 5", "five"] {
            assert_eq!(with(length), Err(Code::RequestSize), "{length}");
        }
    }

    #[test]
    fn a_request_weighs_what_it_takes_to_write() {
        let headers = Fields::of_list(vec![("x-key".into(), b"value".to_vec())]).unwrap_or_default();
        let parts = Parts { headers, ..parts(None, "a.example", "/v1?q=1") };
        let written = "GET /v1?q=1 HTTP/1.1\r\nhost: a.example\r\nx-key: value\r\n\r\nbody";
        let weight = parts.wanted(&Arc::from(*b"body")).map(|wanted| wanted.weight());
        assert_eq!(weight, Ok(written.len() as u64));
    }
}
