//! The codes a guest is told in place of an answer: the few of `wasi:http`'s many that this host has a use for. Their
//! words stand in the record, and from the word alone the same code can be told again.

use super::bindings::types::ErrorCode;
use kapell_model::http::Method;
use kapell_model::seam::{Denial, SendFailure};

/// One code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No grant permits it, or its budget is used up.
    Denied,
    /// The method is none a skill may use.
    MethodInvalid,
    /// There is no such place.
    UriInvalid,
    /// The place takes too many bytes to say.
    UriTooLong,
    /// It can't be sent as it is.
    Protocol,
    /// More bytes than are granted, or than were announced.
    RequestSize,
    /// A field of its head after the body.
    RequestTrailer,
    /// The address is one the rule does not name.
    AddressProhibited,
    /// Nobody was there, and nothing was sent.
    Unavailable,
    /// Nobody was there in time, and nothing was sent.
    ConnectTimeout,
    /// It was sent, and no whole answer came.
    Terminated,
    /// It was sent, and no answer came in time.
    AnswerTimeout,
    /// The answer's head is too large.
    AnswerHeadSize,
    /// The answer is larger than what may still be received.
    AnswerSize,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 14] = [
        Code::Denied,
        Code::MethodInvalid,
        Code::UriInvalid,
        Code::UriTooLong,
        Code::Protocol,
        Code::RequestSize,
        Code::RequestTrailer,
        Code::AddressProhibited,
        Code::Unavailable,
        Code::ConnectTimeout,
        Code::Terminated,
        Code::AnswerTimeout,
        Code::AnswerHeadSize,
        Code::AnswerSize,
    ];

    /// The word `wasi:http` has for it, in lower case.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Code::Denied => "http-request-denied",
            Code::MethodInvalid => "http-request-method-invalid",
            Code::UriInvalid => "http-request-uri-invalid",
            Code::UriTooLong => "http-request-uri-too-long",
            Code::Protocol => "http-protocol-error",
            Code::RequestSize => "http-request-body-size",
            Code::RequestTrailer => "http-request-trailer-section-size",
            Code::AddressProhibited => "destination-ip-prohibited",
            Code::Unavailable => "destination-unavailable",
            Code::ConnectTimeout => "connection-timeout",
            Code::Terminated => "connection-terminated",
            Code::AnswerTimeout => "http-response-timeout",
            Code::AnswerHeadSize => "http-response-header-section-size",
            Code::AnswerSize => "http-response-body-size",
        }
    }

    /// The code a word of the record stands for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }

    /// The code for a request that got no answer.
    #[must_use]
    pub const fn of(failure: &SendFailure) -> Self {
        match failure {
            SendFailure::Denied(denial) => Self::of_denial(denial),
            SendFailure::Failed { sent: false, .. } => Code::Unavailable,
            SendFailure::Failed { sent: true, .. } => Code::Terminated,
            SendFailure::TimedOut { sent: false } => Code::ConnectTimeout,
            SendFailure::TimedOut { sent: true } => Code::AnswerTimeout,
        }
    }

    const fn of_denial(denial: &Denial) -> Self {
        match denial {
            Denial::NotGranted(_) | Denial::Header(_) | Denial::Secret | Denial::Authority(_) => Code::Denied,
            Denial::Address(..) => Code::AddressProhibited,
            Denial::Malformed(_) => Code::Protocol,
            Denial::HeadTooLarge => Code::AnswerHeadSize,
            Denial::TooLarge(_) => Code::AnswerSize,
        }
    }
}

impl From<Code> for ErrorCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Denied => ErrorCode::HttpRequestDenied,
            Code::MethodInvalid => ErrorCode::HttpRequestMethodInvalid,
            Code::UriInvalid => ErrorCode::HttpRequestUriInvalid,
            Code::UriTooLong => ErrorCode::HttpRequestUriTooLong,
            Code::Protocol => ErrorCode::HttpProtocolError,
            Code::RequestSize => ErrorCode::HttpRequestBodySize(None),
            Code::RequestTrailer => ErrorCode::HttpRequestTrailerSectionSize(None),
            Code::AddressProhibited => ErrorCode::DestinationIpProhibited,
            Code::Unavailable => ErrorCode::DestinationUnavailable,
            Code::ConnectTimeout => ErrorCode::ConnectionTimeout,
            Code::Terminated => ErrorCode::ConnectionTerminated,
            Code::AnswerTimeout => ErrorCode::HttpResponseTimeout,
            Code::AnswerHeadSize => ErrorCode::HttpResponseHeaderSectionSize(None),
            Code::AnswerSize => ErrorCode::HttpResponseBodySize(None),
        }
    }
}

/// Whether the server may have acted although no answer was handed over.
pub(super) const fn may_have_acted(method: Method, failure: &SendFailure) -> bool {
    let sent = match failure {
        SendFailure::Failed { sent, .. } | SendFailure::TimedOut { sent } => *sent,
        SendFailure::Denied(denial) => matches!(denial, Denial::HeadTooLarge | Denial::TooLarge(_)),
    };
    sent && method.writes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(Code::ALL.into_iter().all(|code| Code::named(code.word()) == Some(code)));
    }

    #[test]
    fn each_failure_has_its_code_and_says_whether_the_server_may_have_acted() {
        let failed = |sent| SendFailure::Failed { cause: "reset".into(), sent };
        let table = [
            SendFailure::Denied(Denial::NotGranted("x".into())),
            SendFailure::Denied(Denial::Address("x".into(), std::net::Ipv4Addr::LOCALHOST.into())),
            SendFailure::Denied(Denial::Malformed("x".into())),
            SendFailure::Denied(Denial::Header("host".into())),
            SendFailure::Denied(Denial::Secret),
            SendFailure::Denied(Denial::HeadTooLarge),
            SendFailure::Denied(Denial::TooLarge(1)),
            failed(false),
            failed(true),
            SendFailure::TimedOut { sent: false },
            SendFailure::TimedOut { sent: true },
        ];
        let line = |failure: &SendFailure| {
            let acted = |method| if may_have_acted(method, failure) { "acted" } else { "no" };
            format!(
                "{failure:?}: {}, get {}, post {}",
                Code::of(failure).word(),
                acted(Method::Get),
                acted(Method::Post)
            )
        };
        insta::assert_snapshot!(table.iter().map(line).collect::<Vec<_>>().join("\n"), @r#"
        Denied(NotGranted("x")): http-request-denied, get no, post no
        Denied(Address("x", 127.0.0.1)): destination-ip-prohibited, get no, post no
        Denied(Malformed("x")): http-protocol-error, get no, post no
        Denied(Header("host")): http-request-denied, get no, post no
        Denied(Secret): http-request-denied, get no, post no
        Denied(HeadTooLarge): http-response-header-section-size, get no, post acted
        Denied(TooLarge(1)): http-response-body-size, get no, post acted
        Failed { cause: "reset", sent: false }: destination-unavailable, get no, post no
        Failed { cause: "reset", sent: true }: connection-terminated, get no, post acted
        TimedOut { sent: false }: connection-timeout, get no, post no
        TimedOut { sent: true }: http-response-timeout, get no, post acted
        "#);
    }
}
